"""A subset of a fleet continues training, each adapter with its own state."""

from __future__ import annotations

from pathlib import Path

import torch

from helpers import TINY, random_examples
from squadron.data.batches import BatchSampler
from squadron.model.checkpoint import load_base
from squadron.model.fleet import Fleet
from squadron.model.lora import LoraSpec
from squadron.training.steps import FleetTrainer
from squadron.training.subset import subset

SPECS = (LoraSpec(rank=2, seed=1), LoraSpec(rank=4, targets=("all",), seed=2), LoraSpec(rank=3, seed=3))


def test_each_adapter_keeps_its_own_state(tiny_base_dir: Path) -> None:
    """All adapters differ in every setting, so that taking one from the wrong adapter is detected."""
    batches = BatchSampler(random_examples(TINY.vocab_size, paragraphs=4, questions=2, seed=5), batch_size=4, seed=9)
    trainer = FleetTrainer(
        load_base(str(tiny_base_dir)).model,
        Fleet(TINY, SPECS),
        batches,
        learning_rates=(0.001, 0.002, 0.003),
        total_steps=20,
        weight_decay=(0.01, 0.02, 0.03),
        gradient_clipping=(0.1, None, 0.3),
        rate_schedules=("constant", "linear", "cosine"),
        warmup_steps=4,
    )
    trainer.step_number = 9
    trainer.optimizer.steps = [9, 7, 8]
    trainer.scaler.scales, trainer.scaler.good_steps = [4.0, 2.0, 8.0], [3, 1, 2]
    trainer.stopped = {0: "the first", 1: "the second"}
    generator = torch.Generator().manual_seed(4)
    for tensor in trainer.tensors().values():
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * trainer.fleet.owned)
    some = subset(trainer, [2, 0])
    assert some.fleet.specs == (SPECS[2], SPECS[0])
    assert (some.step_number, some.total_steps, some.warmup_steps) == (9, 20, 4)
    assert some.optimizer.steps == [8, 9]
    assert (some.scaler.scales, some.scaler.good_steps) == ([8.0, 4.0], [2, 3])
    assert some.stopped == {1: "the first"}
    assert (some.learning_rates, some.optimizer.weight_decay) == ((0.003, 0.001), (0.03, 0.01))
    assert (some.clipping, some.rate_schedules) == ((0.3, 0.1), ("cosine", "constant"))
    assert some.tensors().keys() == trainer.tensors().keys() == {"values", "mean", "square", "before_update"}
    for name, own in some.tensors().items():
        for row, k in enumerate((2, 0)):
            whole = trainer.tensors()[name][k][trainer.fleet.owned[k]]
            assert torch.equal(own[row][some.fleet.owned[row]], whole), name
