"""Run the study on the pocket base (`make pocket`) and write docs/pocket.md and docs/pocket.json.

The study is `sweep configs/pocket.yaml` (rank, learning rate and scale of the update over three seeds), three sizes of
the training data (:data:`SIZES`), and two adapters with equal parameters (:data:`PAIR`); the plan of each analysis is
fixed in its configuration. Beside it, `train` and `evaluate` with the paper's settings on 2,000 questions, and a sweep
of both orders over seeds; `--seeds 0` leaves the orders out. All run with the public commands, and an interrupted study
resumes from its folder. `--tiny` runs every part with few questions, to see that all parts work.
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
from squadron.sweeps.yaml_file import read_yaml
from squadron.tracking.progress import Reporter

ROOT = Path(__file__).resolve().parents[1]
RANKS = (1, 4, 64)
RATES = (1e-4, 1e-3, 4e-3)
SCALINGS = ("alpha/r", "alpha/sqrt(r)")
SIZES = (50, 150, 500)
"""Training questions of the learning curve; its runs have the same seeds, settings, validation and test questions."""
STRATEGIES = ("greedy", "span", "beam", "top-k", "nucleus", "temperature")
FIGURES = ("exact_match", "f1", "f1_interval", "p_gold")
QUESTIONS = 1000
"""Test questions of the study's adapter and of both orders, half of them in known phrasings."""
ORDERS = f"""\
base: {{train_size: 500, val_size: 200, test_size: {QUESTIONS}, epochs: 3, eval_questions: 0}}
grid: {{order: [question, paragraph]}}
evaluate: {{split: test, decoding: [greedy]}}
"""


SIZE = """\
base: {{train_size: {size}, val_size: 800, test_size: 1000, epochs: 3, order: paragraph, eval_questions: 0, lr: 0.001}}
seeds: 3
evaluate: {{split: validation, decoding: [greedy]}}
"""
PAIR = """\
base: {train_size: 500, val_size: 800, test_size: 1000, epochs: 3, order: paragraph, eval_questions: 0, lr: 1.0e-3}
runs:
- {rank: 8, targets: attention}
- {rank: 3, targets: attention+mlp}
seeds: 3
evaluate: {split: validation, decoding: [greedy]}
analysis: {axes: [targets], margin: 1.0, metrics: [f1, p_gold]}
"""
"""Both have 8 x 6 = 3 x 16 units of width and layer, so as many parameters."""
TINY = {"train_size": 24, "val_size": 40, "test_size": 20, "epochs": 1}


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


def grid(study: Path, base: str, shrunk: dict[str, Any]) -> dict[str, Any]:
    """Run the grid. Return the changes and figures of each run, the seconds of all, and the findings."""
    return swept_part(study / "grid", base, ROOT / "configs" / "pocket.yaml", shrunk)


def pair(study: Path, base: str, shrunk: dict[str, Any]) -> dict[str, Any]:
    """Run the two adapters with equal parameters over seeds."""
    config = study / "pair.yaml"
    write_text(config, PAIR)
    return swept_part(study / "pair", base, config, shrunk)


