"""What is trained, and how it is scored."""

from __future__ import annotations

import math

from squadron.reporting.document.builder import Draft
from squadron.reporting.published import DEV_QUESTIONS
from squadron.reporting.sections.material import FEW, GRID, Material

PROMPT = "Context: {context} Question: {question} Answer: {answer}<|endoftext|>"
_RIGHT = 0.65
"""Share of right answers of the example that small tests are shown by: about that of the published F1."""
_NORMAL = 1.96


def method(draft: Draft, material: Material) -> None:
    """LoRA, the prompt, the loss, decoding, scores."""
    draft.section("method")
    draft.part("adaptation")
    draft.paragraph("method.lora_before")
    draft.formula("lora")
    draft.paragraph("method.lora_after")
    draft.formula("forward")
    draft.paragraph("method.parameters")
    draft.formula("parameters")
    draft.paragraph("method.modules")
    draft.part("prompt")
    draft.paragraph("method.prompt_before")
    draft.code(PROMPT)
    draft.paragraph("method.prompt_after")
    draft.formula("loss")
    draft.paragraph("method.truncation")
    draft.part("decoding_method")
    draft.paragraph("method.decoding")
    draft.formula("softmax")
    draft.paragraph("method.decoding_more")
    draft.part("metrics")
    draft.paragraph("method.scores")
    draft.formula("f1")
    draft.paragraph("method.points")
    draft.paragraph("method.intervals")
    draft.paragraph("method.tests")
    _small_tests(draft, material)


def _small_tests(draft: Draft, material: Material) -> None:
    """How little few questions tell."""
    draft.paragraph("method.small", right=_RIGHT)
    sizes = sorted({FEW, 50, 200, 1000, DEV_QUESTIONS, *([material.questions] if material.questions else [])})
    rows = [[draft.cell(size, "count"), draft.cell(half_width(size), "reach")] for size in sizes]
    draft.table(
        "small-tests",
        draft.say("method.small_caption", right=_RIGHT),
        [draft.column("size"), draft.column("half_width")],
        rows,
        highlighted=[place for place, size in enumerate(sizes) if size == material.questions],
    )
    draft.paragraph("method.small_note", few=FEW, grid=GRID, half=half_width(FEW))


def half_width(questions: int) -> float:
    """Half of the 95 % interval of EM, in points, by the normal approximation."""
    return 100 * _NORMAL * math.sqrt(_RIGHT * (1 - _RIGHT) / questions)
