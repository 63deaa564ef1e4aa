"""Law 2 in full: after k AdamW steps on the same batches, adapters equal those trained with ``peft``."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer

from helpers import random_examples, reference_model
from squadron.data.batches import BatchSampler
from squadron.data.trees import Loss, MicroBatch
from squadron.model.adapters import load_adapter, save_adapter
from squadron.model.checkpoint import load_base
from squadron.model.fleet import Fleet
from squadron.model.lora import LoraSpec
from squadron.training.steps import FleetTrainer


def separate(batch: MicroBatch) -> list[tuple[list[int], list[int]]]:
    """Return the sequences of a batch, one per question, each with its labels; -100 where there is no target."""
    found, start = [], 0
    targets = dict(zip(batch.rows.tolist(), batch.labels.tolist(), strict=True))
    for context, branches in batch.shapes:
        assert len(branches) == 1
        stop = start + context + sum(branches)
        labels = [-100, *(targets.get(row, -100) for row in range(start, stop))]
        found.append(([*batch.tokens[start:stop].tolist(), labels[-1]], labels))  # EOS is a target only
        start = stop
    return found


def check(
    folder: Path, work: Path, *, loss: Loss, targets: list[str], steps: int, paragraphs: int, ratio: float = 1.0
) -> None:
    base = load_base(str(folder))
    spec = LoraSpec(rank=4, alpha=32, targets=tuple(targets), seed=5, lora_plus_ratio=ratio)
    fleet = Fleet(base.model.config, [spec])
    examples = random_examples(base.model.config.vocab_size, paragraphs=paragraphs, questions=1, seed=6)
    batches = BatchSampler(examples, batch_size=2, accumulation=2, loss=loss, seed=7)
    trainer = FleetTrainer(
        base.model, fleet, batches, learning_rates=[1e-3], total_steps=steps, gradient_clipping=[1.0]
    )

    reference = get_peft_model(
        reference_model(folder),
        LoraConfig(r=4, lora_alpha=32, target_modules=targets, fan_in_fan_out=True, task_type="CAUSAL_LM"),
    )
    start = fleet.weights(0)
    with torch.no_grad():
        for name, value in reference.named_parameters():
            if "lora_" in name:
                layer = name.removeprefix("base_model.model.transformer.").split(".lora_")[0]
                value.copy_(start.layers[layer][0 if "lora_A" in name else 1])
    trainable = [value for value in reference.parameters() if value.requires_grad]
    assert sum(value.numel() for value in trainable) == fleet.trainable_parameters(0)
    if ratio == 1:
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(trainable, lr=1e-3, weight_decay=0.01)
    else:
        optimizer = create_loraplus_optimizer(
            reference, torch.optim.AdamW, lr=1e-3, loraplus_lr_ratio=ratio, loraplus_weight_decay=0.01
        )

    for step in range(steps):
        micro_batches = batches.step(step)
        result = trainer.step()
        total = 0.0
        for sequence, labels in [item for batch in micro_batches for item in separate(batch)]:
            logits = reference(torch.tensor([sequence])).logits[0, :-1]
            summed = torch.nn.functional.cross_entropy(
                logits, torch.tensor(labels[1:]), ignore_index=-100, reduction="sum"
            )
            mean = summed / sum(batch.targets for batch in micro_batches)
            mean.backward()
            total += float(mean.detach())
        torch.nn.utils.clip_grad_norm_(trainable, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        assert result.losses[0] == pytest.approx(total, rel=1e-4)

    reference.save_pretrained(work)
    theirs, ours = load_adapter(work, base.model.config), fleet.weights(0)
    assert ours.layers.keys() == theirs.layers.keys()
    assert ours.scale == theirs.scale
    for name, pair in ours.layers.items():
        for mine, other, first in zip(pair, theirs.layers[name], start.layers[name], strict=True):
            moved = float((other - first).abs().max())
            assert moved > 1e-4, name
            # AdamW's update has the sign of even a tiny gradient; another order of float32 sums flips some.
            assert float((mine - other).abs().mean()) < 1e-4 * moved, name
            assert float((mine - other).abs().max()) < 0.1 * moved, name
    save_adapter(work / "ours", ours, base=str(folder))


def test_lora_plus_trains_as_in_peft(tiny_base_dir: Path, tmp_path: Path) -> None:
    targets = ["attn.c_attn", "mlp.c_proj"]
    check(tiny_base_dir, tmp_path, loss="answer", targets=targets, steps=6, paragraphs=9, ratio=16)


@pytest.mark.parametrize("loss", ["answer", "full"])
def test_adapters_train_as_in_peft(tiny_base_dir: Path, tmp_path: Path, loss: Loss) -> None:
    targets = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"]
    check(tiny_base_dir, tmp_path, loss=loss, targets=targets, steps=7, paragraphs=9)


def test_adapters_train_as_in_peft_at_gpt2s_shape(gpt2_shape_dir: Path, tmp_path: Path) -> None:
    check(gpt2_shape_dir, tmp_path, loss="answer", targets=["attn.c_attn", "attn.c_proj"], steps=3, paragraphs=5)
