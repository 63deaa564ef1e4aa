"""Law 1: logits equal those of ``transformers``, also for selected rows alone and for sequences that share a tree."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from helpers import TINY, logits, pack, paths, reference_model
from squadron.model.checkpoint import load_base

SHAPES = [(13, [5, 7]), (19, []), (11, [3]), (2, [1, 1, 4])]


@pytest.mark.parametrize("shapes", [[(23, [])], [(17, []), (5, []), (31, [])]], ids=["one", "three packed"])
def test_sequences_give_the_logits_of_transformers(tiny_base_dir: Path, shapes: list[tuple[int, list[int]]]) -> None:
    model = load_base(str(tiny_base_dir)).model
    tokens, positions = pack(shapes, TINY.vocab_size, seed=5)
    ours = logits(model, tokens, positions, shapes)[0]
    reference = reference_model(tiny_base_dir)
    assert len(paths(shapes)) == len(shapes)
    for path in paths(shapes):
        theirs = reference(tokens[path][None]).logits[0]
        assert theirs.std(dim=0).mean() > 0.1  # the tokens do differ
        torch.testing.assert_close(ours[path], theirs, rtol=1e-4, atol=1e-4)


def test_gpt2s_shape_gives_the_logits_of_transformers(gpt2_shape_dir: Path) -> None:
    model = load_base(str(gpt2_shape_dir)).model
    assert model.parameter_count == 124_439_808
    shapes = [(53, [7, 11])]
    tokens, positions = pack(shapes, model.config.vocab_size, seed=6)
    ours = logits(model, tokens, positions, shapes)[0]
    reference = reference_model(gpt2_shape_dir)
    for path in paths(shapes):
        theirs = reference(tokens[path][None]).logits[0]
        assert theirs.std(dim=0).mean() > 0.1
        torch.testing.assert_close(ours[path], theirs, rtol=1e-3, atol=2e-3)


def test_a_tree_gives_the_logits_of_its_sequences(tiny_base_dir: Path) -> None:
    model = load_base(str(tiny_base_dir)).model
    tokens, positions = pack(SHAPES, TINY.vocab_size, seed=7)
    together = logits(model, tokens, positions, SHAPES)[0]
    assert len(paths(SHAPES)) == 7
    for path in paths(SHAPES):
        alone = logits(model, tokens[path], torch.arange(len(path)), [(len(path), [])])[0]
        torch.testing.assert_close(together[path], alone, rtol=1e-4, atol=1e-4)


def test_selected_rows_equal_the_same_rows_of_all(tiny_base_dir: Path) -> None:
    model = load_base(str(tiny_base_dir)).model
    tokens, positions = pack(SHAPES, TINY.vocab_size, seed=8)
    rows = torch.tensor(
        [12, 17, 24, 25, 57, len(tokens) - 1]
    )  # one tree has none, in another they are all within branches
    whole = logits(model, tokens, positions, SHAPES)[0]
    trimmed = logits(model, tokens, positions, SHAPES, rows=rows)[0]
    torch.testing.assert_close(trimmed, whole[rows], rtol=1e-4, atol=1e-4)


def test_positions_and_tokens_matter(tiny_base_dir: Path) -> None:
    model = load_base(str(tiny_base_dir)).model
    tokens, positions = pack([(17, [])], TINY.vocab_size, seed=9)
    plain = logits(model, tokens, positions, [(17, [])])
    assert not torch.allclose(plain, logits(model, tokens, positions + 1, [(17, [])]), atol=0.05)
    assert not torch.allclose(plain, logits(model, tokens.flip(0), positions, [(17, [])]), atol=0.05)
