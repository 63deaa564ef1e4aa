"""Trees and batches: every question once per epoch, correct targets, the same result from the same seed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from helpers import random_examples
from squadron.data.batches import BatchSampler, Order, longest_lengths
from squadron.data.encoding import Branch, Example, encode_training
from squadron.data.sources import load_data
from squadron.data.splits import split_dataset
from squadron.data.trees import Loss, MicroBatch, Tree, build_trees, pack_trees, shared_opening
from squadron.model.attention import tree_mask
from squadron.model.tokenizer import load_tokenizer

QUESTION = 7  # the first token of every branch


def made(paragraphs: int = 11, questions: int = 3) -> list[Example]:
    return [
        Example(p, (1, 2, 100 + p), Branch(f"{p}.{q}", (QUESTION, 20 + q, 8), (30 + q, 31 + p, 9)))
        for p in range(paragraphs)
        for q in range(questions)
    ]


def test_a_micro_batch_counts_positions_along_each_path() -> None:
    batch = pack_trees(build_trees(made(2, 2)))
    assert batch.tokens.tolist()[:12] == [1, 2, 100, QUESTION, 20, 8, 30, 31, 21, 8, 31, 31]  # EOS is a target only
    assert batch.positions.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7] * 2
    assert batch.shapes == ((4, (4, 4)), (4, (4, 4)))
    assert batch.questions == 4


def test_the_tokens_with_which_all_questions_begin_are_shared() -> None:
    assert shared_opening([(1, 2, 3, 4), (1, 2, 5, 4)]) == 2
    assert shared_opening([(1, 2, 3), (1, 2, 3), (1, 2, 3)]) == 2  # each has a token of its own, which predicts
    assert shared_opening([(1, 2, 3), (1, 2)]) == 1
    assert shared_opening([(3,), (1, 2)]) == 0
    assert shared_opening([(1, 2, 3)]) == 0  # one question shares nothing


@pytest.mark.parametrize(("loss", "shared"), [("answer", 3), ("full", 2)])
def test_a_tree_has_the_targets_of_its_questions_after_the_same_tokens(loss: Loss, shared: int) -> None:
    """Whatever is computed once, and not at all. With the full loss, the last token that all have is each one's own."""
    tree = build_trees(random_examples(50, paragraphs=1, questions=4, seed=2))[0]
    opened = [Branch(one.id, (7, 7, *one.question), one.answer) for one in tree.branches]

    def targets(trees: Sequence[Tree]) -> Counter[tuple[int, ...]]:
        batch = pack_trees(trees, loss=loss)
        mask = tree_mask(batch.shapes[0])
        found: Counter[tuple[int, ...]] = Counter()
        for row, label, weight in zip(batch.rows, batch.labels, batch.weights, strict=True):
            path = [int(token) for token, seen in zip(batch.tokens, mask[row], strict=True) if seen]
            positions = [int(at) for at, seen in zip(batch.positions, mask[row], strict=True) if seen]
            assert positions == list(range(len(path)))
            found[*path, int(label)] += int(weight)
        return found

    alone: Counter[tuple[int, ...]] = Counter()
    for branch in opened:
        alone += targets([Tree(tree.context, (branch,))])
    whole = Tree(tree.context, tuple(opened))
    assert targets([whole]) == alone
    assert len(opened) == 4
    computed = whole.length - 4 - 3 * shared  # without EOS, and with one opening
    assert len(pack_trees([whole], loss=loss).tokens) == computed


def test_answer_loss_has_the_answer_and_eos_as_targets() -> None:
    batch = pack_trees(build_trees(made(1, 2)))
    assert batch.rows.tolist() == [5, 6, 7, 9, 10, 11]
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
    counts = [sum(part.questions for part in step) for step in steps]
    if order == "question":
        assert counts == [8, 8, 8, 8, 1]
        assert all(part.questions <= 4 for step in steps for part in step)
    else:
        assert sorted(counts) == [6, 6, 6, 7, 8]  # paragraphs of 3, one of which is cut
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


@pytest.mark.parametrize("order", ["question", "paragraph"])
def test_the_questions_of_a_step_do_not_depend_on_the_loss(order: Order) -> None:
    answer, full = (BatchSampler(made(), batch_size=4, order=order, loss=loss, seed=3) for loss in ("answer", "full"))
    assert [answer.epoch_steps(epoch) for epoch in range(2)] == [full.epoch_steps(epoch) for epoch in range(2)]


