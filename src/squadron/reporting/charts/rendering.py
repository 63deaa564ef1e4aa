"""Charts as files, through vl-convert: no browser, no network, no font of the machine's own."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import Any

PIXELS = 2
"""Pixels of a picture to one of the chart."""


def to_svg(spec: dict[str, Any]) -> str:
    """The chart as SVG, its letters as text in :data:`squadron.reporting.charts.theme.FONT`."""
    return str(_converter().vegalite_to_svg(spec, allowed_base_urls=[]))


def to_png(spec: dict[str, Any]) -> bytes:
    """The chart as a picture on white."""
    on_white = {**spec, "config": {**spec["config"], "background": "white"}}
    return bytes(_converter().vegalite_to_png(on_white, scale=PIXELS, allowed_base_urls=[]))


def javascript() -> str:
    """The libraries that draw charts in a browser, whole, for a page that fetches nothing."""
    return str(_converter().javascript_bundle())


@cache
def _converter() -> Any:
    # Imported late: most of what reads a study draws nothing.
    import vl_convert

    with as_file(files("squadron.reporting").joinpath("fonts")) as fonts:
        vl_convert.register_font_directory(str(fonts))
    return vl_convert
