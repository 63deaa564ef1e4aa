"""The effects of options among questions of one phrasing, or with one question word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from squadron.data.squad import Dataset
from squadron.reporting.analysis.contrasts import contrast_evidence, make_levels
from squadron.reporting.analysis.described import GroupDifference
from squadron.reporting.analysis.effects import comparable_runs, setting
from squadron.reporting.analysis.questions import QuestionScores
from squadron.reporting.analysis.verdicts import Effect
from squadron.runs.records import Study, StudyRun
from squadron.scoring.failure_kinds import question_word

FEWEST_PARAGRAPHS = 10
"""Groups of questions in fewer paragraphs are left out."""
MOST_GROUPS = 3
"""Question words that are taken: the most frequent ones."""
Group = tuple[str, str, Sequence[int]]


def group_differences(
    study: Study, dataset: Dataset | None, question_scores: QuestionScores | None, effects: Sequence[Effect]
) -> list[GroupDifference]:
    """Return the difference of the best and the worst value of each axis, on F1, in every group of questions.

    The values are those of the effect on all questions. Runs are matched by all other options.
    """
    if dataset is None or question_scores is None or not question_scores.ids:
        return []
    groups = list(_groups(dataset, question_scores))
    found = []
    for effect in effects:
        if effect.metric != "f1" or not effect.planned:
            continue
        worst = min(effect.levels, key=lambda level: level.mean).value
        pairs = _pairs(study, effect, worst, question_scores)
        if worst == effect.best or not pairs:
            continue
        scores = question_scores.values["f1"]
        matrix = np.stack([np.stack([scores[pair[side].name] for pair in pairs]) for side in (0, 1)])
        seeds = [first.seed or 0 for first, _ in pairs]
        for kind, group, places in groups:
            codes = np.unique(question_scores.codes[list(places)], return_inverse=True)[1].astype(np.intp)
            levels = make_levels(matrix[:, :, list(places)], codes, seeds)
            evidence = next(iter(contrast_evidence(levels, (-1.0, 1.0), margin=1.0)), None)
            if evidence is not None:
                difference = 100.0 * float(levels.block.means[1] - levels.block.means[0])
                found.append(
                    GroupDifference(
                        effect.axis, kind, group, len(places), worst, effect.best, difference, evidence.interval
                    )
                )
    return found


def _pairs(
    study: Study, effect: Effect, worst: object, question_scores: QuestionScores
) -> list[tuple[StudyRun, StudyRun]]:
    """Return pairs of runs, with the worst and the best value of an axis and all other options alike."""
    others = [axis for axis in study.axes if axis != effect.axis and axis not in effect.tied]
    found: Mapping[object, dict[str, StudyRun]] = {worst: {}, effect.best: {}}
    for run in comparable_runs(study):
        if setting(run, effect.axis) in found and question_scores.has(run.name):
            found[setting(run, effect.axis)][repr([setting(run, axis) for axis in others])] = run
    return [(found[worst][key], found[effect.best][key]) for key in sorted(found[worst]) if key in found[effect.best]]


def _groups(dataset: Dataset, question_scores: QuestionScores) -> Iterator[Group]:
    """Yield the groups of questions with enough paragraphs, unless a kind has fewer than two groups."""
    places = {question: place for place, question in enumerate(question_scores.ids)}
    parts = {part: [places[one] for one in ids if one in places] for part, ids in dataset.parts().items()}
    words: dict[str, list[int]] = {}
    for _, question in dataset.questions():
        if question.id in places:
            words.setdefault(question_word(question.text), []).append(places[question.id])
    ranked = dict(sorted(words.items(), key=lambda entry: (-len(entry[1]), entry[0])))
    for kind, every in (("part", parts), ("question_word", ranked)):
        enough = {
            group: own
            for group, own in every.items()
            if len({int(question_scores.codes[place]) for place in own}) >= FEWEST_PARAGRAPHS
        }
        if len(enough) > 1:
            yield from ((kind, group, own) for group, own in list(enough.items())[:MOST_GROUPS])
