"""The free memory of a device, and an estimate, by arithmetic alone, of what a training step needs.

The activations are those that the accelerator path saves for the backward pass. Per layer, token and adapter, in units
of ``n_embd`` elements of the base's dtype (GPT-2's ``n_inner`` is four units):

=========================================  =======  ==============================
tensor                                     units    kept
=========================================  =======  ==============================
residual before attention                  1        always
residual before the MLP                    1        always
queries, keys and values                   3        always
output of attention                        1        always
MLP before its activation                  n_inner  always
normalized input of ``attn.c_attn``        1        if ``attn.c_attn`` is adapted
normalized input of ``mlp.c_fc``           1        if ``mlp.c_fc`` is adapted
activated input of ``mlp.c_proj``          n_inner  if ``mlp.c_proj`` is adapted
=========================================  =======  ==============================

With activation checkpointing a layer keeps its input alone, as two parts that are yet to be added, and one layer at a
time has the others. The backward pass
of a layer needs its gradients beside them, which are about as large. Masks, positions, products of rank R and the
statistics of LayerNorm are left out: they are small.
"""

from __future__ import annotations

import contextlib
import gc
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from squadron.data.batches import longest_lengths
from squadron.data.encoding import Example
from squadron.model.config import GPT2Config
from squadron.model.fleet import RANK_MULTIPLE
from squadron.model.gpu.memory import free_cuda_bytes
from squadron.model.targets import TARGETS, describe_target, resolve_targets
from squadron.training.loss import FLEET_LOGITS

MARGIN = 0.9
"""Share of the free memory that an estimated step may use; the rest is for fragmentation and workspaces."""
_STATE_BYTES = 5 * 4
"""Bytes of a trainable parameter: value, gradient, two moments and the value before the update, float32 each."""
PASS_TOKENS = 1 << 17
"""Most tokens of all adapters in one pass: they keep any GPU busy."""
_PASS_SHARE = 0.4
"""Share of a GPU's memory for the activations of a pass that could have fewer tokens."""


@dataclass(frozen=True, slots=True)
class StepMemory:
    """The bytes of a step: the base's weights, a fleet's state, its activations, and a chunk of the loss."""

    base: int
    state: int
    activations: int
    loss: int

    @property
    def beyond_base(self) -> int:
        """Bytes in addition to the base."""
        return self.state + self.activations + self.loss

    @property
    def total(self) -> int:
        """Bytes of all."""
        return self.base + self.beyond_base


def padded_parameters(config: GPT2Config, targets: Sequence[str], rank: int, *, multiple: int = RANK_MULTIPLE) -> int:
    """Count the numbers that one adapter takes in a fleet: A ``[R, in]`` and B ``[R, out]`` at each site of each layer.

    R is the sum of the ranks of all targets that share the site, padded to ``multiple``.
    """
    sites: dict[str, int] = {}
    for name in resolve_targets(targets):
        site = describe_target(config, name).site
        sites[site] = sites.get(site, 0) + rank
    whole = {name: describe_target(config, name) for name in sites}  # a site is the target that is all of it
    per_layer = sum(
        multiple * math.ceil(own / multiple) * (whole[name].n_in + whole[name].stop) for name, own in sites.items()
    )
    return config.n_layer * per_layer


def step_memory(
    config: GPT2Config,
    *,
    dtype: torch.dtype,
    parameters: int,
    tokens: int,
    adapters: int = 1,
    targets: Sequence[str] = TARGETS,
    checkpoint_activations: bool = False,
) -> StepMemory:
    """Return the bytes that a training step of a fleet needs on an accelerator.

    ``dtype`` is the base's. ``parameters`` are the trainable numbers of each adapter (:func:`padded_parameters`), or
    all of the model's for full fine-tuning, whose ``targets`` are all. ``tokens`` are those of the largest micro-batch,
    which every one of ``adapters`` sees.
    """
    unit = dtype.itemsize * config.n_embd * tokens * adapters
    inner = config.n_inner / config.n_embd
    sites = {describe_target(config, name).site for name in resolve_targets(targets)}
    layer = 6 + inner + ("attn.c_attn" in sites) + ("mlp.c_fc" in sites) + inner * ("mlp.c_proj" in sites)
    kept = config.n_layer * (2 if checkpoint_activations else layer)
    working = layer * (2 if checkpoint_activations else 1)  # a layer's gradients; its activations, if made again
    last = 2  # the last residual and its normalized form
    return StepMemory(
        base=config.parameter_count * dtype.itemsize,
        state=parameters * adapters * _STATE_BYTES,
        activations=round(unit * (kept + working + last)),
        loss=min(FLEET_LOGITS, tokens * adapters * config.vocab_size) * (dtype.itemsize + 4),
    )


def pass_tokens(config: GPT2Config, *, dtype: torch.dtype, memory_bytes: int | None) -> int:
    """Return how many tokens of all adapters one pass may have, on a GPU with this memory (None: unknown).

    A step's micro-batches are joined up to these. One micro-batch is never divided.
    """
    if memory_bytes is None:
        return PASS_TOKENS
    token = step_memory(config, dtype=dtype, parameters=0, tokens=1).activations
    return min(PASS_TOKENS, int(_PASS_SHARE * memory_bytes) // token)


def fits(needed: StepMemory, free_bytes: int, *, with_base: bool = False) -> bool:
    """Return True if a step fits into :data:`MARGIN` of the free bytes; ``with_base``, if the base is yet to load."""
    return (needed.total if with_base else needed.beyond_base) <= MARGIN * free_bytes


def plan_checkpointing(
    config: GPT2Config,
    *,
    dtype: torch.dtype,
    parameters: int,
    tokens: int,
    free_bytes: int | None,
    targets: Sequence[str] = TARGETS,
) -> bool:
    """Return True if activation checkpointing is needed: one adapter would not fit without it.

    It costs a second forward pass, a third of a step, so that it is for a base whose activations leave no choice, such
    as gpt2-xl on 16 GB. ``free_bytes`` is the free memory after the base is loaded; None, where it is unknown, gives
    False. The arguments are those of :func:`step_memory`.
    """
    if free_bytes is None:
        return False
    return not fits(step_memory(config, dtype=dtype, parameters=parameters, tokens=tokens, targets=targets), free_bytes)


def most_tokens(examples: Sequence[Example], batch_size: int) -> int:
    """Return the tokens of the largest micro-batch: that of the longest questions, none of which share a context."""
    return sum(longest_lengths(examples, batch_size))


def free_bytes(device: torch.device) -> int | None:
    """Return the bytes of free memory, with what PyTorch keeps for reuse; None if the system does not report them."""
    if device.type == "cuda":
        return free_cuda_bytes(device)
    found = proc_bytes(Path("/proc/meminfo"), "MemAvailable")
    # In a container, its own limit counts.
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())  # without a limit it is "max", a ValueError
        left = limit - int((group / "memory.current").read_text()) + _unused_cache(group / "memory.stat")
        found = left if found is None else min(found, left)
    return found


def _unused_cache(path: Path) -> int:
    """Return the bytes of files in a container's memory that it can drop at once, by its ``memory.stat``."""
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            if line.startswith("inactive_file "):
                return int(line.split()[1])
    return 0


def release_memory(device: torch.device) -> None:
    """Free what nothing uses any more, and on a GPU also what PyTorch keeps for reuse."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def proc_bytes(path: Path, key: str) -> int | None:
    """Return a figure of a file like /proc/meminfo; None if it has none."""
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    return None
