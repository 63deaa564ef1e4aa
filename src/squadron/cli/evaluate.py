"""``squadron evaluate``."""

from __future__ import annotations

from typing import Any

import rich.console
import typer
from rich.table import Table

from squadron.cli.options import verb
from squadron.cli.output import Console
from squadron.options.core import EvaluateOptions


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "evaluate", EvaluateOptions)
    def evaluate(options: EvaluateOptions, console: Console) -> int:
        """Answer every question of a split with a run's model or a base alone, and score the answers."""
        from squadron.experiments.evaluate import evaluate as run

        record = run(options, reporter=console.reporter())
        console.result(record, lambda out: _show(out, record))
        return 0


def _show(out: rich.console.Console, record: dict[str, Any]) -> None:
    model = record["run"] or record.get("adapter") or record["base"]
    title = f"{model} on {record['split']}, {record['questions']:,} questions{after(record['normalize'])}"
    table = Table(title=title)
    table.add_column("decoding", no_wrap=True)
    for column in ("EM (95%)", "F1 (95%)", "EOS", "in context"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, scores in record["decodings"].items():
        table.add_row(
            name,
            f"{scores['exact_match']:.2f} ({interval(scores['exact_match_interval'])})",
            f"{scores['f1']:.2f} ({interval(scores['f1_interval'])})",
            "-" if scores["eos_rate"] is None else f"{100 * scores['eos_rate']:.0f}%",
            "-" if scores["in_context_share"] is None else f"{100 * scores['in_context_share']:.0f}%",
        )
    out.print(table)
    gold = next(iter(record["decodings"].values()))  # the same by every strategy
    out.print(
        f"P(gold) {gold['p_gold']:.2f} ({interval(gold['p_gold_interval'])}), the mean probability of the gold answers",
        soft_wrap=True,
    )
    for name, scores in record["decodings"].items():
        if "best_f1" in scores:  # v2.0
            halves = [
                f"F1 {own['f1']:.2f} on {own['questions']:,} {which}"
                for which, half in (("with an answer", "has_answer"), ("without", "no_answer"))
                if (own := scores.get(half))
            ]
            best = f"best F1 {scores['best_f1']:.2f}, leaving answers empty if -ln p > {scores['best_f1_thresh']:.3g}"
            out.print(f"{name}: {', '.join(halves)}; {best}", soft_wrap=True)
    out.print(f"{record['questions_per_second']:.2f} questions/s")
    if record["out"]:
        out.print(f"predictions and scores: {record['out']}", soft_wrap=True)


def after(normalize: str) -> str:
    """Return which normalization scores are after, for the end of a title; nothing for the official one."""
    return "" if normalize == "official" else f", {normalize} normalization"


def points(scores: dict[str, Any], name: str) -> str:
    """Return a score with its interval, which older files may lack, as text for a table; a dash if there is none."""
    if scores[name] is None:
        return "-"
    ends = scores.get(f"{name}_interval")
    return f"{scores[name]:.1f}" + (f" ({interval(ends)})" if ends else "")


def interval(ends: list[float]) -> str:
    """Return an interval as text for a table."""
    return f"{ends[0]:.1f}–{ends[1]:.1f}"
