"""Copies between the host and an accelerator: everything that a batch needs goes up in one of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_ALIGNMENT = 16
"""Bytes to whose multiple every array starts, so that any dtype can view its part of the buffer."""


def upload(arrays: Mapping[str, npt.NDArray[np.generic]], device: torch.device) -> dict[str, Tensor]:
    """Return ``arrays`` as tensors of the same shapes and dtypes on ``device``.

    On an accelerator they are views of one buffer, which is copied from pinned memory without waiting for it. On a CPU
    they share the arrays' memory.
    """
    if device.type == "cpu":
        return {name: torch.from_numpy(array) for name, array in arrays.items()}
    starts: dict[str, int] = {}
    size = 0
    for name, array in arrays.items():
        starts[name] = size
        size += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
    host = torch.empty(size, dtype=torch.uint8, pin_memory=device.type == "cuda")
    buffer = host.numpy()
    for name, array in arrays.items():
        buffer[starts[name] : starts[name] + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    whole = host.to(device, non_blocking=True)
    tensors = {}
    for name, array in arrays.items():
        part = whole[starts[name] : starts[name] + array.nbytes]
        tensors[name] = part.view(torch.from_numpy(array[:0].reshape(-1)).dtype).view(array.shape)
    return tensors
