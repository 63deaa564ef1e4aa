"""Words and types of answers, for failure analysis.

There are two readings of a text as words, both more lenient than the official normalization. Neither affects EM or F1:

* :func:`plain_words`: no accents, case, quotes, dashes, possessives or punctuation; ``%`` is the word percent.
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
_UNIT_WORDS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_UNITS = {word: value for value, word in enumerate(f"{_UNIT_WORDS} seventeen eighteen nineteen".split())}
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {word: value for value, word in zip(range(20, 100, 10), _TENS_WORDS.split(), strict=True)}
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINAL_WORDS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth"
)
_ORDINALS = {word: value for value, word in enumerate(f"{_ORDINAL_WORDS} fifteenth sixteenth".split())}
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


def _word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


FILLERS = _word_set("""a an the of in on at by to for from with as into its his her their our it he she they is are was
    were be been that which this these those about around approximately roughly circa also""")
_MODIFIERS = _word_set("over under more less than least most up only nearly almost some just exactly estimated")
_DATES = _word_set("""january february march april may june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday""")
_ERAS = _word_set("bc ad bce ce century centuries decade decades")
_IN_DATES = FILLERS | _word_set("early late mid middle beginning end start until till since before after between and")
_IN_NAMES = FILLERS | _word_set("and or de la le du des von van der den di da al el bin ibn y et near")
_TITLES = _word_set("""mr mrs ms dr sir lord lady king queen prince princess emperor empress pope saint rev reverend
    president vice bishop archbishop colonel professor chancellor sultan duke count""")
_PLACES = _word_set("""river lake sea ocean mountain mountains mount mt valley island islands isle city town county
    street road avenue bridge park square coast desert bay peninsula province gulf canal harbor harbour basin district
    stadium africa asia europe america antarctica australia austria belgium brazil britain canada chile china cuba
    denmark egypt england finland france germany greece hungary india iran iraq ireland israel italy japan kenya korea
    mexico mongolia netherlands norway pakistan peru poland portugal russia scotland spain sweden switzerland turkey
    ukraine states vietnam wales california florida texas london paris rome""")
_AFTER_HEAD = re.compile(r" (?:of|in|at|and|or|for|on|near) ")
_CASED_WORD = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*")


def answer_type(text: str, *, context: str = "", is_count: bool = False) -> AnswerType:
    """Return the type of an answer by its form; ``other`` if no rule applies.

    A capitalized word is not a name if ``context`` also has it in lower case. Four digits are not a year if a comma
    separates them, or if the question asks how many (``is_count``).
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
        is_count = is_count or re.search(r"\d,\d{3}", text) is not None
        if any(word in _ERAS or (_is_year(word) and not is_count) for word in plain):
            return "year"
    core = [word for word in strong if word not in FILLERS | _MODIFIERS]
    if core and core[0][0].isdigit() and len(core) <= 4 and not any(map(is_capitalized, cased[1:])):
        return "number"
    return _name_type(text, cased, context)


def same_type(first: AnswerType, second: AnswerType) -> bool:
    """Return True if the types are compatible: equal and known, both times, or a name and a person or place."""
    if first == second:
        return first != "other"
    return {first, second} in ({"date", "year"}, {"name", "person"}, {"name", "place"})


def is_empty(text: str) -> bool:
    """Return True if the official normalization leaves no letter or digit of an answer."""
    return not any(character.isalnum() for character in normalize_answer(text))


def in_context(text: str, context: str) -> bool:
    """Return True if a text is a run of whole words of a context, as plain or as strong words."""
    return contains(plain_words(context), plain_words(text)) or contains(strong_words(context), strong_words(text))


def contains(words: Sequence[str], part: Sequence[str]) -> bool:
    """Return True if ``part`` is not empty and is a run of ``words``."""
    return bool(part) and f" {' '.join(part)} " in f" {' '.join(words)} "


