"""Tests of the levels of one factor, with runs and questions both taken as samples.

A :class:`Block` holds the scores of runs in cells: a cell has one run at each level, alike in everything else. Other
cells would change a level's mean, and so would other questions. Two scopes are told apart:

- ``these``: the questions at hand are fixed, and only runs are a sample. The error comes from the spread over cells,
  or, if the cells come from several seeds, over seeds, since runs that share a seed err together.
- ``new``: questions of the same kind are a sample, too, clustered in paragraphs. The variances of the two ways of
  clustering are added, and the part that they share is subtracted (Cameron, Gelbach and Miller, 2011); the sum is at
  least the larger of the two.

Levels are compared by a *contrast* (weights of the levels that sum to 0: a pair or a trend) with a t-test, or all at
once with the *omnibus* F-test (the ANOVA-type statistic of Brunner, Dette and Munk, 1997, with the correction of Huynh
and Feldt, 1976, for differences of unequal variance).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import fdtrc, stdtr, stdtrit

from squadron.scoring.intervals import Codes, Floats

Scope = Literal["new", "these"]
SCOPES: tuple[Scope, ...] = ("new", "these")
"""The scopes of a test, wider first: a difference on new questions is one on these, too."""
METRICS = ("f1", "exact_match", "p_gold")
"""The metrics that reports can test, the primary one of a study without a plan first."""
Covers = Literal["training", "settings", "questions"]
"""The wider sample that a block's runs stand for: training again (several seeds), other settings with the same seed, or
neither (one run at each level)."""
_ROUNDING = 1e-12
"""Errors and differences of scores (0 to 1) up to here are rounding, as of runs with the same answers."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Scores of one factor's runs, summed by paragraph.

    ``sums`` [levels, cells, paragraphs] are sums of question scores, ``sizes`` [paragraphs] numbers of questions,
    ``groups`` [cells] the sample of runs that a cell belongs to: its seed's number, or its own.
    """

    sums: Floats
    sizes: Floats
    groups: Codes
    covers: Covers

    @property
    def means(self) -> Floats:
        """The mean score of each level [levels]."""
        means: Floats = self.sums.sum(axis=(1, 2)) / (self.sums.shape[1] * self.sizes.sum())
        return means


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Covariances of the level means [levels, levels] about their mean, by source, with degrees of freedom.

    ``joint`` is the part that runs and paragraphs share. ``run_degrees`` is 0 if there is one sample of runs only.
    """

    effects: Floats
    runs: Floats
    paragraphs: Floats
    joint: Floats
    run_degrees: int
    paragraph_degrees: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate, its standard error, the error's degrees of freedom and the two-sided p-value against 0."""

    difference: float
    error: float
    degrees: float
    p_value: float


def make_block(values: npt.ArrayLike, codes: Codes, seeds: Sequence[int] | None = None) -> Block:
    """Return the block of question scores ``values`` [levels, cells, questions].

    ``codes`` [questions] number the paragraphs. ``seeds`` [cells] are the seeds of the cells' runs; with two or more of
    them, the seeds are the sample of runs.
    """
    scores = np.asarray(values, dtype=np.float64)
    levels, cells, questions = scores.shape
    assert questions == len(codes), (scores.shape, codes.shape)
    flat = scores.reshape(levels * cells, questions)
    found = np.stack([np.bincount(codes, weights=row) for row in flat])
    sums: Floats = found.reshape(levels, cells, -1).astype(np.float64)
    return block_of_sums(sums, np.bincount(codes).astype(np.float64), seeds)


def block_of_sums(sums: Floats, sizes: Floats, seeds: Sequence[int] | None = None) -> Block:
    """Return the block of paragraph sums [levels, cells, paragraphs], as :func:`make_block` does."""
    cells = sums.shape[1]
    if seeds is not None and len(set(seeds)) > 1:
        groups = np.unique(np.asarray(seeds), return_inverse=True)[1].astype(np.intp)
        return Block(sums, sizes, groups, "training")
    return Block(sums, sizes, np.arange(cells, dtype=np.intp), "settings" if cells > 1 else "questions")


def spread(block: Block) -> Spread:
    """Return how much the level means vary over runs, over paragraphs, and over both together."""
    _, cells, paragraphs = block.sums.shape
    samples = int(block.groups.max()) + 1
    count = cells * float(block.sizes.sum())
    centred = block.sums - block.sums.mean(axis=0, keepdims=True)
    effects = centred.sum(axis=(1, 2)) / count
    residual = centred - effects[:, None, None] * block.sizes  # [levels, cells, paragraphs]
    member = np.zeros((cells, samples))
    member[np.arange(cells), block.groups] = 1.0
    both = np.einsum("lcg,cs->lsg", residual, member)
    over_runs, over_paragraphs = both.sum(axis=2), both.sum(axis=1)
    run_factor = samples / (samples - 1) if samples > 1 else 0.0
    paragraph_factor = paragraphs / (paragraphs - 1) if paragraphs > 1 else 0.0
    # What runs and paragraphs have alone would count again in the sums over both, and too much would be subtracted.
    shares = member.sum(axis=0) / cells
    alone = over_runs[:, :, None] * (block.sizes / block.sizes.sum()) + over_paragraphs[:, None, :] * shares[:, None]
    flat = (both - alone).reshape(len(both), -1)
    return Spread(
        effects,
        run_factor * over_runs @ over_runs.T / count**2,
        paragraph_factor * over_paragraphs @ over_paragraphs.T / count**2,
        run_factor * paragraph_factor * flat @ flat.T / count**2,
        samples - 1,
        paragraphs - 1,
    )


