"""``squadron report``."""

from __future__ import annotations

from pathlib import Path

import typer

from squadron.cli.options import verb
from squadron.cli.output import Console
from squadron.options.particulars import given_particulars
from squadron.options.reporting import ReportOptions


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "report", ReportOptions)
    def report(options: ReportOptions, console: Console) -> int:
        """Write a study's report as a paper in English or Persian, from its run folders."""
        from squadron.reporting.report import write_report

        out = None if options.out is None else Path(options.out)
        tell = console.reporter().note
        given = given_particulars(options)
        path = write_report(
            Path(options.folder), lang=options.lang, format=options.format, out=out, particulars=given, tell=tell
        )
        record = {"report": str(path), "lang": options.lang, "format": options.format}
        console.result(record, lambda shown: shown.print(f"report: {path}", soft_wrap=True))
        return 0
