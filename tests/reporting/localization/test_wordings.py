"""Words that no report, chart or page of ours has: metaphors, what tests cannot say, and second names of one thing."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from itertools import product

import pytest

from squadron.languages import LANGUAGES
from squadron.reporting.localization.translate import sentences

FORBIDDEN = {
    "en": (
        *("told apart", "flatters", "which way an option pushes", "nearly everything", "next to nothing"),
        *("stand in", "stands in", "stands beside", "bear all rankings", "luck of", "with other eyes"),
        *("untouched", "learnt", "commonest", "and others [", "as if", "made-up world"),
        *("Set-up", "To do it again", "within noise", "mostly not detected", "somewhat", "tell runs apart"),
    ),
    "fa": (
        *("بر دوش", "به کدام سو می‌راند", "خوش‌اقبال", "از دست می‌رود", "مهربان", "ملال‌آور", "خوش‌شانس"),
        *("دست‌نخورده", "گونه‌ی خطا", "گونه‌های خطا", "چیدمان", "واژه‌بندی", "گرم‌کردن", "برنامه‌ی نرخ", "پرامپت"),
        *("تمیز داده", "نوفه", "رمزگشایی", "سرِ اشاره‌گر", "تکرار آزمایش", "خوب نشان دهد", "جهان جیبی", "حکم"),
        *("اندکی", "بی‌روح", "جاروب", "میز آزمایش", "نمونه‌برداری", "نشان‌دار", "جفتی میان", "شکست"),
    ),
}
"""Metaphors and colloquial words, terms that a test does not support, and other terms for what has one already."""
TERMS = {
    "fa": {
        "title.ablations": "ابرپارامتر",
        "column.interval": "بازه‌ی اطمینان ۹۵٪",
        "key_findings.verdict_significant": "معنی‌دار",
        "models.base_higher": "ریزتنظیم",
    },
    "en": {
        "title.reproduction": "Reproduction",
        "column.interval": "95% CI",
        "related.squad": "et al.",
        "results.headline": "with {decoding} decoding",
    },
}
"""The standard term that each of these sentences has to have."""


def own_files(language: str) -> dict[str, str]:
    """Return the text of every locale file of a language (report, charts, playground), by key."""
    chart = files("squadron.reporting").joinpath("locales", f"charts.{language}.toml").read_text("utf-8")
    page = files("squadron.web").joinpath("locales", f"{language}.toml").read_text("utf-8")
    words = {
        f"{name}.{key}": str(text)
        for name, own in (("charts", chart), ("page", page))
        for key, text in tomllib.loads(own).items()
    }
    return {**sentences(language), **words}  # type: ignore[arg-type]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_has_a_forbidden_wording(language: str) -> None:
    own = own_files(language)
    assert len(own) > 400
    assert not [(key, word) for (key, text), word in product(own.items(), FORBIDDEN[language]) if word in text]


@pytest.mark.parametrize("language", LANGUAGES)
def test_standard_terms_are_used(language: str) -> None:
    own = own_files(language)
    assert not [key for key, term in TERMS[language].items() if term not in own[key]]


def test_a_percentage_does_not_break_over_lines() -> None:
    assert not [key for key, text in own_files("en").items() if re.search(r"\d %", text)]
