"""Full fine-tuning equals ``transformers``' GPT-2 under ``torch.optim.AdamW``, trained on separate sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.trainer_pt_utils import get_parameter_names

from helpers import random_examples, reference_model
from squadron.data.batches import BatchSampler, Order
from squadron.data.trees import Loss, MicroBatch
from squadron.model.checkpoint import load_base
from squadron.model.full import FullWeights
from squadron.training.steps import FleetTrainer

CLIP = 1.0


def separate(batch: MicroBatch, loss: Loss) -> list[tuple[list[int], list[int]]]:
    """Return the sequences of a batch, each with its labels; -100 where there is no target."""
    found, start = [], 0
    targets = dict(zip(batch.rows.tolist(), batch.labels.tolist(), strict=True))
    for context, branches in batch.shapes:
        trunk = list(range(start, start + context))
        start += context
        for branch in branches:
            path = [*trunk, *range(start, start + branch)]
            start += branch
            tokens = [*batch.tokens[path].tolist(), targets[path[-1]]]  # EOS is a target only
            # Rows before the branch are targets of the full loss alone.
            labels = tokens[1:] if loss == "full" else [targets.get(row, -100) for row in path]
            found.append((tokens, [-100, *labels]))
    return found


def reference_step(reference: Any, micro_batches: list[MicroBatch], loss: Loss) -> float:
    """Set the clipped gradients of the mean loss over all targets in ``reference``; return that loss."""
    reference.zero_grad()
    total = 0.0
    count = sum(label >= 0 for batch in micro_batches for _, labels in separate(batch, loss) for label in labels)
    for tokens, labels in (one for batch in micro_batches for one in separate(batch, loss)):
        logits = reference(torch.tensor([tokens])).logits[0, :-1]
        summed = torch.nn.functional.cross_entropy(logits, torch.tensor(labels[1:]), ignore_index=-100, reduction="sum")
        (summed / count).backward()
        total += float(summed.detach()) / count
    torch.nn.utils.clip_grad_norm_(reference.parameters(), CLIP)
    return total


def by_our_names(reference: Any) -> dict[str, torch.nn.Parameter]:
    return {name.removeprefix("transformer."): value for name, value in reference.named_parameters()}


def adamw(reference: Any, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW with the parameter groups of ``transformers``' Trainer: biases and LayerNorms do not decay."""
    decayed = set(get_parameter_names(reference, [torch.nn.LayerNorm], ["bias"]))
    groups: list[list[torch.nn.Parameter]] = [[], []]
    for name, value in reference.named_parameters():
        groups[name in decayed].append(value)
    assert all(groups), [len(group) for group in groups]
    settings = [{"params": groups[0], "weight_decay": 0.0}, {"params": groups[1], "weight_decay": weight_decay}]
    return torch.optim.AdamW(settings, lr=1e-3, foreach=False)


def transposed(name: str, value: torch.Tensor) -> torch.Tensor:
    """Return a tensor of ``transformers`` in Squadron's layout: its Conv1D weights, ``[in, out]``, are transposed."""
    return value.T if name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")) else value


@pytest.mark.parametrize("loss", ["answer", "full"])
@pytest.mark.parametrize("order", ["question", "paragraph"])
def test_weights_train_as_transformers_and_adamw_do(tiny_base_dir: Path, loss: Loss, order: Order) -> None:
    """Seven steps in float64, for a small tolerance, with accumulation, clipping, weight decay and a schedule."""
    model = load_base(str(tiny_base_dir), dtype=torch.float64).model
    examples = random_examples(model.config.vocab_size, paragraphs=5, questions=3, seed=6, longest=16)
    batches = BatchSampler(examples, batch_size=4, accumulation=2, order=order, loss=loss, seed=7)
    if order == "paragraph":
        assert max(len(branches) for context, branches in batches.step(0)[0].shapes) > 1
    trainer = FleetTrainer(
        model,
        FullWeights(model, torch.float64),
        batches,
        learning_rates=[1e-3],
        total_steps=7,
        weight_decay=[0.1],
        gradient_clipping=[CLIP],
        rate_schedules=["linear"],
    )
    start = {name: value.clone() for name, value in model.state_dict().items()}
    reference = reference_model(tiny_base_dir).double()
    theirs = by_our_names(reference)
    assert theirs.keys() == start.keys()  # the output projection is wte and counts once
    optimizer = adamw(reference, 0.1)
    norms = []
    for step in range(7):
        result = trainer.step()
        expected = reference_step(reference, batches.step(step), loss)
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (1 - step / 7)
        optimizer.step()
        norms.append(result.gradient_norms[0])
        assert result.losses[0] == pytest.approx(expected, rel=1e-10)
    assert max(norms) > CLIP  # gradients are clipped
    for name, value in model.named_parameters():
        assert float((value.detach() - start[name]).abs().max()) > 1e-3, name
        torch.testing.assert_close(value.detach(), transposed(name, theirs[name].detach()), rtol=1e-7, atol=1e-9)


def test_weights_train_as_transformers_and_adamw_do_at_gpt2s_shape(gpt2_shape_dir: Path) -> None:
    """One step in float32.

    AdamW's first update is the sign of the gradient, which rounding can flip: so gradients are compared weight by
    weight, and updates on average.
    """
    model = load_base(str(gpt2_shape_dir)).model
    examples = random_examples(model.config.vocab_size, paragraphs=1, questions=2, seed=6)
    batches = BatchSampler(examples, batch_size=2, order="paragraph", loss="full", seed=7)
    weights = FullWeights(model, torch.float32)
    trainer = FleetTrainer(model, weights, batches, learning_rates=[1e-3], total_steps=1, gradient_clipping=[CLIP])
    assert weights.trainable_parameters(0) == 124_439_808
    reference = reference_model(gpt2_shape_dir)
    result = trainer.step()
    expected = reference_step(reference, batches.step(0), "full")
    assert result.losses[0] == pytest.approx(expected, rel=1e-5)
    adamw(reference, 0.01).step()
    theirs = by_our_names(reference)
    ours = dict(model.named_parameters())
    for name, own in weights._gradients_by_name.items():
        gradient = transposed(name, theirs[name].grad)
        if not name.endswith("c_attn.bias"):  # a key's bias cancels in the softmax: its gradient is only rounding
            assert float((own - gradient).norm()) < 1e-4 * float(gradient.norm()), name
        moved = float((ours[name].detach() - transposed(name, theirs[name].detach())).abs().mean())
        assert moved < 0.01 * 1e-3, name
