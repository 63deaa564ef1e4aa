"""Run the study on the pocket base (`make pocket`): its adapter, its 75 runs and both orders.

Writes docs/pocket.md and docs/pocket.json.

Three parts, each run with the public commands: `train` and `evaluate` with the study's settings on 2,000 questions;
`sweep configs/pocket.yaml`; and a sweep of both orders over seeds. An interrupted study resumes from its folder. Takes
about forty minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import squadron
from squadron.data.prepared import load_split
from squadron.errors import RunError
from squadron.files import read_json, write_json, write_text
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.analysis.verdicts import Contrast
from squadron.runs.study import read_study
from squadron.scoring.evaluation import score
from squadron.scoring.paired import difference_interval
from squadron.tracking.progress import Reporter

ROOT = Path(__file__).resolve().parents[1]
RANKS = (4, 8, 16, 32, 64)
RATES = (7e-5, 1e-4, 2e-4, 5e-4, 1e-3)
MODULES = ("attention", "attention+mlp", "query-value+attention")
STRATEGIES = ("greedy", "span", "beam", "top-k", "nucleus", "temperature")
FIGURES = ("exact_match", "f1", "f1_interval")
QUESTIONS = 1000
"""Test questions of the study's adapter and of both orders, half of them in known phrasings."""
ORDERS = f"""\
base: {{train_size: 500, val_size: 200, test_size: {QUESTIONS}, epochs: 3, eval_questions: 0}}
grid: {{order: [question, paragraph]}}
evaluate: {{split: test, decoding: [greedy]}}
"""


class Printer(Reporter):
    """Prints notes."""

    def note(self, text: str) -> None:
        print(text, flush=True)


def figures(record: dict[str, Any]) -> dict[str, Any]:
    """Return EM and F1 of one strategy on the whole test split and its two halves, with intervals."""
    every = {"all": record, **record["parts"]}
    return {part: {name: own[name] for name in FIGURES} for part, own in every.items()}


def split_figures(folder: Path, split: str) -> dict[str, dict[str, Any]]:
    """Return the figures of every strategy that a folder has scores for."""
    decodings = read_json(folder / "scores.json", what="scores", error=RunError)["splits"][split]["decodings"]
    return {name: figures(record) for name, record in decodings.items()}


def tuned(study: Path, base: str) -> dict[str, Any]:
    """Run the study's settings on 2,000 questions (rank 4, attention, 1e-3, 5 epochs, by question), all strategies."""
    data, run = study / "data", study / "tuned"
    if not (data / "data.json").is_file():
        squadron.prepare(dataset="pocket", out=str(data), train_size=2000, val_size=200, test_size=QUESTIONS)
    trained = squadron.train(base=base, data=str(data), out=str(run), resume=run.is_dir(), reporter=Printer())
    about = {"split": "test", "decoding": STRATEGIES, "reporter": Printer()}
    if not (study / "baseline" / "scores.json").is_file():
        squadron.evaluate(base=base, data=str(data), out=str(study / "baseline"), **about)
    if not (run / "scores.json").is_file():
        squadron.evaluate(run=str(run), **about)
    return {
        "base": split_figures(study / "baseline", "test"),
        "tuned": split_figures(run, "test"),
        "seconds": trained["seconds"],
        "examples_per_second": trained["examples_per_second"],
    }


def grid(study: Path, base: str) -> dict[str, Any]:
    """Run the 75 runs. Return the changes and figures of each, the seconds of all, and the findings."""
    out = study / "grid"
    swept = squadron.sweep(
        config=str(ROOT / "configs" / "pocket.yaml"),
        base=base,
        dataset="pocket",
        out=str(out),
        resume=out.is_dir(),
        reporter=Printer(),
    )
    runs = [
        entry["changes"]
        | {"status": entry["status"]}
        | split_figures(out / "runs" / entry["name"], "validation")["greedy"]
        for entry in swept["runs"]
    ]
    return {"split": swept["split"], "runs": runs, "seconds": swept["seconds"], **findings(out)}


def findings(folder: Path) -> dict[str, Any]:
    """Return the effects of the axes and of the best run's strategies on F1, as the report tests them."""
    analysis = analyze_study(read_study(folder))
    effects = [
        {
            "axis": effect.axis,
            "means": [[level.value, level.mean] for level in effect.levels],
            "pairs": [_tested(one) for one in effect.contrasts],
            "trend": None if effect.trend is None else _tested(effect.trend),
        }
        for effect in analysis.effects
        if effect.metric == "f1"
    ]
    decodings = () if analysis.decodings is None else analysis.decodings.contrasts
    return {
        "questions": analysis.effects[0].contrasts[0].questions,
        "effects": effects,
        "strategies": [_tested(one) for one in decodings if one.metric == "f1"],
    }


