"""The memory of decoding: how many tokens the cache holds at a time, and how many logits."""

from __future__ import annotations

import torch

from squadron.model.gpt2 import GPT2
from squadron.model.gpu.memory import free_cuda_bytes

BATCH_TOKENS = 8_192
"""The number of tokens in the key-value cache at a time on a CPU: 0.6 GB at GPT-2's 124M shape in float32, half of it
in bfloat16. More is no faster, because the activations then exceed the CPU's caches."""

HOST_LOGITS_BYTES = 1 << 26
"""The size limit of the float32 logits ``[rows, V]`` held at a time on a CPU; filters and draws need several times as
much."""
DEVICE_LOGITS_BYTES = 1 << 30
"""The size limit on an accelerator, of which each chunk costs a number of kernel launches."""

_LOGITS_COPIES = 10
"""The memory of the filters and draws of a chunk, as a multiple of its logits: nucleus sorts them with their indices
(int64) and sums them in float64."""
_ACTIVATIONS = 12
"""The activations of a token in a pass over the prompts, as a multiple of the model's width: residual stream, queries,
keys and values, twice the inner layer of the MLP, and what a layer of the cache takes while it is laid out."""
_FREE_SHARE = 0.85
"""The share of the free memory that is planned for; the rest is for fragments and what is not counted."""


def logits_bytes(device: torch.device) -> int:
    """Return the size limit in bytes of the float32 logits held at a time: on a GPU, 1 / 64 of its memory at most."""
    if device.type == "cpu":
        return HOST_LOGITS_BYTES
    if device.type == "cuda":
        return min(DEVICE_LOGITS_BYTES, torch.cuda.get_device_properties(device).total_memory // 64)
    return DEVICE_LOGITS_BYTES


def cache_tokens(model: GPT2, fleet_size: int) -> int:
    """Return the number of tokens that the cache may hold, over all adapters: on a GPU, what fits its free memory."""
    if model.device.type != "cuda":
        return BATCH_TOKENS
    return fleet_size * fitting_tokens(model, fleet_size, free_cuda_bytes(model.device))


def fitting_tokens(model: GPT2, fleet_size: int, free: int) -> int:
    """Return the number of tokens for each adapter whose keys, values and activations fit ``free`` bytes; at least 1.

    Activations are held while the cache is filled. Later there must be room for the copy of half the cache that is
    made when half of the contexts have been answered.
    """
    config, itemsize = model.config, model.dtype.itemsize
    cached = 2 * config.n_layer * config.n_embd * itemsize
    activations = _ACTIVATIONS * config.n_embd * itemsize
    planned = _FREE_SHARE * free - _LOGITS_COPIES * logits_bytes(model.device)
    return max(1, int(planned / (fleet_size * (cached + max(activations, cached / 2)))))
