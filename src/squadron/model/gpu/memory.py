"""The free memory of a GPU, for the plans of training and decoding."""

from __future__ import annotations

import torch


def free_cuda_bytes(device: torch.device) -> int:
    """Return the bytes of a CUDA device that are free, with what PyTorch keeps there for reuse."""
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + kept
