"""Abstract, introduction, related work."""

from __future__ import annotations

from squadron.reporting.document.blocks import RichText, TextBlock
from squadron.reporting.document.builder import Draft, join_sentences, name
from squadron.reporting.localization import labels
from squadron.reporting.published import PAPER_HUMAN_F1, PUBLISHED
from squadron.reporting.sections.common import STUDY_QUESTIONS, STUDY_RUNS, ReportInputs, varied
from squadron.reporting.sections.conclusion import verdicts

_KNOWN = {published.key: published for published in PUBLISHED}


def abstract(draft: Draft, inputs: ReportInputs) -> tuple[TextBlock, ...]:
    """Return the abstract: question, method and findings in one paragraph."""
    study, say = inputs.study, draft.say
    single = len(study.runs) == 1
    about = {"base": labels.base(draft, study), "source": labels.source(draft, study)}
    axes = [labels.axis(draft, axis) for axis in varied(study)]
    sentences: list[RichText] = [
        say("abstract.question", axes=say.join(axes), **about) if axes else say("abstract.question_single", **about)
    ]
    best = study.best
    if best is None:
        sentences.append(say("missing.no_scores"))
    else:
        where = {"questions": inputs.questions, "split": labels.split(draft, study.split)}
        if not single:
            sentences.append(say("abstract.runs", planned=len(study.runs), scored=len(study.scored), **where))
        score = inputs.lead
        assert score is not None, best.name
        key = (
            "abstract.best_single" if single else "abstract.best" if study.lead == study.split else "abstract.best_test"
        )
        lead = {"questions": score.questions, "split": labels.split(draft, study.lead)}
        sentences.append(
            say(
                key,
                run=name(best.name),
                f1=score.f1,
                f1_interval=say.interval(*score.f1_interval),
                em=score.exact_match,
                em_interval=say.interval(*score.exact_match_interval),
                **lead,
            )
        )
        base = study.baseline.score(study.lead, study.decoding) if study.baseline else None
        if base is None:
            sentences.append(say("abstract.no_baseline"))
        else:
            ends = {
                "f1_interval": say.interval(*base.f1_interval),
                "em_interval": say.interval(*base.exact_match_interval),
            }
            sentences.append(say("abstract.baseline", f1=base.f1, em=base.exact_match, **ends))
        sentences += verdicts(draft, inputs)
    sentences.append(say("abstract.honest"))
    return (TextBlock(join_sentences(sentences), "abstract"),)


def introduction(draft: Draft, inputs: ReportInputs) -> None:
    """Add the introduction: the task and the questions of this study."""
    draft.section("introduction")
    human = _KNOWN["human"]
    draft.paragraph("introduction.task", human_em=human.exact_match, human_f1=human.f1, paper_f1=PAPER_HUMAN_F1)
    draft.paragraph("introduction.decoder")
    if inputs.analysis.effects:
        draft.paragraph("introduction.lora")
        draft.paragraph("introduction.public", grid=STUDY_RUNS, few=STUDY_QUESTIONS)
        draft.paragraph("introduction.plan")
    else:
        draft.paragraph("introduction.lora_single")
        draft.paragraph("introduction.plan_single")


def related(draft: Draft, inputs: ReportInputs) -> None:
    """Add related work."""
    draft.section("related")
    draft.paragraph("related.adapters")
    figures = {
        "zero_shot": _KNOWN["zero_shot"].f1,
        "lora": _KNOWN["lora"].f1,
        "prefix": _KNOWN["prefix"].f1,
        "full": _KNOWN["full"].f1,
        "span": _KNOWN["span_head"].f1,
    }
    separate = ["related.apart"] if inputs.study.best is not None and not inputs.is_pocket else []
    draft.paragraph("related.squad", *separate, **figures)
    draft.paragraph("related.decoding")
