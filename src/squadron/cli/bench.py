"""``squadron bench``."""

from __future__ import annotations

from typing import Any

import rich.console
import typer
from rich.table import Table

from squadron.cli.options import verb
from squadron.cli.output import Console, megabytes
from squadron.options.bench import BenchGenerateOptions, BenchScaleOptions, BenchTrainOptions


def add(app: typer.Typer) -> None:
    """Register the benchmark verbs."""
    group = typer.Typer(help="Benchmark Squadron and its peers side by side.", no_args_is_help=True)
    app.add_typer(group, name="bench")

    @group.callback()
    def bench() -> None:
        """Benchmark Squadron and its peers side by side."""

    @verb(group, "train", BenchTrainOptions)
    def train(options: BenchTrainOptions, console: Console) -> int:
        """Train on the same batches with Squadron, transformers + peft, and trl in turn; print the speed ratio."""
        from squadron.bench.train import bench_training

        record = bench_training(options, reporter=console.reporter())
        console.result(record, lambda out: _show(out, record))
        return 0

    @verb(group, "generate", BenchGenerateOptions)
    def generate(options: BenchGenerateOptions, console: Console) -> int:
        """Answer questions with Squadron and with transformers + peft in turn; print the speed ratio."""
        from squadron.bench.generate import bench_generation

        record = bench_generation(options, reporter=console.reporter())
        console.result(record, lambda out: _show_generation(out, record))
        return 0

    @verb(group, "scale", BenchScaleOptions)
    def scale(options: BenchScaleOptions, console: Console) -> int:
        """Measure how time and memory of a training step grow with fleet size, rank, length, base and method."""
        from squadron.bench.scale import bench_scaling

        record = bench_scaling(options, reporter=console.reporter())
        console.result(record, lambda out: _show_scaling(out, record))
        return 0


def _show_scaling(out: rich.console.Console, record: dict[str, Any]) -> None:
    held = ", ".join(f"{axis} {value}" for axis, value in record["held"].items())
    table = Table(title=f"one training step, {record['precision']}; {held} unless varied")
    for column in ("varied", "value", "seconds", "questions/s", "tokens/s", "peak memory"):
        table.add_column(column, justify="left" if column in ("varied", "value") else "right", no_wrap=True)
    for axis, points in record["axes"].items():
        for point in points:
            if "reason" in point:
                table.add_row(axis, str(point["value"]), "-", "-", "-", "-")
                continue
            table.add_row(
                axis,
                str(point["value"]),
                f"{point['seconds']:.2f}",
                f"{point['examples_per_second']:.2f}",
                f"{point['tokens_per_second']:,.0f}",
                megabytes(point["peak_memory_bytes"]),
            )
    out.print(table)
    for axis, points in record["axes"].items():
        for point in points:
            if "reason" in point:
                out.print(f"{axis} {point['value']}: not measured, {point['reason']}", soft_wrap=True)


def _show_generation(out: rich.console.Console, record: dict[str, Any]) -> None:
    table = Table(title=f"{record['options']['max_new_tokens']} tokens per answer, {record['precision']}")
    for column in ("side", "questions/s", "questions", "peak memory"):
        table.add_column(column, justify="left" if column == "side" else "right", no_wrap=True)
    for side, figures in record["sides"].items():
        table.add_row(
            side,
            f"{figures['questions_per_second']:.2f}",
            f"{figures['questions']:,}",
            megabytes(figures["peak_memory_bytes"]),
        )
    out.print(table)
    sampled = record["sides"]["transformers+peft"]["questions"]
    out.print(f"the peer answers {sampled:,} questions per round, spread over all lengths", soft_wrap=True)
    out.print(f"greedy is {record['ratio']:.2f} times as fast as the peer")
    out.print(f"all four strategies together take {record['four_strategies_cost']:.2f} times as long as greedy alone")
    out.print(f"span search takes {record['span_cost']:.2f} times as long as greedy")


def _show(out: rich.console.Console, record: dict[str, Any]) -> None:
    table = Table(title=f"training by {record['options']['order']}, {record['precision']}")
    for column in ("side", "examples/s", "tokens/s", "peak memory"):
        table.add_column(column, justify="left" if column == "side" else "right", no_wrap=True)
    for side, figures in record["sides"].items():
        table.add_row(
            side,
            f"{figures['examples_per_second']:.2f}",
            f"{figures['tokens_per_second']:,.0f}",
            megabytes(figures["peak_memory_bytes"]),
        )
    out.print(table)
    share = record["sides"].get("squadron", {}).get("matrix_product_share")
    if share is not None:
        out.print(f"Squadron runs at {100 * share:.0f}% of this machine's matrix-product rate on the same shapes")
    if "ratio" in record:
        out.print(f"Squadron is {record['ratio']:.2f} times as fast as the fastest peer ({record['fastest_peer']})")
        out.print(f"its peak memory is {100 * record['memory_share']:.0f}% of that peer's")
        for side, difference in record["largest_loss_difference"].items():
            out.print(f"largest difference between its loss and that of {side}: {difference:.2g}")
