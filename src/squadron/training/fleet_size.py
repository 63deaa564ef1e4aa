"""The number of runs in a fleet that is fastest: a function of the base's width and the tokens of a batch alone.

No timing decides it: the last bits of a run's weights depend on the size of its fleet, and equal commands on one
machine must give equal bytes.
"""

from __future__ import annotations

import torch

MOST_ON_DEVICE, MOST_ON_CPU = 128, 16
"""Most runs in a fleet. On a CPU a smaller one loses less when it is stopped. A GPU needs many runs to be busy."""
CPU_NUMBERS = 3 << 20
"""Numbers of one activation, runs times tokens times ``n_embd``, up to which a larger fleet is faster on a CPU: 4,096
tokens at GPT-2's width. With few tokens the operations around a product count; with many, activations leave the
cache."""


def fastest_size(width: int, tokens: int, device: torch.device) -> int:
    """Return the number of runs that train fastest together, if memory allows.

    ``width`` is the base's ``n_embd``; ``tokens`` are those of a usual micro-batch of one run.
    """
    if device.type != "cpu":
        return MOST_ON_DEVICE
    return max(1, min(MOST_ON_CPU, CPU_NUMBERS // (width * tokens)))


def explain_size(device: torch.device) -> str:
    """Return, as one phrase for people, how the size of a fleet is chosen on ``device``."""
    if device.type != "cpu":
        return f"as many as fit in memory, up to {MOST_ON_DEVICE}"
    tokens = f"{CPU_NUMBERS // 768:,}"
    return f"on a CPU more than {tokens} tokens a pass at GPT-2's width, or {MOST_ON_CPU} runs, are no faster"
