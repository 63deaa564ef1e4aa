"""Benchmark Squadron and its peers, and measure how its cost grows: `make performance`.

Writes docs/performance.md, docs/performance.json and docs/images/scale.svg. Everything runs on this machine, one
process at a time; run nothing else meanwhile. It takes about an hour on 2 cores, most of it for the peers and about
eight minutes for the growth of cost; `--only`, `--precisions`, `--steps`, `--rounds` and `--questions` shorten it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import torch

from squadron.bench.generate import PEER, bench_generation
from squadron.bench.scale import bench_scaling
from squadron.bench.train import bench_training
from squadron.errors import DataError
from squadron.experiments.bases import init_base
from squadron.files import read_json, write_json, write_text
from squadron.options.base import checked
from squadron.options.bench import BenchGenerateOptions, BenchScaleOptions, BenchTrainOptions
from squadron.options.core import BaseInitOptions
from squadron.tracking.progress import Reporter
from squadron.training.precision import cpu_rates, matmul_rates, precision_name

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
CHART = Path("images") / "scale.svg"
EARLIER = "performance-earlier.json"
"""Rates of earlier versions on other machines, copied from their pages. A run of this script does not change it."""
AXES = {
    "fleet_size": "adapters in the fleet",
    "rank": "rank",
    "length": "tokens of the step",
    "size": "base",
    "method": "method",
}
"""Labels of what `bench scale` varies."""


class Printer(Reporter):
    """Prints notes."""

    def note(self, text: str) -> None:
        print(text, flush=True)


PARTS = ("question", "paragraph", "generate", "scale")
"""What is measured: training in each order, generation, and how the cost grows."""


def measure(parts: Sequence[str], precisions: list[str], steps: int, rounds: int, questions: int) -> dict[str, Any]:
    """Run the benchmarks of ``parts``. Return their records by name."""
    data = str(SHARED / "squad" / "squad-v1.1-dev-38.json.xz")
    found: dict[str, Any] = {"rates": _rates()}
    study = read_json(ROOT / "docs" / "pocket.json", what="the pocket study", error=DataError)
    if "orders" in study:
        found["orders"] = study["orders"]
    with tempfile.TemporaryDirectory() as folder:
        base = str(Path(folder) / "gpt2")
        init_base(checked(BaseInitOptions, {"tokenizer": str(SHARED / "gpt2-tokenizer"), "out": base}))
        common = {"base": base, "data": data, "rounds": rounds}
        for precision in precisions:
            for order in [part for part in ("question", "paragraph") if part in parts]:
                name = f"train by {order}, {precision}"
                print(name, flush=True)
                options = {**common, "order": order, "precision": precision, "steps": steps}
                found[name] = bench_training(checked(BenchTrainOptions, options), reporter=Printer())
            if "generate" not in parts:
                continue
            name = f"generate, {precision}"
            print(name, flush=True)
            options = {**common, "precision": precision, "questions": questions}
            found[name] = bench_generation(checked(BenchGenerateOptions, options), reporter=Printer())
    for record in found.values():
        if "options" in record:
            for key in ("base", "data"):  # paths on this machine
                record["options"].pop(key)
    if "scale" in parts:
        print("scale", flush=True)
        found["scale"] = {**bench_scaling(BenchScaleOptions(), reporter=Printer()), "rates": found["rates"]}
    return found


def _rates() -> dict[str, float]:
    """Measure the rate of this machine's matrix products, by number format."""
    if torch.cuda.is_available():
        rates = matmul_rates([torch.float32, torch.bfloat16, torch.float16], torch.device("cuda"))
    else:
        rates = cpu_rates()
    return {precision_name(dtype): rate for dtype, rate in rates.items()}


