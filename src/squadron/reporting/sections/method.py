"""Method: training, decoding and scoring."""

from __future__ import annotations

import math

from squadron.reporting.document.builder import Draft
from squadron.reporting.published import DEV_QUESTIONS
from squadron.reporting.sections.common import STUDY_QUESTIONS, STUDY_RUNS, ReportInputs, has_gold

PROMPT = "Context: {context} Question: {question} Answer: {answer}"
UNKNOWN_END = "{eos_token}"
"""Stands for the base's end token if the study's records, being old, do not have it."""
_RIGHT = 0.65
"""Share of right answers in the example of small test sets: about the published F1."""
_NORMAL = 1.96


def method(draft: Draft, inputs: ReportInputs) -> None:
    """Add the section on LoRA, the prompt, the loss, decoding and scores."""
    draft.section("method")
    draft.part("adaptation")
    draft.paragraph("method.lora_before")
    draft.formula("lora")
    draft.paragraph("method.lora_after")
    draft.formula("forward")
    draft.paragraph("method.parameters")
    draft.formula("parameters")
    draft.paragraph("method.scale")
    draft.paragraph("method.modules")
    draft.part("prompt")
    draft.paragraph("method.prompt_before")
    draft.code(PROMPT + (inputs.study.base.end_token or UNKNOWN_END))
    draft.paragraph("method.prompt_after")
    draft.formula("loss")
    draft.paragraph("method.truncation")
    draft.part("decoding_method")
    draft.paragraph("method.decoding")
    draft.formula("softmax")
    draft.paragraph("method.decoding_more")
    draft.part("metrics")
    rule = inputs.study.normalize
    draft.paragraph("method.scores" if rule == "official" else f"method.scores_{rule}")
    draft.formula("f1")
    draft.paragraph("method.points" if rule == "official" else f"method.points_{rule}")
    if has_gold(inputs.lead, *(inputs.study.score(run) for run in inputs.study.scored)):
        draft.paragraph("method.p_gold")
    draft.paragraph("method.intervals")
    draft.paragraph("method.tests")
    draft.paragraph("method.verdicts", margin=inputs.margin)
    _small_tests(draft, inputs)


def _small_tests(draft: Draft, inputs: ReportInputs) -> None:
    """Add the table of interval widths by number of questions."""
    draft.paragraph("method.small", right=_RIGHT)
    sizes = sorted({STUDY_QUESTIONS, 50, 200, 1000, DEV_QUESTIONS, *([inputs.questions] if inputs.questions else [])})
    rows = [[draft.number_cell(size, "count"), draft.number_cell(half_width(size), "reach")] for size in sizes]
    draft.table(
        "small-tests",
        draft.say("method.small_caption", right=_RIGHT),
        [draft.column("size"), draft.column("half_width")],
        rows,
        highlighted=[index for index, size in enumerate(sizes) if size == inputs.questions],
    )
    draft.paragraph("method.small_note", few=STUDY_QUESTIONS, grid=STUDY_RUNS, half=half_width(STUDY_QUESTIONS))


def half_width(questions: int) -> float:
    """Return the half-width of the 95% interval of EM, in points, by the normal approximation."""
    return 100 * _NORMAL * math.sqrt(_RIGHT * (1 - _RIGHT) / questions)
