"""``squadron analyze``: write a study's findings as tables and charts into a folder."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from squadron.files import write_bytes, write_json, write_text
from squadron.languages import Language
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.charts.gallery import chart_specs
from squadron.reporting.charts.rendering import javascript, to_png, to_svg
from squadron.reporting.charts.theme import FONT, theme
from squadron.reporting.charts.words import chart_words
from squadron.reporting.document.text import clipped
from squadron.reporting.tables import all_tables, to_csv, to_json, to_markdown
from squadron.runs.records import Study
from squadron.runs.study import read_study

FOLDER = "report"


def write_analysis(folder: Path | str, *, out: Path | str | None = None, lang: Language = "en") -> dict[str, Any]:
    """Analyze the sweep or run in ``folder`` and write the findings into ``out``, by default its ``report/``.

    Writes ``analysis.json`` (all findings), ``tables.md``, ``tables/NAME.csv``, ``charts/NAME.svg`` and ``.png``, and
    ``charts.html``, which needs no network. Returns the findings and the files' paths. Raises
    :class:`squadron.errors.RunError` if there is nothing to analyze, :class:`squadron.errors.DeviceError` if ``out``
    cannot be written.
    """
    study = read_study(folder)
    analysis = analyze_study(study)
    target = Path(out) if out is not None else study.path / FOLDER
    tables = all_tables(study, analysis)
    for table in tables:
        write_text(target / "tables" / f"{table.name}.csv", to_csv(table))
    write_text(target / "tables.md", f"# {_title(study)}\n\n{to_markdown(tables)}")
    charts = chart_specs(study, analysis, chart_words(lang))
    for name, spec in charts.items():
        write_text(target / "charts" / f"{name}.svg", to_svg(spec))
        write_bytes(target / "charts" / f"{name}.png", to_png(spec))
    write_text(target / "charts.html", chart_page(study, charts, lang))
    findings = _findings(study, analysis)
    write_json(target / "analysis.json", {"schema": 1, **findings})
    return {
        "results_dir": str(study.path),
        "out": str(target),
        "tables": [str(Path("tables") / f"{table.name}.csv") for table in tables],
        "charts": [str(Path("charts") / f"{name}.svg") for name in charts],
        **findings,
    }


def chart_page(study: Study, charts: dict[str, dict[str, Any]], lang: Language) -> str:
    """Return all charts as one HTML page that fetches nothing."""
    import base64

    import jinja2

    words = chart_words(lang)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("squadron.reporting"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    font = files("squadron.reporting").joinpath("fonts", "Vazirmatn-Regular.woff2").read_bytes()
    return environment.get_template("charts.html").render(
        language=lang,
        direction="rtl" if lang == "fa" else "ltr",
        title=_title(study),
        charts=charts,
        dark=theme(words, dark=True),
        font=FONT,
        font_data=base64.b64encode(font).decode(),
        # A script's text must not contain the end of its element.
        javascript=javascript().replace("</script", "<\\/script"),
    )


def _title(study: Study) -> str:
    return clipped(study.path.resolve().name) or "study"


def _findings(study: Study, analysis: Analysis) -> dict[str, Any]:
    """Return the findings and a summary of the study, as JSON values."""
    best = study.best
    return {
        "status": study.status,
        "split": study.split,
        "decoding": study.decoding,
        "runs": [{"name": run.name, "status": run.status, **_headline(study, run)} for run in study.runs],
        "best_run": None if best is None else best.name,
        "missing": [{"what": entry.what, "names": list(entry.names)} for entry in study.missing],
        "analysis": to_json(analysis),
    }


def _headline(study: Study, run: Any) -> dict[str, Any]:
    score = study.score(run)
    return {} if score is None else {"exact_match": score.exact_match, "f1": score.f1, "questions": score.questions}
