"""The Persian normalization: what it makes one and what it keeps apart, by kinds; the official rule stays as it is."""

from __future__ import annotations

import pytest

from squadron.errors import ConfigError, DataError
from squadron.scoring.evaluation import compare, score
from squadron.scoring.metrics import answer_scores, gold_candidates, normalize_gold
from squadron.scoring.persian import normalize_persian

ZWNJ = "\u200c"
ALIKE = {
    "persian digits": ("سال ۱۳۵۷", "سال 1357"),
    "arabic digits": ("٤٥٦", "۴۵۶"),
    "thousands": ("۱٬۲۰۰", "1,200"),
    "decimals": ("۳٫۵", "3.5"),
    "percent": ("۲۰٪", "20%"),
    "arabic yeh": ("علي", "علی"),
    "alef maksura": ("موسى", "موسی"),
    "arabic kaf": ("كتاب", "کتاب"),
    "heh with yeh above": ("خان\u06c0 ما", "خانه ما"),
    "heh and hamza": ("خانه\u0654 ما", "خانه ما"),
    "heh goal": ("\u0645\u0627\u06c1", "ماه"),
    "teh marbuta": ("دایرة", "دایره"),
    "yeh and hamza": ("مس\u06cc\u0654ول", "مسئول"),
    "harakat": ("مُحَمَّد", "محمد"),
    "tanwin": ("قبلاً", "قبلا"),
    "superscript alef": ("رحم\u0670ن", "رحمن"),
    "tatweel": ("ایـــران", "ایران"),
    "zwnj": (f"کتاب{ZWNJ}ها", "کتاب ها"),
    "zero-width space": ("کتاب\u200bها", "کتاب ها"),
    "direction marks": ("\u200fتهران\u200e", "تهران"),
    "question mark": ("تهران؟", "تهران"),
    "comma and semicolon": ("تهران، قم؛", "تهران قم"),
    "guillemets": ("«شاهنامه»", "شاهنامه"),
    "ascii punctuation": ("(تهران).", "تهران"),
    "ascii symbols": ("۱۲۰$", "120"),
    "unicode quotes": ("“تهران”", "تهران"),
    "presentation forms": ("\ufe97\ufeec\ufeae\ufe8d\ufee5", "تهران"),
    "composed alef": ("ا\u0653ب", "آب"),
    "case of Latin words": ("IBM", "ibm"),
    "spaces": (" تهران\u00a0 قم\n", "تهران قم"),
}
APART = {
    "alef with madda": ("آن", "ان"),
    "a joiner between words": (f"نام{ZWNJ}های", f"نامه{ZWNJ}ای"),  # names of; a letter: one, if it were dropped
    "joined and apart": (f"می{ZWNJ}رود", "میرود"),
    "letters": ("ز", "ذ"),
    "digits": ("۴", "۵"),
    "english articles": ("the end", "end"),
}


@pytest.mark.parametrize("kind", ALIKE)
def test_forms_of_one_answer_are_alike(kind: str) -> None:
    written, plain = ALIKE[kind]
    assert written != plain
    assert normalize_persian(written) == normalize_persian(plain) == plain.translate(PLAIN).strip().lower()
    assert answer_scores(written, [plain], normalize="persian") == (1, 1.0)


PLAIN = {ord(","): "", ord("."): "", ord("%"): "", 0xA0: "", **{0x06F0 + value: str(value) for value in range(10)}}
OFFICIAL_TOO = {"case of Latin words", "spaces", "ascii punctuation"}


@pytest.mark.parametrize("kind", sorted(ALIKE.keys() - OFFICIAL_TOO))
def test_the_official_rule_tells_these_forms_apart(kind: str) -> None:
    written, plain = ALIKE[kind]
    assert answer_scores(written, [plain])[0] == 0


@pytest.mark.parametrize("kind", APART)
def test_other_answers_stay_apart(kind: str) -> None:
    first, second = APART[kind]
    assert answer_scores(first, [second], normalize="persian")[0] == 0


def test_only_the_official_rule_drops_english_articles() -> None:
    assert answer_scores("the end", ["end"]) == (1, 1.0)
    assert answer_scores("the end", ["end"], normalize="persian") == (0, pytest.approx(2 / 3))


def test_a_joiner_counts_as_a_space_in_f1() -> None:
    assert answer_scores(f"کتاب{ZWNJ}ها", ["کتاب"], normalize="persian") == (0, pytest.approx(2 / 3))


def test_a_text_of_marks_alone_is_empty_and_normalizing_twice_changes_nothing() -> None:
    assert normalize_persian(f"«؟» \u064b\u0640{ZWNJ}") == ""
    for text in [one for pair in (*ALIKE.values(), *APART.values()) for one in pair]:
        assert normalize_persian(normalize_persian(text)) == normalize_persian(text)


def test_the_rules_do_not_share_cached_golds() -> None:
    assert (normalize_gold("علي ۵"), normalize_gold("علي ۵", "persian")) == ("علي ۵", "علی 5")
    assert gold_candidates(["علي", "علی"], normalize="persian") == ["علی"]
    assert gold_candidates(["؟"], version="2.0", normalize="persian") == [""]


def test_scores_name_their_rule_and_two_rules_are_not_compared() -> None:
    golds, predictions = {"1": ["۱۲ علي"], "2": ["قم"]}, {"1": "12 علی", "2": "تهران"}
    official, persian = score(predictions, golds), score(predictions, golds, normalize="persian")
    assert (official.exact_match, persian.exact_match, persian.f1) == (0.0, 50.0, 50.0)
    assert (official.to_json()["normalize"], persian.to_json()["normalize"]) == ("official", "persian")
    with pytest.raises(DataError, match="one run is scored after the official normalization, one after the persian"):
        compare(official, persian)
    with pytest.raises(ConfigError, match="normalize 'farsi': unknown; choose one of official, persian"):
        score(predictions, golds, normalize="farsi")  # type: ignore[arg-type]
