"""Texts as words, and what type of thing an answer is: the readings that the analysis of mistakes rests on.

Two readings of a text as words; both are more lenient than the official normalization, and neither counts in EM or F1:

* :func:`plain_words`: accents, case, quotes, dashes, possessives and punctuation are gone; ``%`` is the word percent.
* :func:`strong_words`: plain words without articles, numbers as digits (``two hundred`` is ``200``, ``first`` is
  ``1th``, ``$5 million`` is ``5000000 dollar``), plurals as singulars.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from squadron.scoring.metrics import normalize_answer

Words = tuple[str, ...]
AnswerType = Literal["money", "percent", "date", "year", "number", "person", "place", "name", "other"]

ARTICLES = frozenset({"a", "an", "the"})
CURRENCIES = {"$": "dollar", "£": "pound", "€": "euro", "¥": "yen"}
_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_UNITS = {word: value for value, word in enumerate(f"{_SMALL} seventeen eighteen nineteen".split())}
_TY = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {word: value for value, word in zip(range(20, 100, 10), _TY.split(), strict=True)}
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_NTH = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth"
_ORDINALS = {word: value for value, word in enumerate(f"{_NTH} fifteenth sixteenth".split())}
_ORDINALS |= {"seventeenth": 17, "eighteenth": 18, "nineteenth": 19}
_ORDINALS |= {word[:-1] + "ieth": value for word, value in _TENS.items()}
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i"})
_ACCENTS = re.compile("[\u0300-\u036f]")
_SUBSTITUTIONS: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (re.compile(r"(?:^|(?<=[\s(]))-(?=\d)|−"), " minus "),
    (re.compile(r"\+"), " plus "),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), ""),  # 1,000
    (re.compile(r"(?<=\w)['’ʼ`]s\b"), ""),  # Levi's
    (re.compile(r"(?<=\w)['’ʼ](?=\w)"), ""),  # O'Brien
    (re.compile(r"\b[^\W\d_](?:\.[^\W\d_])+\b"), lambda found: found.group().replace(".", "")),  # U.S.
    (re.compile(r"%|\bper cent\b"), " percent "),
    (re.compile(r"\bus\$"), "$"),
    (re.compile("&"), " and "),
    (re.compile("°"), " degree "),
]
_WORD = re.compile(r"\d+(?:\.\d+)*[^\W_]*|[^\W_]+|[$£€¥]")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_NUMERIC_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


FILLERS = _set("""a an the of in on at by to for from with as into its his her their our it he she they is are was were
    be been that which this these those about around approximately roughly circa also""")
_MODIFIERS = _set("over under more less than least most up only nearly almost some just exactly estimated")
_DATES = _set("""january february march april may june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday""")
_ERAS = _set("bc ad bce ce century centuries decade decades")
_IN_DATES = FILLERS | _set("early late mid middle beginning end start until till since before after between and")
_IN_NAMES = FILLERS | _set("and or de la le du des von van der den di da al el bin ibn y et near")
_TITLES = _set("""mr mrs ms dr sir lord lady king queen prince princess emperor empress pope saint rev reverend
    president vice bishop archbishop colonel professor chancellor sultan duke count""")
_PLACES = _set("""river lake sea ocean mountain mountains mount mt valley island islands isle city town county street
    road avenue bridge park square coast desert bay peninsula province gulf canal harbor harbour basin district stadium
    africa asia europe america antarctica australia austria belgium brazil britain canada chile china cuba denmark
    egypt england finland france germany greece hungary india iran iraq ireland israel italy japan kenya korea mexico
    mongolia netherlands norway pakistan peru poland portugal russia scotland spain sweden switzerland turkey ukraine
    states vietnam wales california florida texas london paris rome""")
_HEAD = re.compile(r" (?:of|in|at|and|or|for|on|near) ")
_CASED_WORD = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*")


def answer_type(text: str, *, context: str = "", counted: bool = False) -> AnswerType:
    """What an answer is by its form: ``other`` where no rule knows.

    A capitalized word is no name where ``context`` has it in lower case, too. Four digits are no year where a comma
    parts them, or where the question asks how many (``counted``).
    """
    strong, cased = strong_words(text), _CASED_WORD.findall(text)
    if any(map(has_digit, strong)) and len(strong) <= 8:
        if {"dollar", "pound", "euro", "yen", "cent"} & {*strong}:
            return "money"
        if "percent" in strong:
            return "percent"
    plain = [word for word in plain_words(text) if word not in _IN_DATES]
    if plain and len(plain) <= 8 and all(word in _DATES | _ERAS or _is_numeric(word) for word in plain):
        months = [word for word in cased if word.lower() in _DATES]
        if months and all(word[0].isupper() for word in months):
            return "date"
        counted = counted or re.search(r"\d,\d{3}", text) is not None
        if any(word in _ERAS or (_is_year(word) and not counted) for word in plain):
            return "year"
    core = [word for word in strong if word not in FILLERS | _MODIFIERS]
    if core and core[0][0].isdigit() and len(core) <= 4 and not any(map(is_capitalized, cased[1:])):
        return "number"
    return _name_type(text, cased, context)


def same_type(first: AnswerType, second: AnswerType) -> bool:
    """Whether two types may name two of a sort: equal and known, both in time, or a name that may be either."""
    if first == second:
        return first != "other"
    return {first, second} in ({"date", "year"}, {"name", "person"}, {"name", "place"})


def is_empty(text: str) -> bool:
    """Whether an answer says nothing: no letter or digit is left by the official normalization."""
    return not any(character.isalnum() for character in normalize_answer(text))


def in_context(text: str, context: str) -> bool:
    """Whether a text stands in a context as a run of whole words, plain or strong ones."""
    return contains(plain_words(context), plain_words(text)) or contains(strong_words(context), strong_words(text))


def contains(words: Sequence[str], part: Sequence[str]) -> bool:
    """Whether ``part``, which is not empty, is a run of ``words``."""
    return bool(part) and f" {' '.join(part)} " in f" {' '.join(words)} "


@lru_cache(maxsize=1 << 10)
def plain_words(text: str) -> Words:
    """The words of a text without accents, case, possessives and punctuation; currency signs are words."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    folded = unicodedata.normalize("NFC", _ACCENTS.sub("", folded)).translate(_LETTERS)
    for pattern, replacement in _SUBSTITUTIONS:
        folded = pattern.sub(replacement, folded)
    return tuple(_WORD.findall(folded))


