"""Exact match and F1 of one answer, as the official SQuAD evaluation scripts define them.

Both versions compare *normalized* answers: lower case, no ASCII punctuation (:data:`string.punctuation`; Unicode quotes
and dashes stay), no words *a*, *an*, *the*, single spaces. Punctuation is removed before articles, so that ``"a."`` is
an article and ``"l'a"`` is the word ``la``.

========================================  ==================  ====================
difference                                v1.1                v2.0
========================================  ==================  ====================
no gold answers                           an error            ``""`` is right
golds that normalize to nothing           kept                dropped; if none is left, ``""`` is right
F1 when either side has no words          0                   1 if both have none, else 0
========================================  ==================  ====================

So v1.1 gives the prediction ``""`` against the gold ``"The"`` an exact match of 1 and an F1 of 0; v2.0 gives 1 and 1.

Another normalization can be named in place of the official one (:data:`NORMALIZATIONS`); everything else stays.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

from squadron.errors import DataError
from squadron.scoring.persian import normalize_persian

Version = Literal["1.1", "2.0"]
VERSIONS: tuple[Version, ...] = ("1.1", "2.0")
Normalization = Literal["official", "persian"]

MORE_METRICS: dict[str, Callable[[str, Sequence[str]], float]] = {}
"""Metrics beside EM and F1, by name: from an answer and its golds to 0 to 1. Scores hold the mean, in points."""

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_CACHED_CHARACTERS = 400
"""Longer texts are not cached, so that the cache stays below about 100 MB for any golds."""


def normalize_answer(text: str) -> str:
    """Return ``text`` as the official scripts compare it; may be empty."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


NORMALIZATIONS: Mapping[Normalization, Callable[[str], str]] = {
    "official": normalize_answer,
    "persian": normalize_persian,
}
"""How answers are made alike before they are compared, by name."""


@lru_cache(maxsize=1 << 16)
def _normalized_short(text: str, normalize: Normalization) -> str:
    return NORMALIZATIONS[normalize](text)


def normalize_gold(text: str, normalize: Normalization = "official") -> str:
    """Return a normalized gold, cached: every epoch, strategy and adapter is scored on the same golds."""
    short = len(text) <= _CACHED_CHARACTERS
    return _normalized_short(text, normalize) if short else NORMALIZATIONS[normalize](text)


def exact_match(
    prediction: str, golds: Sequence[str], *, version: Version = "1.1", normalize: Normalization = "official"
) -> int:
    """Return 1 if the prediction equals one of the golds after normalization, else 0.

    Raises :class:`DataError` if ``version`` is v1.1 and there is no gold answer.
    """
    return answer_scores(prediction, golds, version=version, normalize=normalize)[0]


def f1(
    prediction: str, golds: Sequence[str], *, version: Version = "1.1", normalize: Normalization = "official"
) -> float:
    """Return the best F1, 0 to 1, between the prediction's bag of words and any gold's.

    Raises :class:`DataError` if ``version`` is v1.1 and there is no gold answer.
    """
    return answer_scores(prediction, golds, version=version, normalize=normalize)[1]


def answer_scores(
    prediction: str, golds: Sequence[str], *, version: Version = "1.1", normalize: Normalization = "official"
) -> tuple[int, float]:
    """Return :func:`exact_match` and :func:`f1` together, normalizing once."""
    candidates = gold_candidates(golds, version=version, normalize=normalize)
    answer = NORMALIZATIONS[normalize](prediction)
    words = answer.split()
    best = max(_f1(words, gold.split(), both_empty=version == "2.0") for gold in candidates)
    return int(answer in candidates), best


def gold_candidates(
    golds: Sequence[str], *, version: Version = "1.1", normalize: Normalization = "official"
) -> list[str]:
    """Return the distinct normalized answers that count as right; in v2.0 ``[""]`` if there is no answer.

    Raises :class:`DataError` if ``version`` is v1.1 and there is no gold answer.
    """
    candidates = list(dict.fromkeys(normalize_gold(gold, normalize) for gold in golds))
    if version == "2.0":
        return [gold for gold in candidates if gold] or [""]
    if not candidates:
        raise DataError("no gold answers: SQuAD v1.1 has one for every question; score with version 2.0")
    return candidates


def _f1(prediction: list[str], gold: list[str], *, both_empty: bool) -> float:
    """Return F1 of two bags of words; two empty bags score ``both_empty`` (1 in v2.0, 0 in v1.1)."""
    if not prediction or not gold:
        return float(both_empty and prediction == gold)
    common = (Counter(prediction) & Counter(gold)).total()
    if common == 0:
        return 0.0
    precision, recall = common / len(prediction), common / len(gold)
    return 2 * precision * recall / (precision + recall)
