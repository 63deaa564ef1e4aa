"""Compare a training step of gpt2-medium's and gpt2-large's real shapes with ``peft``'s.

    python benchmarks/large.py                                       # both sizes, about ten minutes on two cores
    python benchmarks/large.py --sizes gpt2-large --length 128       # shorter sequences: less time and memory

Weights are random, from a seed, and so is the adapter, with a B that is not zero, since the gradient of A would be zero
otherwise. Questions are random tokens: four of 256 tokens each are the study's micro-batch, with SQuAD's mean answer of
five tokens. Every side is a process of its own that reads the same checkpoint, and its peak memory is that of the
process. The sides in bf16 are Squadron, ``peft`` under autocast (what ``bf16=True`` of transformers' Trainer does), and
``peft`` with the base's weights in bf16. In float32 there are Squadron and ``peft``, whose gradient is the reference.

What must hold, or the exit code is 1:

- In float32 the gradients are equal up to 1e-4 of their norm: sums of up to 5,120 products in another order, through up
  to 36 layers, cost about 1e-6 each.
- In bf16, where a rounding is 1 in 256, nobody's gradient is exact. Squadron's is at most as far from the float32
  gradient as the better of ``peft``'s two, times 1.1: errors of roundings have a spread of their own.
- Each step of Squadron, the whole process, stays within 24 GB.

Writes ``docs/large.json`` with both sides of every comparison, and the table in ``docs/howto/larger.md``; sizes that
are not run keep their figures.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
RECORD, PAGE = DOCS / "large.json", DOCS / "howto" / "larger.md"
SIZES = ("gpt2-medium", "gpt2-large")
SIDES = ("squadron fp32", "peft fp32", "squadron bf16", "peft autocast", "peft bf16 weights")
ANSWER = 5
RANK, ALPHA, RATE = 8, 16, 1e-3
TARGETS = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
LIMIT = 24_000_000_000
EXACT, SPREAD = 1e-4, 1.1


def make(size: str, folder: Path) -> None:
    """Write a checkpoint with seeded random weights, and an adapter for it."""
    import torch

    from squadron.model.adapters import save_adapter
    from squadron.model.checkpoint import random_model, save_model
    from squadron.model.config import SIZES as SHAPES
    from squadron.model.fleet import Fleet
    from squadron.model.lora import LoraSpec

    model = random_model(SHAPES[size], seed=1)
    save_model(model, folder / "base")
    fleet = Fleet(model.config, [LoraSpec(rank=RANK, alpha=ALPHA, targets=TARGETS, seed=2)])
    with torch.no_grad():
        for site in fleet.sites.values():
            site.b.normal_(0, 0.02, generator=torch.Generator().manual_seed(site.number))
    save_adapter(folder / "adapter", fleet.weights(0), base=size)


def token_rows(vocabulary: int, questions: int, length: int) -> list[list[int]]:
    """Return the tokens of each question; the last ``ANSWER`` of them are its answer."""
    import numpy as np

    return np.random.default_rng(3).integers(1, vocabulary, (questions, length)).tolist()


def squadron_step(folder: Path, dtype: str, questions: int, length: int) -> tuple[float, dict[str, Any]]:
    """Take a step; return its loss, and the gradients of A and B by layer."""
    import torch

    from squadron.bench.squadron_side import fleet_like
    from squadron.data.batches import SequentialSampler
    from squadron.data.encoding import Branch, Example
    from squadron.model.adapters import load_adapter
    from squadron.model.checkpoint import load_base
    from squadron.training.steps import FleetTrainer

    base = load_base(str(folder / "base"), dtype=getattr(torch, dtype))
    config = base.model.config
    fleet = fleet_like(config, folder / "adapter", 1, torch.device("cpu"))
    with torch.no_grad():
        for name, (a, b) in load_adapter(folder / "adapter", config).layers.items():
            fleet.sites[name].a[0].copy_(a)
            fleet.sites[name].b[0].copy_(b.T)
    examples = []
    for number, row in enumerate(token_rows(config.vocab_size, questions, length)):
        branch = Branch(str(number), tuple(row[-ANSWER - 1 : -ANSWER]), tuple(row[-ANSWER:]))
        examples.append(Example(number, tuple(row[: -ANSWER - 1]), branch))
    batches = SequentialSampler(examples, sizes=[questions])
    result = FleetTrainer(base.model, fleet, batches, learning_rates=[RATE], total_steps=1).step()
    gradients = {}
    for name, site in fleet.sites.items():
        gradients[f"{name}.A"], gradients[f"{name}.B"] = site.a_grad[0].clone(), site.b_grad[0].T.contiguous()
    return result.losses[0], gradients


def peft_step(folder: Path, dtype: str, questions: int, length: int, *, autocast: bool) -> tuple[float, dict[str, Any]]:
    """Take the same step with ``peft`` and ``torch.optim.AdamW``; return the same."""
    import torch
    from peft import PeftModel
    from transformers import GPT2LMHeadModel

    off = {"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}
    base = GPT2LMHeadModel.from_pretrained(folder / "base", dtype=getattr(torch, dtype), **off)
    model = PeftModel.from_pretrained(base, folder / "adapter", is_trainable=True)
    rows = torch.tensor(token_rows(base.config.vocab_size, questions, length))
    labels = rows.clone()
    labels[:, :-ANSWER] = -100
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=RATE, weight_decay=0.01)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = model(input_ids=rows, labels=labels).loss
    loss.backward()
    gradients = {}
    for name, value in model.named_parameters():
        if value.grad is not None:
            layer, matrix = name.removeprefix("base_model.model.transformer.").split(".lora_")
            gradients[f"{layer}.{matrix[0]}"] = value.grad.float()
    optimizer.step()
    return float(loss.detach()), gradients


def take(side: str, folder: Path, questions: int, length: int) -> dict[str, Any]:
    """Take one side's step in this process; write its gradients, and return its loss, seconds and peak memory."""
    import torch
    from safetensors.torch import save_file

    from squadron.experiments.environment import peak_memory_bytes

    began = time.perf_counter()
    dtype = "float32" if side in ("squadron fp32", "peft fp32", "peft autocast") else "bfloat16"
    if side.startswith("squadron"):
        loss, gradients = squadron_step(folder, dtype, questions, length)
    else:
        loss, gradients = peft_step(folder, dtype, questions, length, autocast=side == "peft autocast")
    seconds, peak = time.perf_counter() - began, peak_memory_bytes(torch.device("cpu"))
    save_file(gradients, folder / f"{side}.safetensors")
    return {"loss": loss, "seconds": round(seconds, 1), "peak_memory_bytes": peak}


