"""Parts of records that describe a model beyond its scores: its update, its samples, the calibration of its answers.

Files that were written before one of them existed do not have it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from squadron.file_records import Amount, Count, Points, RecordPart

_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class UpdateFacts(RecordPart):
    """The update that an adapter is: its Frobenius norm, and the mean effective rank of its layers.

    ``spectrum`` has the singular values as shares of their sum, the largest first, as means over the layers. See
    :class:`squadron.model.updates.Update`.
    """

    norm: Amount
    effective_rank: Amount
    spectrum: list[Amount] = Field(default_factory=list)


class MeasuredRun(RecordPart):
    """The part of a run's record that describes what it learnt."""

    update: UpdateFacts | None = None


class SampleFacts(RecordPart):
    """The mean of a score over several samples of the same answers, and its standard deviation, in points."""

    mean: Points
    deviation: Amount


class SampledScores(RecordPart):
    """The part of a strategy's scores that describes its samples, if it drew several."""

    exact_match_samples: SampleFacts | None = None
    f1_samples: SampleFacts | None = None


class CalibrationBin(RecordPart):
    """Answers of similar probability: mean probability, share of right answers (0 to 1) and their number."""

    probability: _Share
    accuracy: _Share
    count: Count


class CalibrationFacts(RecordPart):
    """How well the probabilities of answers predict which are right; both measures are 0 at best, 1 at worst."""

    expected_calibration_error: _Share
    brier_score: _Share
    bins: list[CalibrationBin]


class CalibratedAnswers(RecordPart):
    """The part of a failure analysis that describes all answers, right and wrong ones."""

    calibration: CalibrationFacts | None = None
