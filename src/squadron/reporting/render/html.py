"""Render a report as one HTML file that fetches nothing: it embeds style, scripts, fonts and charts.

All data is escaped. As a second defence, a content security policy permits only the scripts whose hashes it lists.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup, escape

from squadron.languages import Language
from squadron.marks import GENERATOR
from squadron.reporting.charts.rendering import javascript
from squadron.reporting.charts.theme import theme
from squadron.reporting.charts.words import chart_words
from squadron.reporting.document.blocks import Figure, Report
from squadron.reporting.document.formulas import FORMULAS, SYMBOLS
from squadron.reporting.document.text import DIRECTION_MARK, LONGEST_WHOLE, with_whole_intervals
from squadron.reporting.render.fonts import maths_font, text_fonts
from squadron.visible import escaped_in_page

_FEWEST_TO_SORT = 3


def to_html(report: Report) -> str:
    """Return the report as one HTML page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("squadron.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=escaped_in_page,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["own"] = _own
    config, light, dark = chart_colours(report.language)
    figures = [block for block in report.blocks if isinstance(block, Figure)]
    specs = {figure.anchor: _to_vega({**figure.spec, "config": config}) for figure in figures}
    narrow = {figure.anchor: _to_vega({**figure.narrow, "config": config}) for figure in figures}
    library = _script(javascript() if specs else "")
    own = _script(_file("report.js"))
    return environment.get_template("report.html").render(
        report=report,
        generator=GENERATOR,
        style=Markup(_style(light, dark)),
        library=library,
        script=own,
        charts=Markup(_script_json({"specs": specs, "narrow": narrow, "words": report.words})),
        policy=_policy(library, own),
        formulas={name: Markup(formula.mathml) for name, formula in FORMULAS.items()},
        symbols={name: Markup(formula.mathml) for name, formula in SYMBOLS.items()},
        spoken={name: formula.spoken for name, formula in FORMULAS.items()},
        fewest=_FEWEST_TO_SORT,
        longest_whole=LONGEST_WHOLE,
    )


def _own(text: str) -> Markup:
    """Return the report's own text, escaped, with its direction marks, which those of data never are."""
    whole = Markup("&rlm;").join(escape(escaped_in_page(part)) for part in text.split(DIRECTION_MARK))
    return Markup(with_whole_intervals(whole))


def chart_colours(language: Language) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """Return the charts' configuration with CSS variables where light and dark differ, and both sets of values.

    So a chart follows the page's colour scheme, on screen and on paper, without being redrawn.
    """
    words = chart_words(language)
    light, dark = theme(words), theme(words, dark=True)
    values: dict[str, dict[str, str]] = {"light": {}, "dark": {}}
    named: dict[tuple[str, str], str] = {}

    def merge(light_value: Any, dark_value: Any) -> Any:
        if isinstance(light_value, dict):
            return {key: merge(value, dark_value[key]) for key, value in light_value.items()}
        if isinstance(light_value, list):
            return [merge(*pair) for pair in zip(light_value, dark_value, strict=True)]
        if light_value == dark_value:
            return light_value
        variable = named.setdefault((light_value, dark_value), f"--chart-{len(named)}")
        values["light"][variable], values["dark"][variable] = light_value, dark_value
        return f"var({variable})"

    config = merge(light, dark)
    # The page itself labels and describes its figures.
    return {**config, "aria": False}, values["light"], values["dark"]


def _to_vega(spec: dict[str, Any]) -> dict[str, Any]:
    """Compile a Vega-Lite chart to Vega, which a browser draws without a compiler."""
    import vl_convert

    compiled: dict[str, Any] = vl_convert.vegalite_to_vega(spec)
    return compiled


def _style(light: dict[str, str], dark: dict[str, str]) -> str:
    """Return the style sheet with the fonts of text, charts and formulas, and the charts' colours."""

    def colours(values: dict[str, str]) -> str:
        return "".join(f"{name}: {value}; " for name, value in values.items())

    sheet = _file("report.css").replace("/*light*/", colours(light)).replace("/*dark*/", colours(dark))
    return "".join(text_fonts()) + maths_font() + sheet


def _script(text: str) -> Markup:
    """Return a script for a ``<script>`` element, escaped so that it cannot end the element."""
    return Markup(re.sub(r"<(?=/script|!--)", r"\\x3c", text, flags=re.IGNORECASE))


def _script_json(value: Any) -> str:
    """Return JSON for a ``<script>`` element, escaped so that it cannot end the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _policy(*scripts: str) -> str:
    """Return the content security policy: run these scripts, use embedded content, fetch nothing."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; font-src data:"


def _file(name: str) -> str:
    return files("squadron.reporting").joinpath("templates", name).read_text(encoding="utf-8")
