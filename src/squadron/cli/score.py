"""``squadron score``."""

from __future__ import annotations

from typing import Any

import rich.console
import typer

from squadron.cli.evaluate import interval
from squadron.cli.options import verb
from squadron.cli.output import Console, two_columns
from squadron.options.core import ScoreOptions


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "score", ScoreOptions)
    def score(options: ScoreOptions, console: Console) -> int:
        """Score any predictions file with the official metrics, with confidence intervals."""
        from squadron.experiments.score import score as run

        record = run(options)
        console.result(record, lambda out: _show(out, record))
        return 0


def _show(out: rich.console.Console, record: dict[str, Any]) -> None:
    smallest = record["exact_match_detectable"], record["f1_detectable"]
    rows = [
        ("exact match", f"{record['exact_match']:.2f} ({interval(record['exact_match_interval'])})"),
        ("F1", f"{record['f1']:.2f} ({interval(record['f1_interval'])})"),
        ("normalization of answers", record["normalize"]),
        ("questions", f"{record['questions']:,}"),
        ("questions without prediction", f"{record['missing']:,}"),
        ("predictions without question", f"{record['unknown']:,}"),
        ("bad rows set aside", _listed(record["set_aside"])),
        ("read differently than written", _listed(record["repaired"])),
        ("smallest detectable difference", f"EM {smallest[0]:.1f}, F1 {smallest[1]:.1f} (unpaired, 80% power)"),
    ]
    for half, title in (("has_answer", "with an answer"), ("no_answer", "without an answer")):
        if own := record.get(half):  # v2.0
            rows.append((title, f"EM {own['exact_match']:.2f}, F1 {own['f1']:.2f} ({own['questions']:,} questions)"))
    if "best_f1" in record:
        best = (
            f"EM {record['best_exact']:.2f}, F1 {record['best_f1']:.2f}, no answer above {record['best_f1_thresh']:.3g}"
        )
        rows.append(("best threshold of no-answer scores", best))
    for name, title in (("exact_match", "EM"), ("f1", "F1")):
        if "against" in record:
            test = record["against"][name]
            low, high = test["interval"]
            difference = f"{test['difference']:+.2f} ({low:+.1f} – {high:+.1f}), p = {test['p_value']:.3g}"
            rows.append((f"{title} minus the other's", difference))
    out.print(two_columns(rows))
    if record["summary"]:
        out.print(f"rows: {record['summary']}", soft_wrap=True)


def _listed(findings: list[str]) -> str:
    return f"{len(findings):,}; the first: {findings[0]}" if findings else "none"
