"""Published results of others, for comparison; kept separate from measured ones.

Each names the questions it was measured on and its source. None of them was measured by Squadron.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Origin = Literal["whole_dev_set", "five_questions", "people"]


@dataclass(frozen=True, slots=True)
class Published:
    """One published result, in points. ``key`` names it in locale files; ``deviation`` is as published.

    ``questions`` is the number of questions, ``trained`` that of training questions; ``None`` if the source does not
    say or there are none.
    """

    key: str
    label: str
    exact_match: float | None
    f1: float
    deviation: float | None
    questions: int | None
    origin: Origin
    source: str
    trained: int | None = None


AWADALLA = "arXiv 2210.12517"
"""GPT-2 fine-tuned on SQuAD v1.1 in several ways, scored on the whole development set."""
STUDY = "the student study's own table"
"""The study that Squadron reproduces: 5 test questions."""
PEOPLE = "SQuAD v1.1 leaderboard, hidden test set"
PAPER_HUMAN_F1 = 86.8
"""People's F1 on the test set in the paper (Rajpurkar et al., 2016), which counts answers otherwise."""

TRAIN_QUESTIONS = 87_599
"""Number of questions of the SQuAD v1.1 training set."""
STUDY_TRAINED = 2_000
"""Number of training questions of the student study."""
DEV_QUESTIONS = 10_570
"""Number of questions of the SQuAD v1.1 development set."""

PUBLISHED: tuple[Published, ...] = (
    Published("zero_shot", "GPT-2, zero-shot", None, 16.28, None, DEV_QUESTIONS, "whole_dev_set", AWADALLA),
    Published("lora", "GPT-2, LoRA", None, 64.64, 0.89, DEV_QUESTIONS, "whole_dev_set", AWADALLA, TRAIN_QUESTIONS),
    Published(
        "prefix", "GPT-2, prefix tuning", None, 70.19, None, DEV_QUESTIONS, "whole_dev_set", AWADALLA, TRAIN_QUESTIONS
    ),
    Published(
        "full",
        "GPT-2, full fine-tuning (generative)",
        None,
        74.05,
        None,
        DEV_QUESTIONS,
        "whole_dev_set",
        AWADALLA,
        TRAIN_QUESTIONS,
    ),
    Published(
        "span_head", "GPT-2, span head", 68.40, 78.87, None, DEV_QUESTIONS, "whole_dev_set", AWADALLA, TRAIN_QUESTIONS
    ),
    Published("human", "people", 82.3, 91.2, None, None, "people", PEOPLE),
    Published("study_base", "the study: GPT-2, greedy", 0.0, 16.98, None, 5, "five_questions", STUDY),
    Published(
        "study_greedy", "the study: best LoRA, greedy", 20.0, 65.33, None, 5, "five_questions", STUDY, STUDY_TRAINED
    ),
    Published("study_top_k", "the study: best LoRA, top-k", 0.0, 20.0, None, 5, "five_questions", STUDY, STUDY_TRAINED),
    Published(
        "study_nucleus", "the study: best LoRA, nucleus", 0.0, 0.95, None, 5, "five_questions", STUDY, STUDY_TRAINED
    ),
    Published(
        "study_temperature",
        "the study: best LoRA, temperature",
        0.0,
        6.13,
        None,
        5,
        "five_questions",
        STUDY,
        STUDY_TRAINED,
    ),
)
