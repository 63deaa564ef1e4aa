"""Train the pocket base in fp16 with loss scaling on the emulated device, and in fp32 on the CPU; compare the answers.

Run it from the project's root; it takes some twenty minutes of one core::

    .venv/bin/python -m tests.emulation.pocket [--steps N] [--questions N]

The adapters' answers to the same validation questions are scored after training. Both are answered in fp32 on the CPU,
so that only training differs. It prints JSON: both scores with their intervals, and whether fp16's lie within fp32's.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from squadron import prepare
from squadron.data.batches import BatchSampler
from squadron.data.encoding import encode_training
from squadron.data.prepared import load_split
from squadron.data.squad import Dataset
from squadron.experiments.pocket import base_location
from squadron.experiments.predict import answer_questions, first_questions
from squadron.model.checkpoint import load_base
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec
from squadron.model.tokenizer import Tokenizer, load_tokenizer
from squadron.scoring.evaluation import score
from squadron.training.steps import FleetTrainer

from .device import DEVICE, emulated_device, move

SPEC = LoraSpec(rank=4, targets=("attention",), seed=0)


def trained(model: GPT2, fleet: Fleet, batches: BatchSampler, steps: int) -> tuple[Fleet, dict[str, Any]]:
    """Train ``fleet`` and return it on the CPU, with what became of its loss."""
    trainer = FleetTrainer(model, fleet, batches, learning_rates=[1e-3], total_steps=steps)
    losses = [trainer.step().losses[0] for _ in range(steps)]
    assert not trainer.stopped, trainer.stopped
    found = {"first_loss": losses[0], "last_losses": sum(losses[-10:]) / len(losses[-10:])}
    return Fleet.from_weights(model.config, [fleet.weights(0)]), found | {"loss_scale": trainer.scaler.scales[0]}


def scored(model: GPT2, fleet: Fleet, tokenizer: Tokenizer, dataset: Dataset) -> dict[str, Any]:
    """Return EM and F1 of greedy answers, in percent, with their 95 % intervals."""
    answers = answer_questions(model, tokenizer, dataset, fleet=fleet, max_prompt=256, max_new_tokens=24)
    scores = score(answers["greedy"][0].predictions(), dataset.golds(), version=dataset.version)
    return {
        "exact_match": [scores.exact_match, scores.exact_match_interval.low, scores.exact_match_interval.high],
        "f1": [scores.f1, scores.f1_interval.low, scores.f1_interval.high],
    }


def main() -> None:
    """Train both, and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--questions", type=int, default=300)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder) / "data")
        prepare(dataset="pocket", train_size=8 * asked.steps, val_size=asked.questions, test_size=1, out=data)
        training, validation = load_split(data, "train").dataset, load_split(data, "validation").dataset
    base = load_base(base_location("pocket"), dtype=torch.float32, device=torch.device("cpu"))
    model = base.model.requires_grad_(False)
    tokenizer = load_tokenizer(base.folder, vocab_size=model.config.vocab_size)
    examples = encode_training(training, tokenizer, max_length=256, share_windows=True)[0]
    batches = BatchSampler(examples, batch_size=8, order="paragraph")
    dataset = first_questions(validation, asked.questions)
    untrained = scored(model, Fleet(model.config, [SPEC]), tokenizer, dataset)
    began = time.process_time()
    precise, found = trained(model, Fleet(model.config, [SPEC]), batches, asked.steps)
    fp32 = found | scored(model, precise, tokenizer, dataset) | {"cpu_seconds": time.process_time() - began}
    began = time.process_time()
    with emulated_device():
        half = move(model).to(torch.float16)
        rough, found = trained(half, Fleet(model.config, [SPEC], device=DEVICE), batches, asked.steps)
    fp16 = found | scored(model, rough, tokenizer, dataset) | {"cpu_seconds": time.process_time() - began}
    within = all(fp32[name][1] <= fp16[name][0] <= fp32[name][2] for name in ("exact_match", "f1"))
    result = {"steps": asked.steps, "questions": asked.questions, "untrained": untrained, "fp32": fp32, "fp16": fp16}
    print(json.dumps(result | {"fp16_within_fp32_interval": within}, indent=1))


if __name__ == "__main__":
    main()
