"""How much choosing the best of many models by their scores inflates the chosen one's score."""

from __future__ import annotations

import math

import numpy as np

from squadron.randomness import numpy_generator
from squadron.scoring.intervals import Codes, Floats

_FEWEST = 4
"""With fewer clusters there are too few halves to choose on one and score on the other."""


def selection_optimism(values: Floats, codes: Codes, *, halves: int = 400, seed: int = 0) -> float | None:
    """Return the expected excess of the best mean over the chosen model's true mean, by cross-fitting.

    ``values`` [n, models] are question scores, ``codes`` [n] number their clusters. The best model on a random half of
    the clusters is scored on the other half, where nothing was chosen: the difference of its two scores is the optimism
    of a choice by half the questions. It grows with the error of a mean, so that of all questions is smaller by the
    root of two. At least 0; ``None`` with fewer than 4 clusters.
    """
    sizes = np.bincount(codes).astype(np.float64)
    clusters = len(sizes)
    if clusters < _FEWEST:
        return None
    sums = np.column_stack([np.bincount(codes, weights=column) for column in values.T])  # [clusters, models]
    generator = numpy_generator(seed, "optimism")
    chosen = np.zeros((halves, clusters))
    for row in chosen:
        row[generator.permutation(clusters)[: clusters // 2]] = 1.0
    inside, outside = (side @ sums / (side @ sizes)[:, None] for side in (chosen, 1.0 - chosen))
    gaps = [
        np.take_along_axis(one - other, one.argmax(axis=1)[:, None], axis=1).mean()
        for one, other in ((inside, outside), (outside, inside))
    ]
    return max(0.0, float(np.mean(gaps)) / math.sqrt(2.0))