@lru_cache(maxsize=1 << 10)
def plain_words(text: str) -> Words:
    """Return the words of a text without accents, case, possessives and punctuation; currency signs are words."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    folded = unicodedata.normalize("NFC", _ACCENTS.sub("", folded)).translate(_LETTERS)
    for pattern, replacement in _SUBSTITUTIONS:
        folded = pattern.sub(replacement, folded)
    return tuple(_WORD.findall(folded))


@lru_cache(maxsize=1 << 10)
def strong_words(text: str) -> Words:
    """Return :func:`plain_words` without articles, with numbers as digits before currencies, and words as singulars."""
    words = plain_words(text)
    found: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        number, stop = _read_number(words, index + (word in CURRENCIES))
        if number is not None:
            found.append(number)
            found += [CURRENCIES[word]] if word in CURRENCIES else []
            index = stop
            continue
        index += 1
        if word in CURRENCIES:
            found.append(CURRENCIES[word])
        elif word == "second" and found and found[-1].isdigit():
            found.append(word)  # the unit of time
        elif word in _ORDINALS:
            found.append(f"{_ORDINALS[word]}th")
        elif ordinal := _NUMERIC_ORDINAL.fullmatch(word):
            found.append(f"{ordinal[1].lstrip('0') or 0}th")
        elif word not in ARTICLES:
            found.append(_singular(word))
    return tuple(found)


def _read_number(words: Words, start: int) -> tuple[str | None, int]:
    """Return the number that starts at ``start``, in digits (``None`` if there is none), and the index after it."""
    total = Decimal(0)
    current: Decimal | None = None
    last, largest = "", 10**15  # the kind of the last word; the next scale must be smaller than ``largest``
    index = start
    while index < len(words):
        word = words[index]
        if _NUMBER.fullmatch(word) and index == start:
            current, last = Decimal(word), "digits"
        elif word in _UNITS and (current is None or last == "hundred" or (last == "tens" and 0 < _UNITS[word] < 10)):
            current, last = (current or 0) + Decimal(_UNITS[word]), "unit"
        elif word in _TENS and (current is None or last == "hundred"):
            if index + 1 < len(words) and 0 < _ORDINALS.get(words[index + 1], 0) < 10 and index == start:
                return f"{_TENS[word] + _ORDINALS[words[index + 1]]}th", index + 2
            current, last = (current or 0) + Decimal(_TENS[word]), "tens"
        elif word == "hundred" and last in ("", "unit", "digits"):
            current, last = (Decimal(1) if current is None else current) * 100, "hundred"
        elif word in _SCALES and word != "hundred" and last != "scale" and _SCALES[word] < largest:
            total += (Decimal(1) if current is None else current) * _SCALES[word]
            current, last, largest = None, "scale", _SCALES[word]
        elif not (
            word == "and"
            and last in ("hundred", "scale")
            and index + 1 < len(words)
            and (words[index + 1] in _UNITS or words[index + 1] in _TENS)
        ):
            break
        index += 1
    if index == start:
        return None, start
    text = f"{total + (current or 0):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text, index


def _singular(word: str) -> str:
    """Return a word without a plural s, by its ending; it suffices that singular and plural give the same result."""
    if word.endswith(("ie", "ies")) and len(word) > 2:
        return word.removesuffix("s")[:-2] + "y"
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")) or has_digit(word):
        return word
    return word[:-2] if word.endswith(("sses", "shes", "ches", "xes", "zzes")) else word[:-1]


def has_digit(word: str) -> bool:
    """Return True if a word contains a digit."""
    return any(map(str.isdigit, word))


def is_capitalized(word: str) -> bool:
    """Return True if a word contains a capital letter."""
    return any(map(str.isupper, word))


def capitalized_words(text: str) -> Words:
    """Return the strong words of a text's capitalized words."""
    return strong_words(" ".join(filter(is_capitalized, _CASED_WORD.findall(text))))


def _name_type(text: str, cased: Sequence[str], context: str) -> AnswerType:
    """Return ``person`` or ``place`` if a word says so, else ``name`` if all content words are capitalized."""
    letters = [word for word in cased if word.lower() not in _IN_NAMES and not word[0].isdigit()]
    if not letters or not all(map(is_capitalized, letters)):
        return "other"
    common = {*_CASED_WORD.findall(context)}
    if all(word.lower() in common for word in letters):
        return "other"
    # The head of a name precedes "of": the Duke of Normandy is a person, the Treaty of Rome is not a place.
    heads = [plain_words(_AFTER_HEAD.split(f" {part.strip()} ")[0]) for part in text.split(",")]
    for head in ([word for word in words if word not in FILLERS] for words in heads):
        if head and (head[0] in _TITLES or head[-1] in ("khan", "jr")):
            return "person"
        if head and (head[-1] in _PLACES or head[0] in ("lake", "mount", "mt", "river")):
            return "place"
    return "person" if re.search(r"(?<![.\w])[A-Z]\. ?[A-Z]\w", text) else "name"


def _is_year(word: str) -> bool:
    return re.fullmatch(r"1\d{3}s?|20\d\ds?", word) is not None


def _is_numeric(word: str) -> bool:
    """Return True if a plain word is a number, an ordinal or a decade such as 1990s."""
    return all(found[0].isdigit() for found in strong_words(word))
