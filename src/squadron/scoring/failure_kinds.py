"""Kinds of wrong answers, and the rules that classify an answer, in a fixed order.

The rules are heuristics on the text; ``docs/failures.md`` explains each with an example.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

from squadron.scoring.answers import AnswerRecord
from squadron.scoring.metrics import Normalization, Version, answer_scores
from squadron.scoring.wording import (
    FILLERS,
    Words,
    answer_type,
    capitalized_words,
    contains,
    has_digit,
    in_context,
    is_empty,
    plain_words,
    same_type,
    strong_words,
)

Kind = Literal[
    "answered_unanswerable",
    "wording",
    "truncated_context",
    "never_stopped",
    "empty",
    "too_long",
    "too_short",
    "wrong_boundaries",
    "same_type",
    "copied_context",
    "not_in_context",
    "wrong_place",
]

KINDS: dict[Kind, str] = {
    "answered_unanswerable": "Answered where there is no answer",
    "wording": "Right in other words",
    "truncated_context": "Truncated context",
    "never_stopped": "Never stopped",
    "empty": "Empty",
    "too_long": "Too long",
    "too_short": "Too short",
    "wrong_boundaries": "Wrong boundaries",
    "same_type": "Other entity of the same type",
    "copied_context": "Copied context",
    "not_in_context": "Not in the context",
    "wrong_place": "Wrong place in the context",
}
"""Label of each kind, in the order in which the rules are tried."""

WORDING_F1 = 0.88
"""The least F1 over strong words of an answer that is right up to wording: 4 words of 5."""
PART_SHARE = 0.2
"""The least share of a gold's content words in an answer that is too short."""
COPIED_WORDS = 8
"""The least number of consecutive words of the context that counts as copied."""

_NEGATIONS = frozenset(["not", "no", "never", "none", "without", "non", "neither", "nor", "cannot"])
_WH = re.compile(r"\b(how (?:many|much)|how|who|whom|whose|what|which|when|where|why)\b")
_PREPOSITION = "about|after|against|at|before|by|during|for|from|in|into|of|on|since|through|to|under|until|with|within"
_LEADING_WH = re.compile(rf"(?:(?:{_PREPOSITION}) )?{_WH.pattern}")


def classify(
    record: AnswerRecord, *, version: Version = "1.1", normalize: Normalization = "official"
) -> tuple[Kind, str] | None:
    """Return the kind of a wrong answer and the reason for it; ``None`` if exact match counts the answer as right.

    Raises :class:`squadron.errors.DataError` if ``version`` is v1.1 and there are no gold answers.
    """
    if answer_scores(record.prediction, record.golds, version=version, normalize=normalize)[0]:
        return None
    golds = [gold for gold in record.golds if gold]
    for kind, rule in _RULES.items():
        if reason := rule(record, golds):
            return kind, reason
    raise AssertionError(record)  # the last rule always applies


def question_word(question: str) -> str:
    """Return the question word: ``how many`` (or how much), ``who`` (whom, whose), ``what``, ``when``, ``where``,
    ``which``, ``why`` or ``how``; ``other`` if there is none.

    The word at the start of the question, possibly after a preposition, comes first; then the first of what, how, which
    and why, since who, when and where within a sentence are mostly relative; then the first of any.
    """
    lowered = " ".join(question.lower().split())
    words = [found.group(1) for found in _WH.finditer(lowered)]
    asking = [word for word in words if word not in ("who", "whom", "whose", "when", "where")]
    leading = _LEADING_WH.match(lowered)
    word = leading.group(1) if leading else next(iter([*asking, *words]), "other")
    return {"whom": "who", "whose": "who", "how much": "how many"}.get(word, word)


def _truncated(record: AnswerRecord, golds: Sequence[str]) -> str:
    if not record.truncated or any(in_context(gold, record.visible_context) for gold in golds):
        return ""
    lost = next((gold for gold in golds if in_context(gold, record.context)), None)
    return "" if lost is None else f"{lost!r} is in the truncated part"


def _too_long(record: AnswerRecord, golds: Sequence[str]) -> str:
    return next((f"contains {gold!r}" for gold in golds if _in_either_reading(contains, record.prediction, gold)), "")


def _too_short(record: AnswerRecord, golds: Sequence[str]) -> str:
    return next(
        (f"is a part of {gold!r}" for gold in golds if _in_either_reading(_is_part, record.prediction, gold)), ""
    )