def contrast_test(found: Spread, weights: npt.ArrayLike, scope: Scope) -> Estimate | None:
    """Test the weighted sum of the level means against 0; ``None`` if the scope has no sample.

    The variance over runs is the larger of the contrast's own and of the one pooled over all levels, which has more
    degrees of freedom.
    """
    own = np.asarray(weights, dtype=np.float64)
    assert abs(float(own.sum())) < 1e-9 * max(1.0, float(np.abs(own).sum())), own
    difference = float(own @ found.effects)
    levels = len(own)
    pooled = float(np.trace(found.runs)) / (levels - 1) * float(own @ own)
    runs = max(float(own @ found.runs @ own), pooled)
    run_degrees = found.run_degrees * (levels - 1)
    paragraphs = max(float(own @ found.paragraphs @ own), 0.0)
    joint = float(own @ found.joint @ own)
    variance, degrees = _combined(runs, run_degrees, paragraphs, found.paragraph_degrees, joint, scope)
    if degrees <= 0.0:
        return None
    return Estimate(difference, math.sqrt(variance), degrees, t_test(difference, math.sqrt(variance), degrees))


def omnibus_test(found: Spread, scope: Scope) -> float | None:
    """Return the p-value of the hypothesis that all level means are equal; ``None`` if the scope has no sample."""
    levels = len(found.effects)
    runs, paragraphs, joint = (float(np.trace(one)) for one in (found.runs, found.paragraphs, found.joint))
    samples = min(found.run_degrees or found.paragraph_degrees, found.paragraph_degrees) + 1
    covariance = found.runs
    if scope == "new":
        covariance = found.runs + found.paragraphs
    else:
        samples = found.run_degrees + 1
    first = sphericity(covariance, samples) * (levels - 1)
    variance, second = _combined(
        runs, found.run_degrees * first, paragraphs, found.paragraph_degrees * first, joint, scope
    )
    if second <= 0.0:
        return None
    squares = float(found.effects @ found.effects)
    if variance <= _ROUNDING**2:
        return 1.0 if squares <= _ROUNDING**2 else 0.0
    return float(fdtrc(first, second, squares / variance))


def sphericity(covariance: Floats, samples: int) -> float:
    """Return Huynh and Feldt's factor (at most 1) for the degrees of freedom, from a covariance of centred means."""
    levels = len(covariance)
    squares = float(np.sum(covariance**2))
    if levels == 2 or squares <= 0.0:
        return 1.0
    lower = float(np.trace(covariance)) ** 2 / ((levels - 1) * squares)
    below = (levels - 1) * (samples - 1 - (levels - 1) * lower)
    estimate = (samples * (levels - 1) * lower - 2) / below if below > 0.0 else 1.0
    return float(min(1.0, max(estimate, lower, 1.0 / (levels - 1))))


def t_test(difference: float, error: float, degrees: float) -> float:
    """Return the two-sided p-value of Student's test."""
    if error <= _ROUNDING:
        return 1.0 if abs(difference) <= _ROUNDING else 0.0
    return 2.0 * float(stdtr(degrees, -abs(difference) / error))


def equivalence_test(difference: float, error: float, degrees: float, margin: float) -> float:
    """Return the p-value of the hypothesis that the true difference is at least ``margin`` (two one-sided tests)."""
    if error <= _ROUNDING:
        return 0.0 if abs(difference) < margin else 1.0
    return float(stdtr(degrees, (abs(difference) - margin) / error))


def t_reach(error: float, degrees: float, *, confidence: float = 0.95) -> float:
    """Return the half-width of Student's interval."""
    return error * float(stdtrit(degrees, (1 + confidence) / 2))


def trend_weights(values: Sequence[float]) -> list[float]:
    """Return weights of the levels' means that sum to the rise of the fitted line from lowest to highest value.

    The line is over the logarithm if all values are positive, since ranks and rates are spaced by factors.
    """
    places = np.array([math.log(value) for value in values] if min(values) > 0 else values, dtype=np.float64)
    centred = places - places.mean()
    return [float(weight) for weight in centred * (places.max() - places.min()) / float(np.sum(centred**2))]


def primary_p(trend: float | None, omnibus: float | None) -> float | None:
    """Return the p-value of an axis: twice the smaller of its trend's and its omnibus test's (Bonferroni)."""
    found = [p for p in (trend, omnibus) if p is not None]
    return min(1.0, len(found) * min(found)) if found else None


def _combined(
    runs: float, run_degrees: float, paragraphs: float, paragraph_degrees: float, joint: float, scope: Scope
) -> tuple[float, float]:
    """Return the variance in a scope and Satterthwaite's degrees of freedom; 0 degrees if there is no sample."""
    if scope == "these":
        return runs, run_degrees
    if paragraph_degrees <= 0:
        return 0.0, 0.0
    if run_degrees <= 0:
        return paragraphs, paragraph_degrees
    variance = max(runs + paragraphs - joint, runs, paragraphs)
    if variance <= 0.0:
        return 0.0, min(run_degrees, paragraph_degrees)
    weights = runs**2 / run_degrees + paragraphs**2 / paragraph_degrees
    return variance, max(variance**2 / weights, min(run_degrees, paragraph_degrees))
