"""Trees and batches: every question once per epoch, correct targets, the same result from the same seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from squadron.data.batches import BatchSampler, Order
from squadron.data.encoding import Branch, Example
from squadron.data.trees import build_trees, pack_trees

QUESTION = 7  # the first token of every branch


def made(paragraphs: int = 11, questions: int = 3) -> list[Example]:
    return [
        Example(p, (1, 2, 100 + p), Branch(f"{p}.{q}", (QUESTION, 20 + q, 8), (30 + q, 31 + p, 9)))
        for p in range(paragraphs)
        for q in range(questions)
    ]


def test_a_micro_batch_counts_positions_along_each_path() -> None:
    batch = pack_trees(build_trees(made(2, 2)))
    assert batch.tokens.tolist()[:9] == [1, 2, 100, QUESTION, 20, 8, 30, 31, 9]
    assert batch.positions.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 3, 4, 5, 6, 7, 8] * 2
    assert batch.shapes == ((3, (6, 6)), (3, (6, 6)))
    assert batch.questions == 4


def test_answer_loss_has_the_answer_and_eos_as_targets() -> None:
    batch = pack_trees(build_trees(made(1, 2)))
    assert batch.rows.tolist() == [5, 6, 7, 11, 12, 13]
    assert batch.labels.tolist() == [30, 31, 9, 31, 31, 9]
    assert batch.targets == 6


def test_full_loss_has_the_targets_of_the_separate_sequences() -> None:
    examples = made(3, 3)
    shared = pack_trees(build_trees(examples), loss="full")
    separate: Counter[tuple[int, ...]] = Counter()
    for one in examples:
        path = one.context + one.branch.question + one.branch.answer
        separate.update((*path[:end], path[end]) for end in range(1, len(path)))
    assert shared.targets == separate.total() == 9 * 8
    assert (np.diff(shared.rows) > 0).all()
    counted: Counter[int] = Counter()
    for label, weight in zip(shared.labels.tolist(), shared.weights.tolist(), strict=True):
        counted[label] += int(weight)
    expected: Counter[int] = Counter()
    for path_key, count in separate.items():
        expected[path_key[-1]] += count
    assert counted == expected
    assert len(shared.rows) < separate.total()


@pytest.mark.parametrize("order", ["question", "paragraph"])
def test_an_epoch_has_every_question_once(order: Order) -> None:
    batches = BatchSampler(made(), batch_size=4, accumulation=2, order=order, seed=3)
    assert batches.steps_per_epoch == 5  # 33 questions, 8 a step
    steps = [batches.step(step) for step in range(5)]
    assert [sum(part.questions for part in step) for step in steps] == [8, 8, 8, 8, 1]
    assert all(part.questions <= 4 for step in steps for part in step)
    answers = Counter(
        (part.tokens[row + 1], part.tokens[row + 2]) for step in steps for part in step for row in part.rows[::3]
    )
    assert answers == Counter((30 + q, 31 + p) for p in range(11) for q in range(3))


def test_paragraph_order_shares_contexts_and_question_order_rarely_does() -> None:
    tokens = {
        order: sum(
            len(part.tokens)
            for step in range(5)
            for part in BatchSampler(made(), batch_size=8, order=order, seed=3).step(step)
        )
        for order in ("question", "paragraph")
    }
    assert tokens["paragraph"] < tokens["question"]


def test_a_step_is_a_pure_function_of_seed_and_number() -> None:
    def tokens(seed: int, step: int) -> list[int]:
        batches = BatchSampler(made(), batch_size=8, seed=seed)
        return [int(token) for part in batches.step(step) for token in part.tokens]

    walked = BatchSampler(made(), batch_size=8, seed=3)
    for step in range(7):  # crosses into the second epoch
        assert [int(t) for part in walked.step(step) for t in part.tokens] == tokens(3, step)
    assert tokens(3, 0) != tokens(4, 0)
    assert tokens(3, 0) != tokens(3, 5)