def sizes(study: Path, base: str, shrunk: dict[str, Any]) -> list[dict[str, Any]]:
    """Run each size of the training data over seeds. Return the size, and F1 and P(gold) of each seed."""
    found = []
    for size in SIZES:
        config = study / f"size-{size}.yaml"
        write_text(config, SIZE.format(size=size))
        smaller = shrunk | ({"train_size": size // 5} if shrunk else {})
        part = swept_part(study / f"size-{size}", base, config, smaller, tested=False)
        figures = {metric: [run["all"][metric] for run in part["runs"]] for metric in ("f1", "p_gold")}
        found.append({"train_size": size, "seconds": part["seconds"], **figures})
    return found


def swept_part(out: Path, base: str, config: Path, shrunk: dict[str, Any], *, tested: bool = True) -> dict[str, Any]:
    """Sweep a configuration, with ``shrunk`` options of its own, and return figures of its runs and its findings."""
    if shrunk:
        document = read_yaml(config)
        config = out.with_name(f"{out.name}-tiny.yaml")
        write_json(config, {**document, "base": {**document["base"], **shrunk}})  # JSON is YAML
    swept = squadron.sweep(
        config=str(config),
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
    whole = {"split": swept["split"], "runs": runs, "seconds": swept["seconds"]}
    return {**whole, **findings(out)} if tested else whole


def findings(folder: Path) -> dict[str, Any]:
    """Return the effects of the axes and of the best run's strategies, as the report tests them."""
    analysis = analyze_study(read_study(folder))
    effects = [
        {
            "axis": effect.axis,
            "metric": effect.metric,
            "verdict": effect.verdict,
            "scope": effect.scope,
            "best": effect.best,
            "p": [own.adjusted for own in effect.primary],
            "means": [[level.value, level.mean] for level in effect.levels],
            "pairs": [_tested(one) for one in effect.contrasts],
            "trend": None if effect.trend is None else _tested(effect.trend),
        }
        for effect in analysis.effects
    ]
    decodings = () if analysis.decodings is None else analysis.decodings.contrasts
    return {
        "questions": analysis.effects[0].contrasts[0].questions,
        "effects": effects,
        "kept": analysis.kept.fully,
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
    """Return the figures as a Markdown page, of the parts that were run."""
    lines = ["# The pocket base", "", *_tuned_lines(found["tuned"]), ""]
    if "grid" in found:
        lines += [*_grid_lines(found["grid"], found["environment"], found["precision"]), ""]
        lines += [*_effect_lines(found["grid"]), "", *_size_lines(found["sizes"]), "", *_pair_lines(found["pair"]), ""]
    if "orders" in found:
        lines += [*_order_lines(found["orders"]), ""]
    meaning = [
        "## What this means for GPT-2",
        "",
        "The pocket base shows that the pipeline learns, and how rank, learning rate and scale affect scores at this",
        "size. It has 4 million parameters, a synthetic world and questions made from templates. Its scores say",
        "nothing about GPT-2 on SQuAD, and the best rank here need not be the best there.",
        "",
    ]
    return "\n".join(lines + meaning)


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
    seeds = sorted({run["seed"] for run in grid["runs"]})
    lines = [
        "## Rank, learning rate and scale",
        "",
        "`squadron sweep configs/pocket.yaml --base pocket --dataset pocket`: 500 training questions, 3 epochs, by",
        f"paragraph, {len(seeds)} seeds, {len(grid['runs'])} runs: {grid['seconds'] / 60:.1f} minutes in all",
        f"for training and answering ({environment['threads']} threads, {precision}).",
        "",
        f"F1 (and P(gold)) on {grid['questions']:,} {grid['split']} questions, means over the seeds:",
        "",
    ]
    for scaling in SCALINGS:
        lines += [f"| {scaling} | " + " | ".join(f"{rate:g}" for rate in RATES) + " |", "|---" * 4 + "|"]
        for rank in RANKS:
            cells = [_cell(grid["runs"], rank=rank, lr=rate, scaling=scaling) for rate in RATES]
            lines.append(f"| r = {rank} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines


def _cell(runs: Sequence[dict[str, Any]], **setting: Any) -> str:
    own = [run["all"] for run in runs if all(run[key] == value for key, value in setting.items())]
    f1, gold = (statistics.fmean(one[metric] for one in own) for metric in ("f1", "p_gold"))
    return f"{f1:.1f} ({gold:.1f})"


def _effect_lines(grid: dict[str, Any]) -> list[str]:
    kept = "was" if grid["kept"] else "was not"
    lines = [
        "## Effects",
        "",
        "The means of all runs with a value, and what the report says of them. *p* is that of the axis's primary test,",
        "corrected over the axes, on new questions and on these. A line is the rise of the straight line through the",
        f"means, over the logarithm. The plan was in the configuration before the runs, and {kept} kept to.",
        "",
        "| axis | metric | means | verdict | p | line, points (95 %) |",
        "|---|---|---|---|---|---|",
    ]
    for effect in grid["effects"]:
        means = ", ".join(f"{value}: {mean:.1f}" for value, mean in effect["means"])
        chances = ", ".join("< 0.001" if p < 0.001 else f"{p:.3f}" for p in effect["p"])
        line = "" if effect["trend"] is None else _points(effect["trend"])
        scope = {"new": ", new questions", "these": ", these questions"}.get(effect["scope"], "")
        head = f"| {effect['axis']} | {effect['metric']} | {means} "
        lines.append(f"{head}| {effect['verdict']}{scope} (best {effect['best']}) | {chances} | {line} |")
    lines += ["", "Decoding strategies of the best run, F1 on the test questions:", ""]
    return [*lines, *(f"- {_step(one)}: {_points(one)}, {one['verdict']}" for one in grid["strategies"])]


def _points(one: dict[str, Any]) -> str:
    if one["interval"] is None:
        return f"{one['difference']:+.1f}"
    low, high = one["interval"]
    return f"{one['difference']:+.1f} ({low:+.1f} to {high:+.1f})"


def _step(one: dict[str, Any]) -> str:
    return f"{one['first']} to {one['second']}"


def _size_lines(sizes: Sequence[dict[str, Any]]) -> list[str]:
    lines = [
        "## Training questions",
        "",
        "Rank 4, attention, 1e-3, 3 epochs, three seeds each, on the same validation questions:",
        "",
        "| training questions | F1 of each seed | mean | P(gold) |",
        "|---|---|---|---|",
    ]
    for one in sizes:
        each = ", ".join(f"{value:.1f}" for value in one["f1"])
        means = " | ".join(f"{statistics.fmean(one[metric]):.1f}" for metric in ("f1", "p_gold"))
        lines.append(f"| {one['train_size']} | {each} | {means} |")
    return lines


def _pair_lines(pair: dict[str, Any]) -> list[str]:
    lines = ["## The same number of parameters", "", "Rank 8 of attention beside rank 3 of attention and MLP:", ""]
    for effect in pair["effects"]:
        if effect["axis"] == "targets":
            (one,) = effect["pairs"]
            lines.append(f"- {effect['metric']}, {_step(one)}: {_points(one)}, {one['verdict']}")
    return lines


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


def main() -> None:
    """Run the parts and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="pocket")
    parser.add_argument(
        "--out", type=Path, default=Path("pocket-study"), help="Folder of the study; `squadron report` can read it."
    )
    parser.add_argument("--seeds", type=int, default=5, help="Seeds of the comparison of both orders; 0 for none.")
    parser.add_argument("--tiny", action="store_true", help="Few questions, no page: see that all parts work.")
    arguments = parser.parse_args()
    arguments.out.mkdir(exist_ok=True)
    shrunk = TINY if arguments.tiny else {}
    found: dict[str, Any] = {
        "grid": grid(arguments.out, arguments.base, shrunk),
        "sizes": sizes(arguments.out, arguments.base, shrunk),
        "pair": pair(arguments.out, arguments.base, shrunk),
    }
    if arguments.tiny:
        print("\n".join([*_effect_lines(found["grid"]), *_size_lines(found["sizes"]), *_pair_lines(found["pair"])]))
        return
    found["tuned"] = tuned(arguments.out, arguments.base)
    if arguments.seeds:
        found["orders"] = orders(arguments.out, arguments.base, arguments.seeds)
    record = read_json(arguments.out / "grid" / "sweep.json", what="the sweep's record", error=RunError)
    found.update({name: record[name] for name in ("environment", "precision", "base")})
    write_json(ROOT / "docs" / "pocket.json", found)
    write_text(ROOT / "docs" / "pocket.md", page(found))


if __name__ == "__main__":
    main()
