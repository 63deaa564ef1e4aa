"""Kinds of mistake of the best run, compared with the baseline's."""

from __future__ import annotations

from scipy.special import bdtr

from squadron.reporting.analysis.findings import KindShare, Mistakes
from squadron.reporting.analysis.verdicts import SIGNIFICANCE
from squadron.runs.records import Study
from squadron.scoring.intervals import clopper_pearson


def mistakes(study: Study) -> Mistakes | None:
    """Return the kinds of the best run's wrong answers; ``None`` without a failure analysis.

    The intervals treat wrong answers as independent. The first kind leads if an exact test of the two counts shows that
    it is more frequent than the second.
    """
    own, base = study.failures, study.baseline_failures
    if own is None:
        return None
    baseline_kinds = {kind.kind: kind for kind in base.kinds} if base is not None else {}
    kinds = []
    for kind in own.kinds:
        if kind.questions == 0 and (kind.kind not in baseline_kinds or baseline_kinds[kind.kind].questions == 0):
            continue
        low, high = clopper_pearson(kind.questions, own.wrong) if own.wrong else (0.0, 1.0)
        baseline_kind = baseline_kinds.get(kind.kind)
        kinds.append(
            KindShare(
                kind.kind,
                kind.label,
                kind.questions,
                kind.share,
                (low, high),
                None if baseline_kind is None else baseline_kind.questions,
                None if baseline_kind is None else baseline_kind.share,
            )
        )
    kinds.sort(key=lambda kind: (-kind.questions, kind.kind))
    first, second = (kinds[index].questions if index < len(kinds) else 0 for index in (0, 1))
    p_value = min(1.0, 2.0 * float(bdtr(second, first + second, 0.5))) if first else 1.0
    return Mistakes(own.wrong, own.questions, tuple(kinds), first > second and p_value < SIGNIFICANCE)
