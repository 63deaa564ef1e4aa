"""Theme of the charts: fonts, colours safe for colour blindness, digits of the language, light and dark."""

from __future__ import annotations

from typing import Any

from squadron.reporting.charts.words import ChartWords

FONT = "Vazirmatn"
WIDTH = 560
"""The width of charts in pixels, at a font size of 11."""

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
# Paul Tol's bright scheme, in an order that contrasts neighbours; lighter for dark pages.
_CATEGORY = {
    False: ["#4477AA", "#CC6677", "#228833", "#AA3377", "#997700", "#3399BB"],
    True: ["#77AADD", "#EE8866", "#66BB77", "#DD88BB", "#DDCC77", "#99DDEE"],
}
_ORDINAL = {
    False: ["#b8a42a", "#5ea861", "#2a8b8c", "#33628d", "#46246b"],
    True: ["#46628d", "#3a8fa3", "#47b585", "#9fd45c", "#f2e14c"],
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
        },
        "range": {"category": _CATEGORY[dark], "ordinal": _ORDINAL[dark], "heatmap": {"scheme": "viridis"}},
        "mark": {"color": _CATEGORY[dark][0]},
        "text": {"color": ink, "fontSize": 11},
        "rule": {"color": ink, "strokeWidth": 1.3},
        "tick": {"color": second},
        "style": {
            "faint": {"color": second, "opacity": 0.45},
            "second": {"color": second},
        },
    }
