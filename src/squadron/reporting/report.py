"""A study as a paper: from its folder, in Persian or English, as one HTML file or as a PDF."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, Literal

from squadron.files import write_bytes
from squadron.languages import Language
from squadron.marks import is_report
from squadron.ownership import refuse_overwrite
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.charts.gallery import draw_all
from squadron.reporting.charts.rendering import to_svg
from squadron.reporting.charts.words import chart_words
from squadron.reporting.document.blocks import Report
from squadron.reporting.document.builder import Draft, Labels
from squadron.reporting.localization import labels
from squadron.reporting.localization.translate import sentences
from squadron.reporting.render.html import to_html
from squadron.reporting.render.pdf import to_pdf
from squadron.reporting.sections import ablations, answers, appendix, conclusion, cost, front, method, results, setup
from squadron.reporting.sections.material import Material
from squadron.runs.records import Study
from squadron.runs.study import read_study

Format = Literal["html", "pdf"]
FORMATS: tuple[Format, ...] = ("html", "pdf")


def write_report(folder: Path, *, lang: Language, format: Format, out: Path | None = None) -> Path:
    """Write the report of the study in ``folder``, a sweep's or a single run's; return where it lies.

    ``out`` is the file to write, by default ``report/report.LANG.FORMAT`` in the folder itself. Reads files alone.
    Raises :class:`squadron.errors.RunError` where the folder holds no study, or the file is there and is no report.
    """
    folder = Path(folder)
    path = Path(out) if out is not None else folder / "report" / f"report.{lang}.{format}"
    study = read_study(folder)
    refuse_overwrite(path, is_report, subject=f"report: {path}" if out is None else "", what="a report")
    report = build_report(study, analyze_study(study), lang)
    if format == "pdf":
        write_bytes(path, to_pdf(report, to_svg))
    else:
        write_bytes(path, to_html(report).encode())
    return path


def build_report(study: Study, analysis: Analysis, language: Language) -> Report:
    """The report's blocks. The same findings give the same figures in every language."""
    material = Material(study, analysis, draw_all(study, analysis, chart_words(language)))
    first = _drafted(material, language, {})[0]
    draft, abstract = _drafted(material, language, first.found)
    day = _day(study)
    words = {key.removeprefix("words."): text for key, text in sentences(language).items() if key.startswith("words.")}
    alone = "_single" if len(study.runs) == 1 else ""
    months = tuple(sentences(language)["report.months"].split())
    return Report(
        language=language,
        direction=draft.say.direction,
        title=draft.say("report.title", base=labels.base(draft, study)),
        subtitle=draft.say(f"report.subtitle{alone}", runs=len(study.runs), source=labels.source(draft, study)),
        date=draft.say("report.date", date=draft.say.numerals.date(day, months)),
        day=day,
        abstract=abstract,
        blocks=tuple(draft.blocks),
        words=words,
    )


def _drafted(material: Material, language: Language, numbers_of: Labels) -> tuple[Draft, Any]:
    """All sections in order; the abstract apart, which stands before them."""
    draft = Draft(language, numbers_of)
    abstract = front.abstract(draft, material)
    for section in (
        front.introduction,
        front.related,
        method.method,
        setup.setup,
        results.results,
        ablations.ablations,
        answers.decoding,
        answers.failures,
        cost.cost,
        conclusion.limits,
        conclusion.conclusion,
    ):
        section(draft, material)
    appendix.references(draft)
    appendix.all_runs(draft, material)
    appendix.reproduction(draft, material)
    return draft, abstract


def _day(study: Study) -> datetime.date:
    """The day on which the study began: a report that is made again is the same, to the byte."""
    try:
        return datetime.datetime.fromisoformat(study.started or "").date()
    except ValueError:
        newest = max((one.stat().st_mtime for one in study.path.glob("*.json")), default=0.0)
        return datetime.datetime.fromtimestamp(newest, tz=datetime.UTC).date()
