"""Reports: a study folder as a paper in Persian or English, as one HTML file or as a PDF."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from squadron.files import write_bytes
from squadron.languages import WRITING, Language
from squadron.marks import is_report
from squadron.ownership import refuse_overwrite
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.charts.gallery import chart_specs
from squadron.reporting.charts.rendering import to_svg
from squadron.reporting.charts.words import chart_words
from squadron.reporting.document.blocks import Report, Summary
from squadron.reporting.document.builder import Draft, Labels
from squadron.reporting.document.text import direction
from squadron.reporting.localization import labels
from squadron.reporting.localization.translate import sentences
from squadron.reporting.particulars import cover, date, line, particulars_of, running
from squadron.reporting.render.html import to_html
from squadron.reporting.render.pdf import to_pdf
from squadron.reporting.sections import (
    ablations,
    answers,
    appendix,
    conclusion,
    cost,
    front,
    key_findings,
    method,
    results,
    setup,
)
from squadron.reporting.sections.common import ReportInputs
from squadron.runs.places import Tell, quiet
from squadron.runs.records import Study
from squadron.runs.study import read_study

Format = Literal["html", "pdf"]
FORMATS: tuple[Format, ...] = ("html", "pdf")


def write_report(
    folder: Path,
    *,
    lang: Language,
    format: Format,
    out: Path | None = None,
    particulars: Mapping[str, str] | None = None,
    tell: Tell = quiet,
) -> Path:
    """Write the report of the study in ``folder``, a sweep or a single run; return its path.

    ``out`` is the file to write, by default ``report/report.LANG.FORMAT`` in the folder. Only files are read; no model
    is loaded. ``particulars`` of the cover, by their names in :class:`squadron.options.particulars.Particulars`, win
    over those in the study's configuration. ``tell`` says where data was found that is not where it was. Raises
    :class:`squadron.errors.RunError` if the folder holds no study, or if the file exists and is not a report.
    """
    path = Path(out) if out is not None else None
    (found,) = write_reports(folder, [lang], [format], out=path, particulars=particulars, tell=tell).values()
    return found


def write_reports(
    folder: Path,
    languages: Sequence[Language],
    formats: Sequence[Format],
    *,
    out: Path | None = None,
    particulars: Mapping[str, str] | None = None,
    tell: Tell = quiet,
    starting: Callable[[Language, Format], None] = lambda *_: None,
) -> dict[tuple[Language, Format], Path]:
    """Write the report of a study in several languages and formats; return their paths, language by language.

    The study is read and analysed once, and the charts of a language are made once. ``starting`` is called before each
    report. The rest is as for :func:`write_report`; with ``out`` there is one language and one format.
    """
    folder = Path(folder)
    study = read_study(folder, tell=tell)
    paths = {
        (lang, format): out or folder / "report" / f"report.{lang}.{format}" for lang in languages for format in formats
    }
    for path in paths.values():
        refuse_overwrite(path, is_report, subject=f"report: {path}" if out is None else "", what="a report")
    analysis = analyze_study(study)
    built: dict[Language, Report] = {}
    for (lang, format), path in paths.items():
        starting(lang, format)
        if lang not in built:
            built[lang] = build_report(study, analysis, lang, particulars)
        if format == "pdf":
            write_bytes(path, to_pdf(built[lang], to_svg))
        else:
            write_bytes(path, to_html(built[lang]).encode())
    return paths


def build_report(
    study: Study, analysis: Analysis, language: Language, particulars: Mapping[str, str] | None = None
) -> Report:
    """Build the report. The same findings give the same numbers in every language."""
    given = particulars_of(study, particulars or {})
    words_of_charts = chart_words(language)
    charts, narrow = (chart_specs(study, analysis, words_of_charts, narrow=own) for own in (False, True))
    inputs = ReportInputs(study, analysis, charts, narrow)
    first = _draft_sections(inputs, language, {})[0]
    draft, abstract = _draft_sections(inputs, language, first.labels_made)
    day = _day(study)
    words = {key.removeprefix("words."): text for key, text in sentences(language).items() if key.startswith("words.")}
    suffix = "_single" if len(study.runs) == 1 else ""
    months = tuple(sentences(language)["report.months"].split())
    title = line(given["title"]) if "title" in given else draft.say("report.title", base=labels.base(draft, study))
    return Report(
        language=language,
        direction=draft.say.direction,
        title=title,
        subtitle=draft.say(f"report.subtitle{suffix}", runs=len(study.runs), source=labels.source(draft, study)),
        date=date(draft, given, day, months),
        day=day,
        abstract=abstract,
        blocks=tuple(draft.blocks),
        words=words,
        running=running(title),
        cover=cover(draft, given),
        keywords=keywords(language),
        summary=_summary(inputs, given) if WRITING[language].english_summary else None,
    )


def _summary(inputs: ReportInputs, given: Mapping[str, str]) -> Summary:
    """Return the title, the abstract and the keywords in English."""
    draft = Draft("en", {})
    title = draft.say("report.title", base=labels.base(draft, inputs.study))
    own = line(given["title"]) if "title" in given and direction(given["title"]) == "ltr" else title
    say = sentences("en")
    paragraphs = front.abstract(draft, inputs)
    return Summary("en", "ltr", own, say["words.abstract"], paragraphs, say["words.keywords"], keywords("en"))


def keywords(language: Language) -> tuple[str, ...]:
    """Return the keywords of every report in a language."""
    return tuple(word.strip() for word in re.split("[,،]", sentences(language)["cover.keywords"]))


def _draft_sections(inputs: ReportInputs, language: Language, known_labels: Labels) -> tuple[Draft, Any]:
    """Draft all sections in order; return the draft and, separately, the abstract that precedes them."""
    draft = Draft(language, known_labels)
    abstract = front.abstract(draft, inputs)
    for section in (
        key_findings.key_findings,
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
