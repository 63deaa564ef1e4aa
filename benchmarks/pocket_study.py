"""The study's 75 runs and both orders, on the pocket base: writes docs/pocket.md and docs/pocket.json (`make pocket`).

500 training questions and 3 epochs a run, by paragraph, in fleets of like rank; every adapter answers 500 questions.
Takes some twenty minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from squadron.data.batches import Order
from squadron.data.prepared import Split
from squadron.data.squad import Dataset
from squadron.decoding.strategies import resolve_strategies
from squadron.experiments.answering import Answers, answer_questions
from squadron.experiments.environment import describe_environment
from squadron.experiments.fleet import make_trainer
from squadron.experiments.material import Material
from squadron.experiments.options import TrainOptions
from squadron.experiments.pocket import base_location, parts
from squadron.files import write_json, write_text
from squadron.model.checkpoint import Base, load_base
from squadron.model.lora import Fleet
from squadron.model.tokenizer import Tokenizer, load_tokenizer
from squadron.pocket.world import make_splits
from squadron.scoring.evaluation import score
from squadron.scoring.paired import difference_interval
from squadron.training.precision import precision_name, resolve_precision

ROOT = Path(__file__).resolve().parents[1]
RANKS = (4, 8, 16, 32, 64)
RATES = (7e-5, 1e-4, 2e-4, 5e-4, 1e-3)
MODULES = ("attention", "attention+mlp", "query-value+attention")
STRATEGIES = ("greedy", "span", "beam", "top-k", "nucleus", "temperature")


def figures(answers: Answers, dataset: Dataset) -> dict[str, Any]:
    """EM and F1 on the whole test split and its two halves, with intervals."""
    golds, clusters = dataset.golds(), dataset.clusters()
    predictions = answers.predictions()
    found: dict[str, Any] = {}
    for name, ids in {"all": list(golds), **parts(list(golds))}.items():
        own = score(predictions, {one: golds[one] for one in ids}, clusters=clusters)
        found[name] = {
            "exact_match": own.exact_match,
            "f1": own.f1,
            "f1_interval": [own.f1_interval.low, own.f1_interval.high],
        }
    return found


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained fleet: the last loss of each adapter, seconds, and the questions that all of them saw."""

    fleet: Fleet
    losses: tuple[float, ...]
    seconds: float
    examples: int


def train_fleet(base: Base, tokenizer: Tokenizer, train: Dataset, runs: Sequence[dict[str, Any]]) -> Trained:
    """Train runs (options of ``train``) together, in memory alone."""
    options = [TrainOptions(**{"base": base.name, "data": "", "out": "", **run}) for run in runs]
    trainer = make_trainer(Material(base.name, "", base, tokenizer, Split(train, "train", ""), None), options)
    began = time.perf_counter()
    results = [trainer.step() for _ in range(trainer.total_steps)]
    assert not trainer.stopped, trainer.stopped
    seen = len(runs) * sum(result.questions for result in results)
    return Trained(trainer.fleet, results[-1].losses, time.perf_counter() - began, seen)


def answer_with_fleet(base: Base, tokenizer: Tokenizer, test: Dataset, fleet: Fleet) -> list[Answers]:
    """Greedy answers of every adapter, in one pass."""
    length = min(256, base.model.config.n_positions - 32)
    return answer_questions(base.model, tokenizer, test, fleet=fleet, max_prompt=length, max_new_tokens=32)["greedy"]


def grid(base: Base, tokenizer: Tokenizer, train: Dataset, test: Dataset, epochs: int) -> tuple[list[Any], float]:
    """The 75 runs; the first of what is returned is one record a run, the second the seconds that all took."""
    records, began = [], time.perf_counter()
    for rank in RANKS:
        shared = {"rank": rank, "epochs": epochs, "order": "paragraph"}
        runs = [{**shared, "target_modules": (modules,), "lr": rate} for modules in MODULES for rate in RATES]
        result = train_fleet(base, tokenizer, train, runs)
        answers = answer_with_fleet(base, tokenizer, test, result.fleet)
        names = [(modules, rate) for modules in MODULES for rate in RATES]
        for (modules, rate), own, loss in zip(names, answers, result.losses, strict=True):
            records.append({"rank": rank, "modules": modules, "lr": rate, "loss": loss, **figures(own, test)})
        print(f"rank {rank}: {len(records)} runs, {time.perf_counter() - began:.0f} s", flush=True)
    return records, time.perf_counter() - began


def tuned(base: Base, tokenizer: Tokenizer, train: Dataset, test: Dataset) -> dict[str, Any]:
    """The study's own settings on 2,000 questions: rank 4, attention, 1e-3, 5 epochs, by question; every strategy."""
    result = train_fleet(base, tokenizer, train, [{}])
    found: dict[str, Any] = {}
    for name, fleet in (("base", None), ("tuned", result.fleet)):
        answers = answer_questions(
            base.model,
            tokenizer,
            test,
            fleet=fleet,
            max_prompt=256,
            max_new_tokens=32,
            strategies=resolve_strategies(STRATEGIES),
        )
        found[name] = {strategy: figures(own[0], test) for strategy, own in answers.items()}
        print(name, {strategy: round(own["all"]["f1"], 1) for strategy, own in found[name].items()}, flush=True)
    return {**found, "seconds": result.seconds, "examples_per_second": result.examples / result.seconds}


