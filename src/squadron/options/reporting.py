"""Options of the verbs that read finished studies."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from squadron.languages import LANGUAGES, Language
from squadron.options.base import Options, Place
from squadron.options.particulars import Particulars


class AnalyzeOptions(Options):
    """Options of ``analyze``."""

    results_dir: Place = Field(description="Folder of a sweep, a demo or a run to analyze.")
    out: Place | None = Field(None, description="Folder for tables and charts. Default: report/ in --results-dir.")
    lang: Language = Field("en", description=f"Language of the charts: {' or '.join(LANGUAGES)}.")


class ReportOptions(Particulars, Options):
    """Options of ``report``. Particulars win over those in the sweep's configuration."""

    folder: Place = Field(description="Folder of a sweep or of a run.", json_schema_extra={"argument": True})
    lang: Language = Field("en", description=f"Language of the report: {' or '.join(LANGUAGES)}.")
    format: Literal["html", "pdf"] = Field("html", description="File format: html (one self-contained page) or pdf.")
    out: Place | None = Field(None, description="File to write. Default: report/report.LANG.FORMAT in the folder.")