def test_by_question_the_batches_are_those_that_runs_have_had_from_the_start() -> None:
    """The digest is that of commit 0afe2f9, before paragraphs were packed."""
    batches = BatchSampler(made(), batch_size=4, accumulation=2, seed=3)
    digest = hashlib.sha256()
    for step in range(7):
        for part in batches.step(step):
            for array in (part.labels, part.weights):
                digest.update(array.tobytes())
    assert digest.hexdigest() == "a462a4f64076dff2e8d9c12ff7fa9475171c0be5f033ed50fe656bfda464d59d"


def unequal(sizes: Sequence[int], *, context: int = 30, question: int = 6) -> list[Example]:
    """Return paragraphs of so many questions, whose contexts have ``context`` tokens or a few more."""
    return [
        Example(p, (1,) * (context + p % 7), Branch(f"{p}.{q}", (QUESTION,) * question, (9, 9)))
        for p, size in enumerate(sizes)
        for q in range(size)
    ]


def trees_of(parts: Sequence[MicroBatch]) -> list[int]:
    """Return the questions of each tree."""
    return [len(branches) for part in parts for _, branches in part.shapes]


@pytest.mark.parametrize("accumulation", [1, 2, 4, 8])
def test_a_tree_that_a_step_has_whole_is_in_one_micro_batch(accumulation: int) -> None:
    examples = unequal([5, 3, 2, 6, 4, 4, 7, 1] * 8, context=80)
    batches = BatchSampler(examples, batch_size=8 // accumulation, accumulation=accumulation, order="paragraph", seed=1)
    tokens, pairs = (sum(length**n for length in longest_lengths(examples, batches.batch_size)) for n in (1, 2))
    trees = 0
    for number in range(batches.steps_per_epoch):
        step = batches.step(number)
        assert 7 <= sum(part.questions for part in step) <= 9
        for part in step:
            lengths = [context + sum(branches) for context, branches in part.shapes]
            assert len(part.tokens) == sum(lengths) <= tokens
            assert sum(length**2 for length in lengths) <= pairs
        trees += len(trees_of(step))
    if accumulation <= 2:  # else some need more memory whole
        assert trees <= 70  # of 64


def test_a_tree_that_needs_more_memory_than_its_questions_apart_is_cut() -> None:
    # 4 questions apart have 4 * 69 ** 2 pairs of tokens; the tree of 8 has (59 + 80) ** 2, more by one token a side.
    examples = unequal([8], context=59, question=8)
    step = BatchSampler(examples, batch_size=4, accumulation=2, order="paragraph").step(0)
    assert trees_of(step) == [7, 1]
    # As many tokens more, and the 4 questions have 4 more, are 140 a side on both.
    examples = unequal([8], context=60, question=8)
    step = BatchSampler(examples, batch_size=4, accumulation=2, order="paragraph").step(0)
    assert [part.questions for part in step] == [8]


def test_trees_that_fit_into_one_micro_batch_come_together() -> None:
    # 4 questions apart have 4 * 40 tokens: as many as the trees of 2 and 4 have, 8 fewer than those of 2, 4 and 1.
    step = BatchSampler(unequal([2, 4, 1, 1]), batch_size=4, accumulation=2, order="paragraph").step(0)
    assert [sorted(trees_of([part])) for part in step] == [[2, 4], [1, 1]]


@pytest.mark.parametrize(("batch_size", "accumulation"), [(8, 1), (4, 2)])
def test_the_studys_questions_by_paragraph_have_few_tokens(
    batch_size: int, accumulation: int, shared_squad: Path, gpt2_tokenizer_dir: Path
) -> None:
    """By question they are 174 tokens each at 256; before trees were packed they were 89, and 102 in batches of 4."""
    tokenizer = load_tokenizer(gpt2_tokenizer_dir)
    drawn = split_dataset(load_data(shared_squad), train=2000, validation=200, test=5)["train"]

    def tokens(max_length: int, order: Order) -> float:
        examples, _ = encode_training(drawn, tokenizer, max_length=max_length, share_windows=order == "paragraph")
        batches = BatchSampler(examples, batch_size=batch_size, accumulation=accumulation, order=order)
        steps = [batches.step(number) for number in range(batches.steps_per_epoch)]
        assert sum(part.questions for step in steps for part in step) == 2000
        return sum(len(part.tokens) for step in steps for part in step) / 2000

    assert tokens(256, "question") > 170
    assert tokens(256, "paragraph") <= min(55, tokens(1024, "paragraph"))
