"""The report's sentences: both languages agree, and there is a sentence for every finding."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from importlib.resources import files
from typing import get_args

import pytest
from fontTools.ttLib import TTFont

from squadron.decoding.strategies import PARAMETERS
from squadron.languages import LANGUAGES, Language
from squadron.options.axes import AXES
from squadron.reporting.analysis.findings import COSTS, FitVerdict
from squadron.reporting.analysis.verdicts import AxisVerdict, Verdict
from squadron.reporting.document.bibliography import SOURCES
from squadron.reporting.document.blocks import TextRun
from squadron.reporting.document.formulas import SYMBOLS
from squadron.reporting.localization.numbers import Numerals, western
from squadron.reporting.localization.translate import Translator, sentences
from squadron.reporting.published import PUBLISHED
from squadron.runs.records import Lack
from squadron.scoring.designs import METRICS, Scope
from squadron.scoring.failure_kinds import KINDS

MARK = re.compile(r"\{(\w+)(?::([^{}|]+))?\}|\{\w+:[^{}]*\|[^{}]*\}|\[[@#][\w-]+\]|\$[^$]+\$|`[^`]+`")
NUMBER = re.compile(r"(?<![A-Za-z0-9.-])\d[\d.,]*")
NOT_SENTENCES = ("report.months", "label.letters")


def translator(language: Language) -> Translator:
    return Translator(language, sentences(language), Numerals(persian=language == "fa"), lambda _, name: name)


def marks(sentence: str) -> Counter[str]:
    """Count the marks in a sentence, without plurals, which Persian does not need."""
    return Counter(found[0] for found in MARK.finditer(sentence) if "|" not in found[0])


def numbers(sentence: str) -> Counter[str]:
    return Counter(found.rstrip(".,") for found in NUMBER.findall(western(MARK.sub("", sentence))))


def test_both_languages_have_the_same_sentences_with_the_same_values_and_numbers() -> None:
    english, persian = sentences("en"), sentences("fa")
    assert english.keys() == persian.keys()
    assert len(english) > 300
    compared = [key for key in english if key not in NOT_SENTENCES]
    for key in compared:
        assert marks(english[key]) == marks(persian[key]), key
        assert numbers(english[key]) == numbers(persian[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_a_sentence_for_every_finding(language: Language) -> None:
    wanted = {
        *(f"missing.{one}" for one in get_args(Lack)),
        *(f"axis.{one}" for one in AXES),
        *(f"{table}.{one}" for table in ("kind", "kind_means") for one in KINDS),
        *(f"effect.{one}" for one in get_args(AxisVerdict)),
        *(f"effect.also_{one}" for one in get_args(AxisVerdict)),
        *(f"scope.{one}" for one in get_args(Scope)),
        *(f"metric.{one}" for one in METRICS),
        *(f"decoding.{one}" for one in PARAMETERS),
        *(f"conclusion.axis_{one}" for one in get_args(AxisVerdict)),
        *(f"{key}_{one}" for key in ("models.base", "models.full", "conclusion.base") for one in get_args(Verdict)),
        *(f"effect.verdict_{one}" for one in get_args(Verdict)),
        *(f"fit.{one}" for one in get_args(FitVerdict)),
        *(f"fit.one_{one}" for one in get_args(FitVerdict)),
        *(f"cost.cheapest_{one}" for one in COSTS),
        *(f"published_name.{one.key}" for one in PUBLISHED),
    }
    assert wanted <= sentences(language).keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_citations_references_and_symbols_exist(language: Language) -> None:
    text = "\n".join(sentences(language).values())
    cited = set(re.findall(r"\[@([\w-]+)\]", text))
    assert cited == SOURCES.keys()
    symbols = set(re.findall(r"\$([^$]+)\$", text))
    assert symbols == SYMBOLS.keys()


def test_persian_is_written_with_its_own_letters_digits_and_half_spaces() -> None:
    persian = {key: text for key, text in sentences("fa").items() if not key.startswith("label.letters")}
    text = MARK.sub("", "\n".join(persian.values()))
    assert not set(text) & set("كيىة\u0654٠١٢٣٤٥٦٧٨٩")  # Arabic letters and digits
    words = re.sub(r"[A-Za-z][\w.+&/-]*(?: v\d\.\d)?", "", text)
    assert not re.findall(r"[0-9%?;]|(?<=[\u0600-\u06ff]),", words), re.findall(r".{20}[0-9%?;,].{5}", words)
    assert text.count("\u200c") > 500
    # A zero-width non-joiner is between letters, not beside a space or at an end.
    assert not re.findall(r"\u200c[\s.،؛:]|\s\u200c", text)
    for prefix in ("می", "نمی"):
        assert not re.findall(rf"\b{prefix} [\u0600-\u06ff]", text), prefix


def test_the_font_has_every_character_of_the_persian_report() -> None:
    with files("squadron.reporting").joinpath("fonts", "Vazirmatn-Regular.ttf").open("rb") as file:
        glyphs = TTFont(file).getBestCmap().keys()
    text = MARK.sub("", "".join(sentences("fa").values()))
    wanted = {one for one in text if unicodedata.category(one)[0] not in "ZC"}
    assert len(wanted) > 80
    # The arrow between two values comes from Typst's own font; test_pdf.py tests all fonts together.
    assert {one for one in wanted if ord(one) not in glyphs} == {"←"}


def test_values_are_not_parsed_for_marks() -> None:
    say = translator("en")
    evil = "{run} [@squad] `code` *x* $r$ <b>"
    runs = say("cost.cheapest", cost=(TextRun("time"),), run=TextRun(evil, "data"))
    assert [run.text for run in runs if run.kind == "data"] == [evil]
    assert {run.kind for run in runs} == {"text", "data"}


def test_english_within_persian_is_foreign_text() -> None:
    runs = translator("fa")("introduction.decoder")
    assert [run.text for run in runs if run.kind == "foreign"] == ["GPT-2", "Answer"]
    assert [run.text for run in runs if run.kind == "cite"] == ["gpt2"]
    # With its bracket: else it would be read as "(gold)P".
    assert [run.text for run in translator("fa")("column.p_gold")] == ["P(gold)"]
    english = translator("en")("introduction.decoder")
    assert not [run for run in english if run.kind == "foreign"]


def test_plurals_and_lists() -> None:
    say = translator("en")
    assert say.plain("missing.failed", count=1, names=(TextRun("a"),)).startswith("1 run failed")
    assert say.plain("missing.failed", count=3, names=(TextRun("a"),)).startswith("3 runs failed")
    assert "".join(run.text for run in say.join([(TextRun("a"),), (TextRun("b"),), (TextRun("c"),)])) == "a, b and c"
    named = {"best": (TextRun("4"),), "others": (TextRun("8"),)}
    for count, words in ((1, "این مقدار به‌طور"), (2, "این مقدارها به‌طور")):
        assert translator("fa").plain("effect.below", count=count, **named).startswith(words)
    plan = {"margin": 1.0, "metrics": (TextRun("F1"),)}
    assert say.plain("plan.declared", count=1, **plan).endswith(", and the metric F1.")
    assert say.plain("plan.declared", count=2, **plan).endswith(", and the metrics F1, the first one primary.")
    persian = translator("fa").join([(TextRun("a"),), (TextRun("b"),), (TextRun("c"),)])
    assert "".join(run.text for run in persian) == "a، b و c"