def orders(base: Base, tokenizer: Tokenizer, train: Dataset, test: Dataset, seeds: Sequence[int]) -> dict[str, Any]:
    """By question against by paragraph, over seeds: each seed's F1, and the interval of the mean difference."""
    golds, clusters = test.golds(), test.clusters()
    f1: dict[Order, list[Any]] = {"question": [], "paragraph": []}
    for seed in seeds:
        for order, own in f1.items():
            result = train_fleet(base, tokenizer, train, [{"epochs": 3, "order": order, "seed": seed}])
            answers = answer_with_fleet(base, tokenizer, test, result.fleet)
            own.append(score(answers[0].predictions(), golds, clusters=clusters))
            print(f"seed {seed}, {order}: F1 {own[-1].f1:.1f}, {result.seconds:.0f} s", flush=True)
    differences = sum(
        p.question_f1 - q.question_f1 for q, p in zip(f1["question"], f1["paragraph"], strict=True)
    ) / len(seeds)
    interval = difference_interval(differences, f1["question"][0].clusters).scaled(100)
    return {
        "question": [own.f1 for own in f1["question"]],
        "paragraph": [own.f1 for own in f1["paragraph"]],
        "difference": 100 * float(differences.mean()),
        "interval": [interval.low, interval.high],
    }


def page(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = ["# The pocket base", "", *_tuned_lines(found["tuned"]), "", *_grid_lines(found), ""]
    if "orders" in found:
        lines += [*_order_lines(found["orders"]), ""]
    lines += [
        "## What this says about GPT-2, and what it does not",
        "",
        "The pocket base shows that the pipeline learns, and which way rank, learning rate and modules push at this",
        "size. It has 4 million parameters, a world of its own and questions made by templates: its scores say",
        "nothing of GPT-2's on SQuAD, and a best rank here need not be the best there. Differences inside the",
        "intervals are noise.",
        "",
    ]
    return "\n".join(lines)


def _tuned_lines(tuned: dict[str, Any]) -> list[str]:
    lines = [
        "Made by `make pocket`; the raw figures are in `pocket.json`. F1 in points with 95 % intervals that resample",
        "paragraphs; 500 test questions whose entities occur in no training text: 250 phrased as training is",
        "(*known*), 250 in words that never occur there (*new*).",
        "",
        "## Untouched and tuned",
        "",
        "LoRA with the study's settings: rank 4, attention, 1e-3, 2,000 questions, 5 epochs, by question.",
        "",
        "| model | decoding | EM | F1 | F1 known | F1 new |",
        "|---|---|---|---|---|---|",
    ]
    for name in ("base", "tuned"):
        for strategy, own in tuned[name].items():
            cells = [f"{own[part]['f1']:.1f} ({_ends(own[part]['f1_interval'])})" for part in ("all", "known", "new")]
            lines.append(f"| {name} | {strategy} | {own['all']['exact_match']:.1f} | {' | '.join(cells)} |")
    return [*lines, "", f"Training ran at {tuned['examples_per_second']:.0f} examples/s."]


def _grid_lines(found: dict[str, Any]) -> list[str]:
    lines = [
        "## The study's 75 runs",
        "",
        f"{found['settings']['train']} training questions, {found['settings']['epochs']} epochs, by paragraph, in five",
        f"fleets of fifteen: {found['grid_seconds'] / 60:.1f} minutes for all, training and answering "
        f"({found['environment']['threads']} threads, {found['precision']}).",
        "",
        "F1 on the 500 test questions:",
        "",
    ]
    for modules in MODULES:
        lines += [f"| {modules} | " + " | ".join(f"{rate:g}" for rate in RATES) + " |", "|---" * 6 + "|"]
        for rank in RANKS:
            own = [run for run in found["grid"] if run["rank"] == rank and run["modules"] == modules]
            lines.append(f"| r = {rank} | " + " | ".join(f"{run['all']['f1']:.1f}" for run in own) + " |")
        lines.append("")
    half = statistics.median((run["all"]["f1_interval"][1] - run["all"]["f1_interval"][0]) / 2 for run in found["grid"])
    return [*lines, f"Each figure's own 95 % interval is about ± {half:.1f} points wide."]


def _order_lines(orders: dict[str, Any]) -> list[str]:
    low, high = orders["interval"]
    return [
        "## By paragraph or by question",
        "",
        "Rank 4, attention, 1e-3, 3 epochs, a seed a column:",
        "",
        "| order | " + " | ".join(str(seed) for seed in range(len(orders["question"]))) + " | mean |",
        "|---" * (len(orders["question"]) + 2) + "|",
        *(
            f"| {order} | "
            + " | ".join(f"{f1:.1f}" for f1 in orders[order])
            + f" | {statistics.fmean(orders[order]):.1f} |"
            for order in ("question", "paragraph")
        ),
        "",
        f"Paragraph less question: {orders['difference']:+.1f} points of F1 (95 %: {low:+.1f} to {high:+.1f}).",
    ]


def _ends(interval: Sequence[float]) -> str:
    return f"{interval[0]:.1f} – {interval[1]:.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="pocket")
    parser.add_argument("--train", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    dtype = resolve_precision("auto", torch.device("cpu"))
    base = load_base(base_location(arguments.base), dtype=dtype)
    tokenizer = load_tokenizer(base.folder)
    whole, few = make_splits(), make_splits(train=arguments.train)
    found: dict[str, Any] = {
        "settings": {"train": arguments.train, "epochs": arguments.epochs},
        "precision": precision_name(dtype),
        "environment": describe_environment(torch.device("cpu")),
        "base_sha256": base.sha256,
        "tuned": tuned(base, tokenizer, whole["train"], whole["test"]),
    }
    found["grid"], found["grid_seconds"] = grid(base, tokenizer, few["train"], whole["test"], arguments.epochs)
    if arguments.seeds:
        found["orders"] = orders(base, tokenizer, few["train"], whole["test"], range(arguments.seeds))
    write_json(ROOT / "docs" / "pocket.json", found)
    write_text(ROOT / "docs" / "pocket.md", page(found))
