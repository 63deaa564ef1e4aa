"""Strategies whose answers are drawn at random several times."""

from __future__ import annotations

from collections.abc import Sequence

from squadron.reporting.document.builder import Draft
from squadron.reporting.localization import labels
from squadron.runs.records import Score


def draft_samples(draft: Draft, scores: Sequence[Score]) -> None:
    """Add the paragraph on strategies with several samples, if there are any: what is averaged, and how they vary."""
    items = [
        draft.say("samples.item", decoding=labels.decoding(draft, own.decoding), deviation=own.f1_samples.deviation)
        for own in scores
        if own.f1_samples is not None
    ]
    if items:
        draft.paragraph("samples.means", items=draft.say.join(items))