def page(found: dict[str, Any]) -> str:
    """Return the figures as a Markdown page."""
    sections = {name: record for name, record in found.items() if "environment" in record}
    environment = next(iter(sections.values()))["environment"]
    lines = [
        "# Performance",
        "",
        "Made by `make performance`. Every table is one run in which the sides take turns, each in its own process,",
        "with the same checkpoint (GPT-2's 124M shape, seeded random weights), the same real SQuAD questions and the",
        "same batches, grouped by length. Figures are medians over rounds; the raw ones are in `performance.json`.",
        "",
        f"Machine: {environment['device']}, {environment['threads']} threads; matrix products, GFLOP/s: "
        f"{_listed(found['rates'])}.",
        "What bounds these figures is told with their profile in "
        "[Decisions](decisions.md#what-bounds-the-speed-on-a-cpu).",
        "",
    ]
    for name, record in sections.items():
        if name == "scale":
            lines += ["## How cost grows", "", *_scaling(record), ""]
            continue
        lines += [f"## {name[0].upper()}{name[1:]}", ""]
        lines += _generation(record) if "four_strategies_cost" in record else _training(record)
        lines.append("")
    lines += ["## Machines side by side", "", *_machines(found), ""]
    if "orders" in found:
        lines += ["## Scores of training by paragraph", "", *_orders(found["orders"]), ""]
    return "\n".join(lines)


def _listed(rates: dict[str, float]) -> str:
    return ", ".join(f"{name} {rate / 1e9:,.0f}" for name, rate in rates.items())


_COMPARED = ("train by question", "train by paragraph", "generate")
"""The parts that are compared between machines."""


def _both_rates(record: dict[str, Any]) -> list[float]:
    """Return the rates of Squadron and of its fastest peer in one part."""
    sides = record["sides"]
    if "fastest_peer" in record:
        return [sides[side]["examples_per_second"] for side in ("squadron", record["fastest_peer"])]
    return [sides[side]["questions_per_second"] for side in ("squadron: greedy", PEER)]


def _machines(found: dict[str, Any]) -> list[str]:
    """Return a table of this run's rates under those of earlier versions on other machines."""
    rows = list(read_json(ROOT / "docs" / EARLIER, what="the earlier figures", error=DataError)["machines"])
    for precision in ("bf16", "fp32"):
        names = {part: f"{part}, {precision}" for part in _COMPARED}
        if all(name in found for name in names.values()):
            rates = {part: _both_rates(found[name]) for part, name in names.items()}
            rows.append({"machine": f"this one: {_listed(found['rates'])}", "precision": precision, **rates})
    lines = ["| GFLOP/s | format | by question | by paragraph | answers |", "|---|---|---|---|---|"]
    for row in rows:
        cells = [f"{own:.2f} / {peer:.2f} = **{own / peer:.1f}**" for own, peer in map(row.get, _COMPARED)]
        lines.append(f"| {row['machine']} | {row['precision']} | {' | '.join(cells)} |")
    return [
        "Questions per second of Squadron and of its fastest peer, and their ratio. Each machine is a virtual one of",
        "two cores. The earlier versions had 89 tokens a question by paragraph (55 now) and MKL's products.",
        "",
        *lines,
    ]


def _training(record: dict[str, Any]) -> list[str]:
    lines = ["| side | examples/s | rounds | peak memory |", "|---|---|---|---|"]
    for side, figures in record["sides"].items():
        rounds = ", ".join(f"{rate:.2f}" for rate in figures["rounds"])
        memory = figures["peak_memory_bytes"] / 2**20
        lines.append(f"| {side} | {figures['examples_per_second']:.2f} | {rounds} | {memory:,.0f} MiB |")
    share = 100 * record["sides"]["squadron"]["matrix_product_share"]
    differences = ", ".join(f"{side} {value:.2g}" for side, value in record["largest_loss_difference"].items())
    return [
        *lines,
        "",
        f"- **{record['ratio']:.1f} times** the rate of the fastest peer ({record['fastest_peer']})",
        f"- peak memory {100 * record['memory_share']:.0f}% of that peer's",
        f"- {share:.0f}% of the machine's matrix-product rate on the same shapes, for the tokens really processed",
        f"- largest difference of the loss over all steps: {differences}",
    ]


def _generation(record: dict[str, Any]) -> list[str]:
    lines = ["| side | questions/s | rounds | questions | peak memory |", "|---|---|---|---|---|"]
    for side, figures in record["sides"].items():
        rounds = ", ".join(f"{rate:.2f}" for rate in figures["rounds"])
        memory = figures["peak_memory_bytes"] / 2**20
        rate, count = figures["questions_per_second"], figures["questions"]
        lines.append(f"| {side} | {rate:.2f} | {rounds} | {count:,} | {memory:,.0f} MiB |")
    return [
        *lines,
        "",
        f"- greedy: **{record['ratio']:.1f} times** the peer's rate, "
        f"{record['options']['max_new_tokens']} tokens per answer",
        f"- all four strategies together take {record['four_strategies_cost']:.2f} times as long as greedy alone",
        f"- span search takes {record['span_cost']:.2f} times as long as greedy",
    ]