def _wrong_boundaries(record: AnswerRecord, golds: Sequence[str]) -> str:
    answer, context = strong_words(record.prediction), strong_words(record.context)
    return next((f"overlaps {gold!r}" for gold in golds if _overlap(answer, strong_words(gold), context)), "")


def _same_type(record: AnswerRecord, golds: Sequence[str]) -> str:
    if not in_context(record.prediction, record.context):
        return ""
    is_count = question_word(record.question) == "how many"
    own_type = answer_type(record.prediction, context=record.context, is_count=is_count)
    for gold in golds:
        gold_type = answer_type(gold, context=record.context, is_count=is_count)
        if same_type(own_type, gold_type):
            return f"{own_type} for {gold_type} {gold!r}"
    return ""


def _copied(record: AnswerRecord, golds: Sequence[str]) -> str:
    words = plain_words(record.prediction)
    run = _longest_run(words, plain_words(record.context))
    long = run >= COPIED_WORDS and 2 * run >= len(words)
    copied = long and run > 2 * min(len(plain_words(gold)) for gold in golds)
    return f"copies {run} consecutive words of the context" if copied else ""


_RULES: dict[Kind, Callable[[AnswerRecord, Sequence[str]], str]] = {
    "answered_unanswerable": lambda _, golds: "" if golds else "the question has no answer",
    "wording": lambda record, golds: next(
        (f"means {gold!r}" for gold in golds if _same_wording(record.prediction, gold)), ""
    ),
    "truncated_context": _truncated,
    "never_stopped": lambda record, _: "generated no EOS" if record.tokens and not record.stopped else "",
    "empty": lambda record, _: "has no letter or digit" if is_empty(record.prediction) else "",
    "too_long": _too_long,
    "too_short": _too_short,
    "wrong_boundaries": _wrong_boundaries,
    "same_type": _same_type,
    "copied_context": _copied,
    "not_in_context": lambda record, _: (
        "" if in_context(record.prediction, record.context) else "is not in the context"
    ),
    "wrong_place": lambda _record, _golds: "is in the context, but not of a gold's type",
}
"""Each rule returns the reason for its kind, or "" if it does not apply."""


def _same_wording(prediction: str, gold: str) -> bool:
    """Return True if they differ only in fillers, word order or hyphens, or are close without differing in a number,
    negation or name."""
    answer, wanted = strong_words(prediction), strong_words(gold)
    if not answer or not wanted or [*filter(has_digit, answer)] != [*filter(has_digit, wanted)]:
        return False
    answer_words, gold_words = Counter(_content_words(answer) or answer), Counter(_content_words(wanted) or wanted)
    if answer_words == gold_words:
        return True
    if not any(map(has_digit, answer)) and "".join(answer) == "".join(wanted):
        return True
    differing = {*(answer_words - gold_words), *(gold_words - answer_words)}
    names = {*capitalized_words(prediction), *capitalized_words(gold)}
    f1 = 2 * (answer_words & gold_words).total() / (answer_words.total() + gold_words.total())
    return f1 >= WORDING_F1 and not differing & (_NEGATIONS | names)


def _in_either_reading(holds: Callable[[Words, Words], bool], answer: str, gold: str) -> bool:
    """Return True if ``holds`` is true of the plain words or of the strong words."""
    return any(holds(read(answer), read(gold)) for read in (plain_words, strong_words))


def _is_part(answer: Words, gold: Words) -> bool:
    """Return True if the answer's words are a large enough subsequence of the gold's."""
    rest = iter(gold)
    enough = len(_content_words(answer)) >= max(1.0, PART_SHARE * len(_content_words(gold)))
    return enough and len(answer) < len(gold) and all(word in rest for word in answer)


def _overlap(answer: Words, gold: Words, context: Words) -> bool:
    """Return True if answer and gold overlap at one place of the context, each reaching beyond the other."""
    for before, after in ((answer, gold), (gold, answer)):
        for shared in range(min(len(before), len(after)) - 1, 0, -1):
            same = before[-shared:] == after[:shared] and _content_words(after[:shared])
            if same and contains(context, before + after[shared:]):
                return True
    return False


def _longest_run(words: Words, context: Words) -> int:
    """Return the length of the longest run of ``words`` that is a run of the context."""
    start = best = 0
    for stop in range(1, len(words) + 1):
        while start < stop and not contains(context, words[start:stop]):
            start += 1
        best = max(best, stop - start)
    return best


def _content_words(words: Words) -> Words:
    return tuple(word for word in words if word not in FILLERS)