def _tested(one: Contrast) -> dict[str, Any]:
    names = ("first", "second", "difference", "interval", "p_value", "adjusted", "verdict")
    return {name: getattr(one, name) for name in names}


def orders(study: Path, base: str, seeds: int) -> dict[str, Any]:
    """Compare both orders over seeds. Return each seed's figures, and the interval of the mean difference."""
    out = study / "orders"
    config = study / "orders.yaml"
    write_text(config, ORDERS)
    swept = squadron.sweep(
        config=str(config),
        base=base,
        dataset="pocket",
        out=str(out),
        seeds=seeds,
        resume=out.is_dir(),
        reporter=Printer(),
    )
    dataset = load_split(str(out / "data"), "test").dataset
    golds, clusters = dataset.golds(), dataset.clusters()
    found: dict[str, list[Any]] = {"question": [], "paragraph": []}
    for entry in sorted(swept["runs"], key=lambda entry: entry["changes"]["seed"]):
        path = out / "runs" / entry["name"] / "predictions" / "greedy.test.json"
        predictions = read_json(path, what="predictions", error=RunError)
        found[entry["changes"]["order"]].append(score(predictions, golds, clusters=clusters))
    record: dict[str, Any] = {"seeds": seeds}
    for name, points in (("f1", "question_f1"), ("exact_match", "question_exact_match")):
        pairs = zip(found["question"], found["paragraph"], strict=True)
        differences = sum(getattr(p, points) - getattr(q, points) for q, p in pairs) / seeds
        interval = difference_interval(differences, found["question"][0].clusters).scaled(100)
        record[name] = {
            **{order: [getattr(own, name) for own in scores] for order, scores in found.items()},
            "difference": 100 * float(differences.mean()),
            "interval": [interval.low, interval.high],
        }
    return record


def page(found: dict[str, Any]) -> str:
    """Return the figures as a Markdown page."""
    return "\n".join(
        [
            "# The pocket base",
            "",
            *_tuned_lines(found["tuned"]),
            "",
            *_grid_lines(found["grid"], found["environment"], found["precision"]),
            "",
            *_effect_lines(found["grid"]),
            "",
            *([*_order_lines(found["orders"]), ""] if "orders" in found else []),
            "## What this means for GPT-2",
            "",
            "The pocket base shows that the pipeline learns, and how rank, learning rate and modules affect scores at",
            "this size. It has 4 million parameters, a synthetic world and questions made from templates. Its scores",
            "say nothing about GPT-2 on SQuAD, and the best rank here need not be the best there. Differences within",
            "the intervals are noise.",
            "",
        ]
    )


