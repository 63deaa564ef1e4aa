"""Reports: a study folder as a paper in Persian or English, as one HTML file or as a PDF."""

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
from squadron.reporting.charts.gallery import chart_specs
from squadron.reporting.charts.rendering import to_svg
from squadron.reporting.charts.words import chart_words
from squadron.reporting.document.blocks import Report
from squadron.reporting.document.builder import Draft, Labels
from squadron.reporting.localization import labels
from squadron.reporting.localization.translate import sentences
from squadron.reporting.render.html import to_html
from squadron.reporting.render.pdf import to_pdf
from squadron.reporting.sections import ablations, answers, appendix, conclusion, cost, front, method, results, setup
from squadron.reporting.sections.common import ReportInputs
from squadron.runs.places import Tell, quiet
from squadron.runs.records import Study
from squadron.runs.study import read_study

Format = Literal["html", "pdf"]
FORMATS: tuple[Format, ...] = ("html", "pdf")


def write_report(folder: Path, *, lang: Language, format: Format, out: Path | None = None, tell: Tell = quiet) -> Path:
    """Write the report of the study in ``folder``, a sweep or a single run; return its path.

    ``out`` is the file to write, by default ``report/report.LANG.FORMAT`` in the folder. Only files are read; no model
    is loaded. ``tell`` says where data was found that is not where it was. Raises
    :class:`squadron.errors.RunError` if the folder holds no study, or if the file exists and is not a report.
    """
    folder = Path(folder)
    path = Path(out) if out is not None else folder / "report" / f"report.{lang}.{format}"
    study = read_study(folder, tell=tell)
    refuse_overwrite(path, is_report, subject=f"report: {path}" if out is None else "", what="a report")
    report = build_report(study, analyze_study(study), lang)
    if format == "pdf":
        write_bytes(path, to_pdf(report, to_svg))
    else:
        write_bytes(path, to_html(report).encode())
    return path


def build_report(study: Study, analysis: Analysis, language: Language) -> Report:
    """Build the report. The same findings give the same numbers in every language."""
    words_of_charts = chart_words(language)
    charts, narrow = (chart_specs(study, analysis, words_of_charts, narrow=own) for own in (False, True))
    inputs = ReportInputs(study, analysis, charts, narrow)
    first = _draft_sections(inputs, language, {})[0]
    draft, abstract = _draft_sections(inputs, language, first.labels_made)
    day = _day(study)
    words = {key.removeprefix("words."): text for key, text in sentences(language).items() if key.startswith("words.")}
    suffix = "_single" if len(study.runs) == 1 else ""
    months = tuple(sentences(language)["report.months"].split())
    return Report(
        language=language,
        direction=draft.say.direction,
        title=draft.say("report.title", base=labels.base(draft, study)),
        subtitle=draft.say(f"report.subtitle{suffix}", runs=len(study.runs), source=labels.source(draft, study)),
        date=draft.say("report.date", date=draft.say.numerals.date(day, months)),
        day=day,
        abstract=abstract,
        blocks=tuple(draft.blocks),
        words=words,
    )


def _draft_sections(inputs: ReportInputs, language: Language, known_labels: Labels) -> tuple[Draft, Any]:
    """Draft all sections in order; return the draft and, separately, the abstract that precedes them."""
    draft = Draft(language, known_labels)
    abstract = front.abstract(draft, inputs)
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
        section(draft, inputs)
    appendix.references(draft)
    appendix.all_runs(draft, inputs)
    appendix.reproduction(draft, inputs)
    return draft, abstract


def _day(study: Study) -> datetime.date:
    """Return the day on which the study began, so that a repeated report has the same bytes."""
    try:
        return datetime.datetime.fromisoformat(study.started or "").date()
    except ValueError:
        newest = max((path.stat().st_mtime for path in study.path.glob("*.json")), default=0.0)
        return datetime.datetime.fromtimestamp(newest, tz=datetime.UTC).date()