@lru_cache(maxsize=1 << 10)
def strong_words(text: str) -> Words:
    """:func:`plain_words` without articles, with numbers as digits, currencies after them, and words as singulars."""
    words = plain_words(text)
    found: list[str] = []
    place = 0
    while place < len(words):
        word = words[place]
        number, stop = _number(words, place + (word in CURRENCIES))
        if number is not None:
            found.append(number)
            found += [CURRENCIES[word]] if word in CURRENCIES else []
            place = stop
            continue
        place += 1
        if word in CURRENCIES:
            found.append(CURRENCIES[word])
        elif word == "second" and found and found[-1].isdigit():
            found.append(word)  # of time
        elif word in _ORDINALS:
            found.append(f"{_ORDINALS[word]}th")
        elif ordinal := _NUMERIC_ORDINAL.fullmatch(word):
            found.append(f"{ordinal[1].lstrip('0') or 0}th")
        elif word not in ARTICLES:
            found.append(_singular(word))
    return tuple(found)


def _number(words: Words, start: int) -> tuple[str | None, int]:
    """The number that starts at ``start``, in digits, and where it ends; ``None`` where none does."""
    total = Decimal(0)
    current: Decimal | None = None
    last, largest = "", 10**15  # what came before, and a scale that must be greater than the next
    place = start
    while place < len(words):
        word = words[place]
        if _NUMBER.fullmatch(word) and place == start:
            current, last = Decimal(word), "digits"
        elif word in _UNITS and (current is None or last == "hundred" or (last == "tens" and 0 < _UNITS[word] < 10)):
            current, last = (current or 0) + Decimal(_UNITS[word]), "unit"
        elif word in _TENS and (current is None or last == "hundred"):
            if place + 1 < len(words) and 0 < _ORDINALS.get(words[place + 1], 0) < 10 and place == start:
                return f"{_TENS[word] + _ORDINALS[words[place + 1]]}th", place + 2
            current, last = (current or 0) + Decimal(_TENS[word]), "tens"
        elif word == "hundred" and last in ("", "unit", "digits"):
            current, last = (Decimal(1) if current is None else current) * 100, "hundred"
        elif word in _SCALES and word != "hundred" and last != "scale" and _SCALES[word] < largest:
            total += (Decimal(1) if current is None else current) * _SCALES[word]
            current, last, largest = None, "scale", _SCALES[word]
        elif not (
            word == "and"
            and last in ("hundred", "scale")
            and place + 1 < len(words)
            and (words[place + 1] in _UNITS or words[place + 1] in _TENS)
        ):
            break
        place += 1
    if place == start:
        return None, start
    text = f"{total + (current or 0):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text, place


def _singular(word: str) -> str:
    """A word without the s of a plural, by its ending alone: what matters is that both forms give the same."""
    if word.endswith(("ie", "ies")) and len(word) > 2:
        return word.removesuffix("s")[:-2] + "y"
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")) or has_digit(word):
        return word
    return word[:-2] if word.endswith(("sses", "shes", "ches", "xes", "zzes")) else word[:-1]


def has_digit(word: str) -> bool:
    """Whether a word holds a digit."""
    return any(map(str.isdigit, word))


def is_capitalized(word: str) -> bool:
    """Whether a word holds a capital letter."""
    return any(map(str.isupper, word))


def capitalized_words(text: str) -> Words:
    """The strong words of a text that it writes with a capital letter."""
    return strong_words(" ".join(filter(is_capitalized, _CASED_WORD.findall(text))))


def _name_type(text: str, cased: Sequence[str], context: str) -> AnswerType:
    """``person`` or ``place`` where a word says so, else ``name`` where all words that count are capitalized."""
    letters = [word for word in cased if word.lower() not in _IN_NAMES and not word[0].isdigit()]
    if not letters or not all(map(is_capitalized, letters)):
        return "other"
    common = {*_CASED_WORD.findall(context)}
    if all(word.lower() in common for word in letters):
        return "other"
    # What a name is about stands before "of": the Duke of Normandy is a person, the Treaty of Rome no place.
    heads = [plain_words(_HEAD.split(f" {part.strip()} ")[0]) for part in text.split(",")]
    for head in ([word for word in words if word not in FILLERS] for words in heads):
        if head and (head[0] in _TITLES or head[-1] in ("khan", "jr")):
            return "person"
        if head and (head[-1] in _PLACES or head[0] in ("lake", "mount", "mt", "river")):
            return "place"
    return "person" if re.search(r"(?<![.\w])[A-Z]\. ?[A-Z]\w", text) else "name"


def _is_year(word: str) -> bool:
    return re.fullmatch(r"1\d{3}s?|20\d\ds?", word) is not None


def _is_numeric(word: str) -> bool:
    """Whether a plain word is a number, an ordinal or the like of 1990s."""
    return all(found[0].isdigit() for found in strong_words(word))
