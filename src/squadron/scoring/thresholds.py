"""The no-answer threshold of SQuAD v2.0: when to answer "no answer" instead of the prediction.

A no-answer score is any number that rises with doubt: a probability, or the negative log-probability of the answer.
A question whose score is *above* the threshold gets the empty answer.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from squadron.scoring.intervals import Floats

Flags = npt.NDArray[np.bool_]


def apply_threshold(scores: Floats, doubts: Floats, has_answer: Flags, threshold: float) -> Floats:
    """Return the scores [n] after giving no answer to every question whose doubt is above ``threshold``."""
    return np.where(doubts > threshold, (~has_answer).astype(np.float64), scores)


def best_threshold(scores: Floats, doubts: Floats, has_answer: Flags, empty_prediction: Flags) -> tuple[float, float]:
    """Return the best mean score (in points) over all thresholds, and its threshold, as the official v2.0 script does.

    All arrays are [n], in the order of the file of no-answer scores. Starting with no question answered, the questions
    are answered one by one in the order of rising doubt: a question with an answer adds its score, a question without
    one costs a point unless its prediction is empty. The first maximum wins; if answering nothing is best, the
    threshold is 0.0. Two quirks of the official script are kept: questions of equal doubt are also answered one by one,
    in file order (no threshold can separate them), and a prediction of punctuation alone does not count as empty.
    """
    order = np.argsort(doubts, kind="stable")
    changes = np.where(has_answer, scores, np.where(empty_prediction, 0.0, -1.0))[order]
    unanswerable = float(np.sum(~has_answer))
    reached = np.cumsum(np.concatenate([[unanswerable], changes]))
    index = int(np.argmax(reached))
    best = 100.0 * float(reached[index]) / len(scores)
    return best, 0.0 if index == 0 else float(doubts[order[index - 1]])