def _orders(record: dict[str, Any]) -> list[str]:
    lines = [
        f"Means over {record['seeds']} seeds for both orders, on the pocket base (`make pocket`);",
        "[pocket.md](pocket.md) has each seed's scores, and intervals over seeds as well.",
        "",
        "| | by question | by paragraph | difference (95%, on new questions) |",
        "|---|---|---|---|",
    ]
    for name, label in (("f1", "F1"), ("exact_match", "EM")):
        own = record[name]
        low, high = own["interval"]
        means = " | ".join(f"{statistics.fmean(own[order]):.1f}" for order in ("question", "paragraph"))
        lines.append(f"| {label} | {means} | {own['difference']:+.1f} ({low:+.1f} to {high:+.1f}) |")
    return lines


def _scaling(record: dict[str, Any]) -> list[str]:
    held, options = record["held"], record["options"]
    lines = [
        f"One training step of {record['precision']} on random weights and tokens: a context tree of {held['length']}",
        f"tokens with {options['questions']} questions, fleet of {held['fleet_size']}, rank {held['rank']}, "
        f"{held['size']}, {held['method']}; one of them",
        "varied at a time. Questions and tokens count once per adapter. Made by `squadron bench scale`.",
        f"The machine's matrix products, GFLOP/s: {_listed(record['rates'])}.",
        "",
        f"![Seconds per step and peak memory by fleet size, rank, length, base and method; the table has the figures]"
        f"({CHART.as_posix()})",
        "",
        "| varied | value | s/step | questions/s | tokens/s | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    for axis, points in record["axes"].items():
        for point in points:
            if "reason" in point:
                lines.append(f"| {AXES[axis]} | {point['value']} | not measured: {point['reason']} | | | |")
                continue
            lines.append(
                f"| {AXES[axis]} | {point['value']} | {point['seconds']:.2f} | {point['examples_per_second']:.2f} "
                f"| {point['tokens_per_second']:,.0f} | {point['peak_memory_bytes'] / 2**20:,.0f} MiB |"
            )
    fleets = [point for point in record["axes"]["fleet_size"] if "reason" not in point]
    if len(fleets) > 1:
        alone, most = fleets[0], fleets[-1]
        gain = most["examples_per_second"] / alone["examples_per_second"]
        memory = most["peak_memory_bytes"] / alone["peak_memory_bytes"]
        lines += [
            "",
            f"- a fleet of {most['value']} trains **{gain:.2f} times** as many questions per second as a fleet of "
            f"{alone['value']}, in {memory:.1f} times the memory",
        ]
    return lines


def chart(record: dict[str, Any]) -> alt.VConcatChart:
    """Draw seconds per step above peak memory, with a column for each axis that was varied."""
    rows = []
    for key, title, factor in (("seconds", "seconds per step", 1.0), ("peak_memory_bytes", "peak memory, GiB", 2**-30)):
        columns = []
        for axis, points in record["axes"].items():
            values = [{"x": str(point["value"]), "y": point[key] * factor} for point in points if "reason" not in point]
            columns.append(
                alt.Chart(alt.Data(values=values), width=150, height=130)
                .mark_bar(color="#2f6f8f")
                .encode(
                    x=alt.X("x:N", sort=None, title=AXES[axis], axis=alt.Axis(labelAngle=0, labelOverlap=False)),
                    y=alt.Y("y:Q", title=title if not columns else None),
                )
            )
        rows.append(alt.hconcat(*columns))
    return alt.vconcat(*rows).configure_axis(labelFontSize=10, titleFontSize=11).configure_view(stroke=None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precisions", nargs="+", default=["bf16", "fp32"])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="the page keeps the others' figures")
    arguments = parser.parse_args()
    path = ROOT / "docs" / "performance.json"
    before = {} if set(arguments.only) == set(PARTS) else read_json(path, what="the page's figures", error=DataError)
    found = measure(arguments.only, arguments.precisions, arguments.steps, arguments.rounds, arguments.questions)
    figures = {**before, **found}
    write_json(path, figures)
    if "scale" in found:
        (ROOT / "docs" / CHART).parent.mkdir(exist_ok=True)
        chart(figures["scale"]).save(ROOT / "docs" / CHART)
    write_text(ROOT / "docs" / "performance.md", page(figures))