def _tuned_lines(tuned: dict[str, Any]) -> list[str]:
    count, half = f"{QUESTIONS:,}", QUESTIONS // 2
    lines = [
        "Made by `make pocket`; the raw figures are in `pocket.json`. F1 in points with 95 % intervals that resample",
        f"paragraphs; {count} test questions whose entities occur in no training text: {half} phrased as in training",
        f"(*known*), {half} in phrasings that never occur there (*new*).",
        "",
        "## Base and tuned",
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


def _grid_lines(grid: dict[str, Any], environment: dict[str, Any], precision: str) -> list[str]:
    lines = [
        "## The study's 75 runs",
        "",
        "`squadron sweep configs/pocket.yaml --base pocket --dataset pocket`: 500 training questions, 3 epochs, by",
        f"paragraph: {grid['seconds'] / 60:.1f} minutes in all for training and answering "
        f"({environment['threads']} threads, {precision}).",
        "",
        f"F1 on {grid['questions']:,} {grid.get('split', 'test')} questions:",
        "",
    ]
    for modules in MODULES:
        lines += [f"| {modules} | " + " | ".join(f"{rate:g}" for rate in RATES) + " |", "|---" * 6 + "|"]
        for rank in RANKS:
            cells = [_cell(grid["runs"], rank, rate, modules) for rate in RATES]
            lines.append(f"| r = {rank} | " + " | ".join(cells) + " |")
        lines.append("")
    widths = [run["all"]["f1_interval"][1] - run["all"]["f1_interval"][0] for run in grid["runs"]]
    return [*lines, f"The 95 % interval of each figure is about ± {statistics.median(widths) / 2:.1f} points."]


def _cell(runs: Sequence[dict[str, Any]], rank: int, rate: float, modules: str) -> str:
    (own,) = [run for run in runs if (run["rank"], run["lr"], run["targets"]) == (rank, rate, modules)]
    return f"{own['all']['f1']:.1f}" if own["status"] == "done" else own["status"]


def _effect_lines(grid: dict[str, Any]) -> list[str]:
    lines = [
        "## Effects",
        "",
        "Mean F1 of all runs with a value, and differences with intervals that account for both samples, the questions",
        "and the runs. The first p is uncorrected, for a single pair that was chosen beforehand, such as the lowest",
        "and the highest rate; the second is Holm-corrected over all pairs and trends, as in the report. A line is the",
        "rise of the straight line through an axis's means (over the logarithm).",
        "",
        "| axis | mean F1 | step | points of F1 (95 %) | p alone | p, Holm | report |",
        "|---|---|---|---|---|---|---|",
    ]
    for effect in grid["effects"]:
        means = ", ".join(f"{value}: {mean:.1f}" for value, mean in effect["means"])
        pairs = effect["pairs"]
        if effect["trend"] is not None:
            ends = (effect["means"][0][0], effect["means"][-1][0])
            pairs = [effect["trend"], *(one for one in pairs if (one["first"], one["second"]) == ends)]
        for place, one in enumerate(pairs):
            line = effect["trend"] is not None and place == 0
            head = (effect["axis"], means) if place == 0 else ("", "")
            lines.append(_effect_row(head, one, f"line, {_step(one)}" if line else _step(one)))
    return [*lines, *(_effect_row(("strategy of the best run", ""), one, _step(one)) for one in grid["strategies"])]


def _step(one: dict[str, Any]) -> str:
    return f"{one['first']} to {one['second']}"


def _effect_row(head: tuple[str, str], one: dict[str, Any], step: str) -> str:
    low, high = one["interval"]
    shown = "significant" if one["verdict"] in ("higher", "lower") else "not significant"
    chances = " | ".join("< 0.001" if p < 0.001 else f"{p:.3f}" for p in (one["p_value"], one["adjusted"]))
    points = f"{one['difference']:+.1f} ({low:+.1f} to {high:+.1f})"
    return f"| {head[0]} | {head[1]} | {step} | {points} | {chances} | {shown} |"


def _order_lines(orders: dict[str, Any]) -> list[str]:
    lines = [
        "## By paragraph or by question",
        "",
        "Rank 4, attention, 1e-3, 500 questions, 3 epochs, one column per seed:",
        "",
    ]
    lines += ["| | " + " | ".join(map(str, range(orders["seeds"]))) + " | mean |", "|---" * (orders["seeds"] + 2) + "|"]
    for name, label in (("f1", "F1"), ("exact_match", "EM")):
        for order in ("question", "paragraph"):
            values = orders[name][order]
            cells = " | ".join(f"{value:.1f}" for value in values)
            lines.append(f"| {label}, by {order} | {cells} | {statistics.fmean(values):.1f} |")
    lines.append("")
    for name, label in (("f1", "F1"), ("exact_match", "EM")):
        low, high = orders[name]["interval"]
        difference = orders[name]["difference"]
        lines.append(
            f"- paragraph minus question: {difference:+.1f} points of {label} (95 %: {low:+.1f} to {high:+.1f})"
        )
    return lines


def _ends(interval: Sequence[float]) -> str:
    return f"{interval[0]:.1f} – {interval[1]:.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="pocket")
    parser.add_argument(
        "--out", type=Path, default=Path("pocket-study"), help="Folder of the study; `squadron report` can read it."
    )
    parser.add_argument("--seeds", type=int, default=5, help="Seeds of the comparison of both orders; 0 for none.")
    arguments = parser.parse_args()
    arguments.out.mkdir(exist_ok=True)
    found = {
        "tuned": tuned(arguments.out, arguments.base),
        "grid": grid(arguments.out, arguments.base),
    }
    if arguments.seeds:
        found["orders"] = orders(arguments.out, arguments.base, arguments.seeds)
    record = read_json(arguments.out / "grid" / "sweep.json", what="the sweep's record", error=RunError)
    found.update({name: record[name] for name in ("environment", "precision", "base")})
    write_json(ROOT / "docs" / "pocket.json", found)
    write_text(ROOT / "docs" / "pocket.md", page(found))
