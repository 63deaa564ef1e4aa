"""Analysis of a whole study."""

from __future__ import annotations

from squadron.reporting.analysis.components import seed_components
from squadron.reporting.analysis.cost import fits, frontier
from squadron.reporting.analysis.effects import effect_axes, main_effects
from squadron.reporting.analysis.findings import Analysis, VarianceShare
from squadron.reporting.analysis.groups import group_differences
from squadron.reporting.analysis.interactions import interactions, variance_shares
from squadron.reporting.analysis.mistakes import mistakes
from squadron.reporting.analysis.models import best_set, compare_decodings, compare_models, detectable_differences
from squadron.reporting.analysis.pareto import frontier_shares
from squadron.reporting.analysis.plan import kept_to, plan_of
from squadron.reporting.analysis.questions import load_question_scores, load_questions, predictions_file
from squadron.reporting.analysis.spread import seed_spread
from squadron.reporting.analysis.updates import updates
from squadron.reporting.analysis.verdicts import Metric
from squadron.runs.records import Study


def analyze_study(study: Study) -> Analysis:
    """Return all findings of a study. Deterministic: random draws have fixed seeds."""
    plan = plan_of(study)
    questions = {split: load_questions(study, split) for split in dict.fromkeys([study.split, "validation", "test"])}
    files = [(run.name, predictions_file(run.path, study.split, study.decoding)) for run in study.scored]
    question_scores = load_question_scores(questions[study.split], files, study.normalize)
    shares: dict[Metric, list[VarianceShare]] = {metric: variance_shares(study, metric) for metric in plan.metrics}
    best = best_set(study.settings, question_scores, plan.metrics[0])
    effects = main_effects(study, question_scores, plan)
    return Analysis(
        effects=tuple(effects),
        variance={metric: tuple(own) for metric, own in shares.items()},
        interactions=tuple(interactions(study, question_scores, shares)),
        best=best,
        models=tuple(compare_models(study, questions, plan)),
        decodings=compare_decodings(study, questions, plan),
        seeds=seed_spread(study),
        fits=fits(study),
        frontier=frontier(study, best),
        mistakes=mistakes(study),
        detectable=tuple(detectable_differences(study, question_scores, plan)),
        left_out=question_scores.left_out if question_scores is not None else (),
        plan=plan,
        kept=kept_to(study, plan, effect_axes(study), effects),
        updates=updates(study),
        components=seed_components(study),
        groups=tuple(group_differences(study, questions[study.split], question_scores, effects)),
        frontier_shares=tuple(frontier_shares(study, question_scores)),
    )
