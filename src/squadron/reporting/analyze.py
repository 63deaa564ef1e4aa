"""``squadron analyze``: write a study's findings as tables and charts into a folder."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from squadron.files import write_bytes, write_json
from squadron.languages import WRITING, Language
from squadron.marks import ANALYSIS, analysis_files
from squadron.ownership import refuse_overwrite
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.charts.gallery import chart_specs
from squadron.reporting.charts.rendering import javascript, to_png, to_svg
from squadron.reporting.charts.theme import FONT, theme
from squadron.reporting.charts.words import chart_words
from squadron.reporting.document.text import clipped
from squadron.reporting.tables import all_tables, to_csv, to_json, to_markdown
from squadron.runs.places import Tell, quiet
from squadron.runs.records import Study
from squadron.runs.study import read_study
from squadron.visible import escaped_in_page

FOLDER = "report"


def write_analysis(
    folder: Path | str, *, out: Path | str | None = None, lang: Language = "en", tell: Tell = quiet
) -> dict[str, Any]:
    """Analyze the sweep or run in ``folder`` and write the findings into ``out``, by default its ``report/``.

    Writes ``analysis.json`` (all findings), ``tables.md``, ``tables/NAME.csv``, ``charts/NAME.svg`` and ``.png``, and
    ``charts.html``, which needs no network. Returns the findings and the files' paths. ``tell`` says where data was
    found that is not where it was. Raises :class:`squadron.errors.RunError` if there is nothing to analyze or another
    file would be overwritten, :class:`squadron.errors.DeviceError` if ``out`` cannot be written.
    """
    study = read_study(folder, tell=tell)
    analysis = analyze_study(study)
    target = Path(out) if out is not None else study.path / FOLDER
    tables = all_tables(study, analysis)
    charts, narrow = (chart_specs(study, analysis, chart_words(lang), narrow=own) for own in (False, True))
    files: dict[str, bytes] = {f"tables/{table.name}.csv": to_csv(table).encode() for table in tables}
    files["tables.md"] = f"# {_title(study)}\n\n{to_markdown(tables)}".encode()
    for name, spec in charts.items():
        files |= {f"charts/{name}.svg": to_svg(spec).encode(), f"charts/{name}.png": to_png(spec)}
    files["charts.html"] = chart_page(study, charts, narrow, lang).encode()
    findings = _findings(study, analysis)
    _write(target, files, {"schema": 1, **findings})
    return {
        "results_dir": str(study.path),
        "out": str(target),
        "tables": [str(Path("tables") / f"{table.name}.csv") for table in tables],
        "charts": [str(Path("charts") / f"{name}.svg") for name in charts],
        **findings,
    }


def _write(target: Path, files: Mapping[str, bytes], findings: Mapping[str, Any]) -> None:
    """Write all files. ``analysis.json`` comes first and lists them, with remaining files of earlier analyses: a file
    that it does not list belongs to somebody else and is not overwritten."""
    known = analysis_files(target)
    refuse_overwrite(target / ANALYSIS, lambda _: bool(known), what="an analysis")
    for name in files:
        refuse_overwrite(target / name, lambda _, name=name: name in known, what="a part of an analysis")  # type: ignore[misc]
    named = files.keys() | {name for name in known if (target / name).is_file()} | {ANALYSIS}
    write_json(target / ANALYSIS, {**findings, "files": sorted(named)})
    for name, content in files.items():
        write_bytes(target / name, content)


def chart_page(
    study: Study, charts: dict[str, dict[str, Any]], narrow: dict[str, dict[str, Any]], lang: Language
) -> str:
    """Return all charts as one HTML page that fetches nothing; ``narrow`` are those for a phone."""
    import base64

    import jinja2

    words = chart_words(lang)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("squadron.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=escaped_in_page,
    )
    font = resources.files("squadron.reporting").joinpath("fonts", "Vazirmatn-Regular.woff2").read_bytes()
    return environment.get_template("charts.html").render(
        language=lang,
        direction=WRITING[lang].direction,
        title=_title(study),
        charts=charts,
        narrow=narrow,
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
