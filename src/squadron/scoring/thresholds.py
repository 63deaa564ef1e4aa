"""SQuAD v2.0's no-answer threshold: when to say "no answer" instead of what was predicted.

A no-answer score is any number that rises with doubt: a probability, or the negative log-probability of the answer.
A question whose score is *above* the threshold is answered with nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from squadron.scoring.intervals import Floats

Flags = npt.NDArray[np.bool_]


def apply_threshold(scores: Floats, doubts: Floats, has_answer: Flags, threshold: float) -> Floats:
    """The scores [n] once every question in more doubt than ``threshold`` gives no answer."""
    return np.where(doubts > threshold, (~has_answer).astype(np.float64), scores)


def best_threshold(scores: Floats, doubts: Floats, has_answer: Flags, says_nothing: Flags) -> tuple[float, float]:
    """The best mean score (in points) that any threshold reaches, and that threshold; as the official v2.0 script.

    All arrays are [n], in the order in which the file of no-answer scores lists them. Starting from no answers at all,
    questions are answered one by one, the surest first: one that has an answer adds its score, one that has none
    costs a point unless its prediction is empty. The first best place wins; where no answer at all is best, the
    threshold is 0.0. Two quirks are the official script's and kept: questions in equal doubt are answered one by one
    too, in file order (a threshold cannot part them), and a prediction of punctuation alone is not empty here.
    """
    order = np.argsort(doubts, kind="stable")
    changes = np.where(has_answer, scores, np.where(says_nothing, 0.0, -1.0))[order]
    unanswerable = float(np.sum(~has_answer))
    reached = np.cumsum(np.concatenate([[unanswerable], changes]))
    place = int(np.argmax(reached))
    best = 100.0 * float(reached[place]) / len(scores)
    return best, 0.0 if place == 0 else float(doubts[order[place - 1]])
