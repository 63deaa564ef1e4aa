"""Formulas in a browser: in the page's maths font, with lowered subscripts and parentheses as high as letters."""

from __future__ import annotations

import io
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from squadron.languages import LANGUAGES, Language
from squadron.reporting.document.formulas import FORMULAS, SYMBOLS
from squadron.reporting.render.fonts import MATHS_FONT

from .test_html import Visit, pages  # noqa: F401

HEIGHTS = """(name) => [...document.querySelectorAll('.formula mo')].filter((one) => '()|'.includes(one.textContent))
  .map((one) => one.getBoundingClientRect().height / parseFloat(getComputedStyle(one).fontSize))"""
LOWERED = """() => [...document.querySelectorAll('.formula msub')].map((one) => {
  const [base, index] = [...one.children].map((part) => part.getBoundingClientRect());
  return index.bottom - base.bottom;
})"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_formulas_are_set_as_formulas(browser: Any, pages: dict[str, Path], language: Language) -> None:  # noqa: F811
    with Visit(browser, pages[language], 1440) as visit:
        family = visit.page.evaluate("getComputedStyle(document.querySelector('.formula math')).fontFamily")
        assert MATHS_FONT in family
        assert visit.page.evaluate(f"document.fonts.check('16px \"{MATHS_FONT}\"')")
        heights = visit.page.evaluate(HEIGHTS)
        assert len(heights) >= 8
        assert max(heights) <= 1.6
        lowered = visit.page.evaluate(LOWERED)
        assert len(lowered) >= 6
        assert min(lowered) > 0


def test_the_maths_font_has_every_sign_of_the_formulas() -> None:
    fonts = pytest.importorskip("fontTools.ttLib", reason="needs fonttools")
    pytest.importorskip("brotli", reason="woff2 needs brotli")
    data = files("squadron.reporting").joinpath("fonts", "SquadronMath.woff2").read_bytes()
    known = set(fonts.TTFont(io.BytesIO(data)).getBestCmap())
    for formula in (*FORMULAS.values(), *SYMBOLS.values()):
        for sign in re.sub("<[^>]+>", "", formula.mathml).replace("&lt;", "<"):
            assert ord(sign) in known, sign
