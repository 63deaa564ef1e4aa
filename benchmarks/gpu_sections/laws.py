"""Section ``laws``: what must hold on the device, each with the error that was measured and the one that is allowed.

References run on the CPU: ``transformers`` and ``peft`` in float64, or Squadron's own engine in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from gpu_sections import laws_decoding, laws_training
from gpu_sections.reference import peft_model, transformers_model
from gpu_sections.setting import Cases, Figures, Setting, placed, shaken_model
from gpu_sections.texts import training_examples
from squadron.data.trees import MicroBatch, build_trees, pack_trees
from squadron.model.attention import TreeAttention
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec

Law = tuple[str, float, float]
"""What is compared, the error and the error that is allowed."""


def cases(setting: Setting) -> Cases:
    """Yield every law."""
    own: Mapping[str, Callable[[Setting], list[Law]]] = {
        "logits equal transformers'": base_logits,
        "LoRA logits equal peft's": adapter_logits,
        **laws_training.LAWS,
        **laws_decoding.LAWS,
    }
    for name, law in own.items():
        yield name, partial(judge, law, setting)


def judge(law: Callable[[Setting], list[Law]], setting: Setting) -> Figures:
    """Return what was compared and if all of it held; an error that is not a number never holds."""
    found = law(setting)
    setting.free()
    compared = [
        {"compared": what, "error": error, "allowed": allowed, "holds": bool(error <= allowed)}
        for what, error, allowed in found
    ]
    for one in compared:
        if not math.isfinite(float(one["error"])):  # type: ignore[arg-type]
            one["error"] = str(one["error"])
    return {"holds": all(one["holds"] for one in compared), "compared": compared}


def base_logits(setting: Setting) -> list[Law]:
    """Compare the base's logits with float64 ones, relative to their spread; GPT-2's shape, random weights."""
    model = shaken_model(setting.sizes.laws, seed=1, size=0.02)
    batch = _questions(setting)
    reference = reference_logits(transformers_model(model, dtype=torch.float64), batch)
    found = []
    for name, dtype, allowed in _formats(setting):
        own = engine_logits(placed(model, setting.device, dtype), None, batch)[0]
        found.append((f"{name}, largest error / spread", relative_error(own, reference), allowed))
    return found


def adapter_logits(setting: Setting) -> list[Law]:
    """Compare the logits with an adapter with those of ``peft`` in float64, for the same A and B."""
    model = shaken_model(setting.sizes.laws, seed=1, size=0.02)
    spec = LoraSpec(rank=4, targets=("attention+mlp",))
    adapters = laws_decoding.random_adapters(model.config, 3, targets=spec.targets)
    batch = _questions(setting)
    found = []
    references = [
        reference_logits(peft_model(model, spec, dtype=torch.float64, adapter=adapter), batch) for adapter in adapters
    ]
    for name, dtype, allowed in _formats(setting):
        fleet = Fleet.from_weights(model.config, adapters, device=setting.device)
        own = engine_logits(placed(model, setting.device, dtype), fleet, batch)
        error = max(relative_error(mine, theirs) for mine, theirs in zip(own, references, strict=True))
        found.append((f"{name}, largest error / spread", error, allowed))
    return found


def _formats(setting: Setting) -> list[tuple[str, torch.dtype, float]]:
    """Return the formats to compare, with the error that each is allowed."""
    formats = [("fp32", torch.float32, 2e-5), ("bf16", torch.bfloat16, 0.1)]
    return [*formats, ("fp16", torch.float16, 0.02)] if setting.is_cuda else formats


def _questions(setting: Setting) -> MicroBatch:
    sizes = setting.sizes
    examples = training_examples(sizes.laws.vocab_size, 6, questions=3, scale=sizes.law_scale)
    return pack_trees(build_trees(examples))


def engine_logits(model: GPT2, fleet: Fleet | None, batch: MicroBatch) -> Tensor:
    """Return the logits at the rows that have a target, ``[K, M, V]`` float64 on the CPU."""
    rows = torch.from_numpy(batch.rows)
    if fleet is not None:
        fleet.start_pass(None)
    attend = TreeAttention(batch.shapes, model.config.n_head, dtype=model.dtype, device=model.device, rows=rows)
    tokens, positions = (torch.from_numpy(part).to(model.device) for part in (batch.tokens, batch.positions))
    with torch.no_grad():
        hidden = model(tokens, positions, attend, fleet=fleet, rows=rows.to(model.device))
        return model.logits(hidden).cpu().double()


@torch.no_grad()
def reference_logits(model: object, batch: MicroBatch) -> Tensor:
    """Return the reference's logits at the same rows, ``[M, V]``, each question a sequence of its own."""
    found: dict[int, Tensor] = {}
    start = 0
    for context, branches in batch.shapes:
        trunk = [*range(start, start + context)]
        start += context
        for branch in branches:
            path = [*trunk, *range(start, start + branch)]
            start += branch
            logits = model(torch.from_numpy(batch.tokens[path])[None]).logits[0]  # type: ignore[operator]
            found.update(zip(path, logits, strict=True))
    return torch.stack([found[row] for row in batch.rows.tolist()])


def relative_error(own: Tensor, reference: Tensor) -> float:
    """Return the largest error over the standard deviation of the reference."""
    return float((own - reference).abs().max() / reference.std())
