"""``squadron train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich.console
import typer

from squadron.cli.options import verb
from squadron.cli.output import Console, megabytes, two_columns
from squadron.options.requests import TrainRequest


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "train", TrainRequest)
    def train(request: TrainRequest, console: Console) -> int:
        """Train a LoRA adapter on a frozen GPT-2, or all its weights. The defaults are the study's."""
        from squadron.experiments.train import train as run
        from squadron.tracking.trackers import open_trackers

        record = run(
            request.kept(),
            resume=request.resume,
            replace=request.replace,
            reporter=console.reporter(),
            listeners=open_trackers(request.track, Path(request.out)),
        )
        console.result(record, lambda out: _show(out, record))
        return 0 if record["status"] == "done" else 1


def _show(out: rich.console.Console, record: dict[str, Any]) -> None:
    rows = [
        ("run", record["run"]),
        ("status", record["status"] + (f": {record['reason']}" if "reason" in record else "")),
        ("steps", f"{record['steps']:,}"),
        ("trainable", f"{record['trainable_parameters']:,} ({100 * record['trainable_share']:.2f}% of the base)"),
        ("loss", "-" if record["loss"] is None else f"{record['loss']:.4f}"),
    ]
    if record.get("validation_loss") is not None:
        rows.append(
            ("validation loss", f"{record['validation_loss']:.4f}, lowest at step {record['best_step'] or 0:,}")
        )
    if record.get("validation_f1") is not None:
        figures = f"EM {record['validation_exact_match']:.1f}, F1 {record['validation_f1']:.1f}"
        rows.append(("validation", f"{figures} on {record['validation_questions']} questions"))
    if record["examples_per_second"]:
        rows.append(("speed", f"{record['examples_per_second']:.2f} examples/s"))
    rows.append(("peak memory", megabytes(record["peak_memory_bytes"])))
    out.print(two_columns(rows))
