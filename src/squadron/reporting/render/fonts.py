"""The fonts that pages embed, so that they look alike everywhere and fetch nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from importlib.resources import files

from squadron.reporting.charts.theme import FONT

MATHS_FONT = "Squadron Math"
_WEIGHTS = {"Regular": 400, "Bold": 700}


def text_fonts() -> Iterator[str]:
    """Yield the rules of a style sheet for the font of charts and of Persian text."""
    for name, weight in _WEIGHTS.items():
        yield _rule(FONT, f"Vazirmatn-{name}.woff2", f"font-weight: {weight}; font-display: block; ")


def maths_font() -> str:
    """Return the rule of a style sheet for the font of formulas."""
    return _rule(MATHS_FONT, "SquadronMath.woff2", "")


def _rule(family: str, file: str, more: str) -> str:
    data = base64.b64encode(files("squadron.reporting").joinpath("fonts", file).read_bytes()).decode()
    source = f'src: url("data:font/woff2;base64,{data}") format("woff2")'
    return f'@font-face {{ font-family: "{family}"; {more}{source}; }}\n'
