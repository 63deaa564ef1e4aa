"""Render charts with vl-convert: without a browser, network or system fonts."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import Any

PIXELS = 2
"""Pixels of the PNG per pixel of the chart."""


def to_svg(spec: dict[str, Any]) -> str:
    """Return the chart as SVG, with text in :data:`squadron.reporting.charts.theme.FONT`."""
    return str(_converter().vegalite_to_svg(spec, allowed_base_urls=[]))


def to_png(spec: dict[str, Any]) -> bytes:
    """Return the chart as PNG on white."""
    on_white = {**spec, "config": {**spec["config"], "background": "white"}}
    return bytes(_converter().vegalite_to_png(on_white, scale=PIXELS, allowed_base_urls=[]))


def javascript() -> str:
    """Return the JavaScript that draws charts in a browser, for a page that fetches nothing."""
    return str(_converter().javascript_bundle())


@cache
def _converter() -> Any:
    # Imported late: most code that reads a study draws no charts.
    import vl_convert

    with as_file(files("squadron.reporting").joinpath("fonts")) as fonts:
        vl_convert.register_font_directory(str(fonts))
    return vl_convert
