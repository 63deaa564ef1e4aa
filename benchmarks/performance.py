"""Measure Squadron beside its peers and write docs/performance.md and docs/performance.json: `make performance`.

Everything runs on this machine, one process at a time; nothing else should. Takes about half an hour on 2 cores.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from squadron.bench.generate import bench_generation
from squadron.bench.train import bench_training
from squadron.experiments.bases import init_base
from squadron.experiments.options import BaseInitOptions, BenchGenerateOptions, BenchTrainOptions, checked
from squadron.experiments.progress import Reporter
from squadron.files import write_json, write_text

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


class Printer(Reporter):
    """Prints notes."""

    def note(self, text: str) -> None:
        print(text, flush=True)


def measure(precisions: list[str], steps: int, rounds: int, questions: int) -> dict[str, Any]:
    """All figures, by name."""
    data = str(SHARED / "squad" / "squad-v1.1-dev-38.json.xz")
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        base = str(Path(folder) / "gpt2")
        init_base(checked(BaseInitOptions, {"tokenizer": str(SHARED / "gpt2-tokenizer"), "out": base}))
        common = {"base": base, "data": data, "rounds": rounds}
        for precision in precisions:
            for order in ("question", "paragraph"):
                name = f"train by {order}, {precision}"
                print(name, flush=True)
                options = {**common, "order": order, "precision": precision, "steps": steps}
                found[name] = bench_training(checked(BenchTrainOptions, options), reporter=Printer())
            name = f"generate, {precision}"
            print(name, flush=True)
            options = {**common, "precision": precision, "questions": questions}
            found[name] = bench_generation(checked(BenchGenerateOptions, options), reporter=Printer())
    for record in found.values():
        for key in ("base", "data"):  # places on this machine say nothing to others
            record["options"].pop(key)
    return found


def page(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    environment = next(iter(found.values()))["environment"]
    lines = [
        "# Performance",
        "",
        "Made by `make performance`. Every table is one run in which the sides alternate, each in its own process, on",
        "the same checkpoint (GPT-2's 124M shape, seeded random weights), the same real SQuAD questions and the same",
        "batches, grouped by length. Figures are medians over rounds; the raw ones are in `performance.json`.",
        "",
        f"Machine: {environment['device']}, {environment['threads']} threads.",
        "",
    ]
    for name, record in found.items():
        lines += [f"## {name[0].upper()}{name[1:]}", ""]
        lines += _generation(record) if "four_strategies_cost" in record else _training(record)
        lines.append("")
    return "\n".join(lines)


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
        f"- **{record['ratio']:.1f} times** the fastest peer ({record['fastest_peer']})",
        f"- peak memory {100 * record['memory_share']:.0f} % of that peer's",
        f"- {share:.0f} % of the machine's own matrix-product rate on the same shapes, counted on the tokens processed",
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
        f"- greedy: **{record['ratio']:.1f} times** the peer, {record['options']['max_new_tokens']} tokens an answer",
        f"- all four strategies together cost {record['four_strategies_cost']:.2f} times greedy alone",
        f"- span search costs {record['span_cost']:.2f} times greedy",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precisions", nargs="+", default=["bf16", "fp32"])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--questions", type=int, default=1000)
    arguments = parser.parse_args()
    figures = measure(arguments.precisions, arguments.steps, arguments.rounds, arguments.questions)
    write_json(ROOT / "docs" / "performance.json", figures)
    write_text(ROOT / "docs" / "performance.md", page(figures))
