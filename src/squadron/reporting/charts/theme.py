"""Theme of the charts: fonts, colours safe for colour blindness, digits of the language, light and dark."""

from __future__ import annotations

from typing import Any

from squadron.reporting.charts.words import ChartWords

FONT = "Vazirmatn"
WIDTH = 560
"""The width of charts in pixels, at a font size of 11."""
NARROW = 334
"""The width of charts on a phone in pixels, at the same font size."""

_PERSIAN = {
    "decimal": "٫",
    "thousands": "٬",
    "grouping": [3],
    "currency": ["", ""],
    "numerals": list("۰۱۲۳۴۵۶۷۸۹"),
    # In Persian the sign stands to the left of the number, as in the report's sentences. The right-to-left mark
    # separates the two; without it they are one number, which is always laid out from left to right.
    "percent": "\u200f٪",
    "minus": "−",
}
_WESTERN = {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["", ""], "minus": "−"}
# Safe for colour blindness, and apart in grey: any two have a contrast of at least 1.35, the first two of 1.9. All are
# at least 3 from the page, and the first is light enough for an interval in the colour of text upon it.
_CATEGORY = {
    False: ["#2962ae", "#ed6f1b", "#0b3e2d", "#340d28", "#d1496b", "#5f349c"],
    True: ["#4a98f0", "#f8f0bc", "#be2873", "#f9c393", "#985fe8", "#50c58a"],
}
_ORDINAL = {
    False: ["#af9119", "#50832c", "#196565", "#214271", "#351851"],
    True: ["#405ba9", "#3283ab", "#41ac88", "#94ce6b", "#f4eb7d"],
}
_INK = {False: ("#1f2328", "#59636e", "#d1d9e0"), True: ("#e6edf3", "#9198a1", "#3d444d")}
"""Text, secondary text and lines."""


def theme(words: ChartWords, *, dark: bool = False) -> dict[str, Any]:
    """Return the configuration of every chart; a page may substitute the dark one."""
    ink, second, line = _INK[dark]
    return {
        "font": FONT,
        "background": "transparent",
        "locale": {"number": _PERSIAN if words.numerals.persian else _WESTERN},
        "view": {"stroke": None, "continuousWidth": WIDTH},
        "title": {"color": ink, "subtitleColor": second, "fontSize": 13, "fontWeight": "bold", "anchor": "middle"},
        "axis": {
            "labelColor": ink,
            "titleColor": ink,
            "titleFontWeight": "normal",
            "labelFontSize": 11,
            "titleFontSize": 11,
            "gridColor": line,
            "domainColor": second,
            "tickColor": second,
            "labelLimit": 220,
        },
        "header": {"labelColor": ink, "titleColor": ink, "labelFontSize": 11, "labelFontWeight": "bold"},
        "legend": {
            "labelColor": ink,
            "titleColor": ink,
            "titleFontWeight": "normal",
            "labelFontSize": 11,
            "titleFontSize": 11,
            "labelLimit": 240,
            "symbolBaseFillColor": second,
            "symbolBaseStrokeColor": second,
            "layout": {"bottom": {"anchor": "start", "direction": "vertical"}},
        },
        "range": {"category": _CATEGORY[dark], "ordinal": _ORDINAL[dark], "heatmap": {"scheme": "viridis"}},
        "mark": {"color": _CATEGORY[dark][0]},
        "text": {"color": ink, "fontSize": 11},
        "rule": {"color": ink, "strokeWidth": 1.3},
        "tick": {"color": second},
        "style": {
            "faint": {"color": second, "opacity": 0.45},
            "second": {"color": second},
            "edge": {"color": ink, "strokeWidth": 1.8},
            "zero": {"color": ink, "strokeWidth": 1, "strokeDash": [4, 3]},
        },
    }
