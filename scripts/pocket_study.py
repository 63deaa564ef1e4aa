"""Run the study on the pocket base (`make pocket`) and write docs/pocket.md and docs/pocket.json.

The study is `sweep configs/pocket.yaml` (rank, learning rate and scale of the update over three seeds), three sizes of
the training data (:data:`SIZES`), and two adapters with equal parameters (:data:`PAIR`); the plan of each analysis is
fixed in its configuration. Beside it, `train` and `evaluate` with the paper's settings on 2,000 questions, and a sweep
of both orders over seeds; `--seeds 0` leaves the orders out. All run with the public commands, and an interrupted study
resumes from its folder; `--only` runs some of the parts. `--tiny` runs the first three parts with few questions, to see
that they work.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import squadron
from pocket_page import QUESTIONS, effect_lines, page, pair_lines, size_lines
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
SIZES = (50, 150, 500)
"""Training questions of the learning curve; its runs have the same seeds, settings, validation and test questions."""
OF_GRID = "r4-lr1e-3-attention-alpha-r-s*"
"""The runs of the grid with the settings of :data:`SIZE`."""
PARTS = ("grid", "sizes", "pair", "tuned", "orders")
STRATEGIES = ("greedy", "span", "beam", "top-k", "nucleus", "temperature")
FIGURES = ("exact_match", "f1", "f1_interval", "p_gold")
ORDERS = f"""\
base: {{train_size: 500, val_size: 200, test_size: {QUESTIONS}, epochs: 3, eval_questions: 0}}
grid: {{order: [question, paragraph]}}
evaluate: {{split: test, decoding: [greedy]}}
"""


SIZE = """\
base: {{train_size: {size}, val_size: 300, test_size: 2000, epochs: 2, order: paragraph, eval_questions: 0, lr: 0.001}}
seeds: 3
evaluate: {{split: validation, decoding: [greedy]}}
analysis: {{margin: 1.0, metrics: [f1, p_gold]}}
"""
PAIR = """\
base: {train_size: 500, val_size: 300, test_size: 2000, epochs: 2, order: paragraph, eval_questions: 0, lr: 1.0e-3}
runs:
- {rank: 8, targets: attention}
- {rank: 3, targets: attention+mlp}
seeds: 3
evaluate: {split: validation, decoding: [greedy]}
analysis: {axes: [targets], margin: 1.0, metrics: [f1, p_gold]}
"""
"""Both have 8 x 6 = 3 x 16 units of width and layer, so as many parameters."""
TINY = {"train_size": 24, "val_size": 40, "test_size": 20, "epochs": 1}
"""Options of the runs with ``--tiny``, which has the ends of every axis alone, and two seeds."""


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


def sizes(study: Path, base: str, shrunk: dict[str, Any]) -> dict[str, Any]:
    """Run each size of the training data over seeds, and gather the runs as one study of sizes.

    The grid has the runs of the largest size already. Return the figures of each seed by size, and the findings. All
    sizes have the same validation questions.
    """
    found, runs = [], []
    for size in SIZES:
        own = sorted((study / "grid" / "runs").glob(OF_GRID)) if size == SIZES[-1] else []
        if not own:
            config = study / f"size-{size}.yaml"
            write_text(config, SIZE.format(size=size))
            smaller = shrunk | ({"train_size": max(4, size // 20)} if shrunk else {})
            swept_part(study / f"size-{size}", base, config, smaller, tested=False)
            own = sorted((study / f"size-{size}" / "runs").iterdir())
        scores = [split_figures(run, "validation")["greedy"]["all"] for run in own]
        found.append({"train_size": size} | {key: [one[key] for one in scores] for key in ("f1", "p_gold")})
        runs += [(f"size-{size}-{run.name}", run) for run in own]
    return {"sizes": found, **findings(gather(study / "sizes", runs))}


def gather(out: Path, runs: Sequence[tuple[str, Path]]) -> Path:
    """Copy runs of several sweeps, each with its new name, into one folder, which `squadron report` can read."""
    if out.is_dir():
        shutil.rmtree(out)
    for name, run in runs:
        shutil.copytree(run, out / "runs" / name)
    shutil.copytree(runs[-1][1].parents[1] / "data", out / "data")
    return out


def swept_part(out: Path, base: str, config: Path, shrunk: dict[str, Any], *, tested: bool = True) -> dict[str, Any]:
    """Sweep a configuration, with ``shrunk`` options of its own, and return figures of its runs and its findings."""
    if shrunk:
        document = read_yaml(config)
        ends = {axis: sorted({values[0], values[-1]}) for axis, values in document.get("grid", {}).items()}
        smaller = {"base": {**document["base"], **shrunk}, "seeds": 2, **({"grid": ends} if ends else {})}
        config = out.with_name(f"{out.name}-tiny.yaml")
        write_json(config, {**document, **smaller})  # JSON is YAML
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


def written(study: Path) -> list[str]:
    """Write the reports of the grid and of the sizes in both languages; return their paths."""
    return [
        str(squadron.report(folder=str(study / part), lang=lang, format="html"))
        for part in ("grid", "sizes")
        for lang in ("en", "fa")
    ]


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


def main() -> None:
    """Run the parts and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="pocket")
    parser.add_argument(
        "--out", type=Path, default=Path("pocket-study"), help="Folder of the study; `squadron report` can read it."
    )
    parser.add_argument("--seeds", type=int, default=20, help="Seeds of the comparison of both orders; 0 for none.")
    parser.add_argument("--tiny", action="store_true", help="Few questions, no page: see that all parts work.")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PARTS,
        default=PARTS,
        help="Parts to run, sizes after the grid; the page keeps the figures of the others. Default: all.",
    )
    arguments = parser.parse_args()
    arguments.out.mkdir(exist_ok=True)
    shrunk = TINY if arguments.tiny else {}
    parts: dict[str, Callable[[], Any]] = {
        "grid": lambda: grid(arguments.out, arguments.base, shrunk),
        "sizes": lambda: sizes(arguments.out, arguments.base, shrunk),
        "pair": lambda: pair(arguments.out, arguments.base, shrunk),
        "tuned": lambda: tuned(arguments.out, arguments.base),
        "orders": lambda: orders(arguments.out, arguments.base, arguments.seeds),
    }
    found: dict[str, Any] = {}
    for name in PARTS:
        left_out = (arguments.tiny and name in ("tuned", "orders")) or (name == "orders" and not arguments.seeds)
        if name in arguments.only and not left_out:
            found[name] = parts[name]()
    if {"grid", "sizes"} <= found.keys():
        print(*written(arguments.out), sep="\n")
    if arguments.tiny:
        print("\n".join([*effect_lines(found["grid"]), *size_lines(found["sizes"]), *pair_lines(found["pair"])]))
        return
    if "grid" in found:
        record = read_json(arguments.out / "grid" / "sweep.json", what="the sweep's record", error=RunError)
        found.update({name: record[name] for name in ("environment", "precision", "base")})
    path = ROOT / "docs" / "pocket.json"
    before = read_json(path, what="the page's figures", error=RunError) if set(arguments.only) != set(PARTS) else {}
    found = {**before, **found}
    write_json(path, found)
    write_text(ROOT / "docs" / "pocket.md", page(found))


if __name__ == "__main__":
    main()