def difference(folder: Path, side: str, reference: str) -> float:
    """Return the norm of the difference of two sides' gradients, relative to the reference's."""
    from safetensors.torch import load_file

    found, right = (load_file(folder / f"{one}.safetensors") for one in (side, reference))
    if found.keys() != right.keys():
        raise SystemExit(f"large: {side} and {reference} have gradients of other layers")
    apart = sum(float((found[name].double() - right[name].double()).square().sum()) for name in right)
    whole = sum(float(value.double().square().sum()) for value in right.values())
    return math.sqrt(apart / whole)


def compare(folder: Path, sides: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the differences of the gradients, the ratios of peak memory, and what does not hold."""
    errors = {side: difference(folder, side, "peft fp32") for side in sides if side != "peft fp32"}
    ours, theirs = errors["squadron bf16"], min(errors["peft autocast"], errors["peft bf16 weights"])
    wrong = []
    if errors["squadron fp32"] > EXACT:
        wrong.append(
            f"in float32 the gradients differ by {errors['squadron fp32']:.1e}; at most {EXACT:.0e} is expected"
        )
    if ours > SPREAD * theirs:
        wrong.append(f"in bf16 Squadron's gradient is {ours:.2e} from float32's, peft's {theirs:.2e}")
    peaks = {side: int(one["peak_memory_bytes"]) for side, one in sides.items()}
    wrong += [
        f"{side}: {peak / 1e9:.1f} GB at its peak; at most {LIMIT / 1e9:.0f} GB are allowed"
        for side, peak in peaks.items()
        if side.startswith("squadron") and peak > LIMIT
    ]
    ratios = {side: peaks["squadron bf16"] / peaks[side] for side in ("peft autocast", "peft bf16 weights")}
    return {"gradient_difference_from_peft_fp32": errors, "peak_memory_ratio": ratios, "wrong": wrong}


def run(size: str, questions: int, length: int) -> dict[str, Any]:
    """Take every side's step of one size, each in its own process, and compare them."""
    with tempfile.TemporaryDirectory() as name:
        folder, sides = Path(name), {}
        call("make", size, folder)
        for side in SIDES:
            sides[side] = call("take", side, folder, questions, length)
            peak = sides[side]["peak_memory_bytes"] / 1e9
            print(f"{size}  {side:18}  loss {sides[side]['loss']:.5f}  {sides[side]['seconds']:6.1f} s  {peak:5.2f} GB")
        found = compare(folder, sides)
    for side, error in found["gradient_difference_from_peft_fp32"].items():
        print(f"{size}  {side:18}  gradient differs from peft fp32 by {error:.2e}")
    for side, ratio in found["peak_memory_ratio"].items():
        print(f"{size}  peak memory of squadron bf16: {ratio:.0%} of {side}")
    for problem in found["wrong"]:
        print(f"{size}  WRONG: {problem}")
    return {"questions": questions, "tokens_each": length, "sides": sides, **found}


def table(record: Mapping[str, Any]) -> str:
    """Return the figures as the table of ``docs/howto/larger.md``."""
    lines = ["| base | side | peak memory | gradient differs from peft's in fp32 by |", "|---|---|---|---|"]
    for size, found in record.items():
        for side, one in found["sides"].items():
            error = found["gradient_difference_from_peft_fp32"].get(side)
            shown = "" if error is None else f"{error:.2e}"
            lines.append(f"| {size} | {side} | {one['peak_memory_bytes'] / 1e9:.2f} GB | {shown} |")
    return "\n".join(lines) + "\n"


def call(*arguments: object) -> Any:
    """Do a part of the work in a process of its own; return what it prints."""
    command = [sys.executable, __file__, "--part", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"large: {' '.join(command[2:])} failed (exit code {done.returncode})\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def part(kind: str, *arguments: str) -> None:
    """Do what :func:`call` asks for."""
    if kind == "make":
        make(arguments[0], Path(arguments[1]))
        record: dict[str, Any] = {}
    else:
        side, folder, questions, length = arguments
        record = take(side, Path(folder), int(questions), int(length))
    print(json.dumps(record))


def main() -> int:
    """Run the sizes that are asked for; return the exit code."""
    parser = argparse.ArgumentParser(description="Compare a training step of large GPT-2s with peft's.")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--questions", type=int, default=4)
    parser.add_argument("--length", type=int, default=256, help="tokens of each question")
    parser.add_argument("--out", type=Path, default=RECORD)
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        part(*options.part)
        return 0
    record = json.loads(options.out.read_text()) if options.out.is_file() else {}
    for size in options.sizes:
        record[size] = run(size, options.questions, options.length)
        options.out.write_text(json.dumps(record, indent=2) + "\n")
    if options.out == RECORD:
        text = PAGE.read_text()
        PAGE.write_text(text[: text.index("| base | side |")] + table(record))
    return int(any(record[size]["wrong"] for size in options.sizes))


if __name__ == "__main__":
    raise SystemExit(main())
