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

    The variance over runs is the larger of the contrast's own and of the one that the levels' own variances give
    (:func:`level_variances`), which has more degrees of freedom, by Satterthwaite's formula. One level that varies more
    from seed to seed than the others, as a learning rate at the edge of stability does, then counts with its own
    degrees alone.
    """
    own = np.asarray(weights, dtype=np.float64)
    assert abs(float(own.sum())) < 1e-9 * max(1.0, float(np.abs(own).sum())), own
    difference = float(own @ found.effects)
    parts = own**2 * level_variances(found.runs)
    runs = max(float(own @ found.runs @ own), float(parts.sum()))
    run_degrees = _satterthwaite(parts, found.run_degrees)
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
    others = found.paragraphs if scope == "new" else np.zeros_like(found.runs)
    if scope == "these":
        samples = found.run_degrees + 1
    own = level_variances(found.runs)
    centring = np.eye(levels) - 1.0 / levels
    first = sphericity(found.runs + others, samples) * (levels - 1)
    # Few samples of runs cannot show unequal variances of differences; those of single levels can.
    first = min(first, _box((centring * own) @ centring + others) * (levels - 1))
    run_degrees = min(found.run_degrees * first, _satterthwaite(own, found.run_degrees))
    variance, second = _combined(runs, run_degrees, paragraphs, found.paragraph_degrees * first, joint, scope)
    if second <= 0.0:
        return None
    squares = float(found.effects @ found.effects)
    if variance <= _ROUNDING**2:
        return 1.0 if squares <= _ROUNDING**2 else 0.0
    return float(fdtrc(first, second, squares / variance))


def sphericity(covariance: Floats, samples: int) -> float:
    """Return Huynh and Feldt's factor (at most 1) for the degrees of freedom, from a covariance of centred means."""
    levels = len(covariance)
    if levels == 2 or not np.any(covariance):
        return 1.0
    lower = _box(covariance)
    below = (levels - 1) * (samples - 1 - (levels - 1) * lower)
    estimate = (samples * (levels - 1) * lower - 2) / below if below > 0.0 else 1.0
    return float(min(1.0, max(estimate, lower, 1.0 / (levels - 1))))


def level_variances(covariance: Floats) -> Floats:
    """Return the variance of each level's own error [levels], from a covariance of means that are centred over levels.

    Errors that all levels share are gone by then, and those of single levels are taken as independent; a negative
    estimate is 0. Of two levels, each gets half of the variance of their difference.
    """
    levels = len(covariance)
    shared = float(np.trace(covariance))
    if levels == 2:
        return np.full(2, shared)
    found: Floats = (np.diag(covariance) - shared / (levels * (levels - 1))) * levels / (levels - 2)
    return np.maximum(found, 0.0)


def _satterthwaite(parts: Floats, degrees: int) -> float:
    """Return the degrees of freedom of a sum of estimates of variances, each with ``degrees``.

    Centred means have one dimension less than there are levels, so that the sum over n levels has n - 1 times the
    degrees of one.
    """
    squares = float(np.sum(parts**2))
    if squares <= 0.0:
        return float(degrees)
    whole = degrees * float(parts.sum()) ** 2 / squares
    return max(float(degrees), whole * (len(parts) - 1) / len(parts))


def _box(covariance: Floats) -> float:
    """Return Box's factor, from 1 / (levels - 1) to 1, of a covariance of centred means."""
    squares = float(np.sum(covariance**2))
    return float(np.trace(covariance)) ** 2 / ((len(covariance) - 1) * squares) if squares > 0.0 else 1.0


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
