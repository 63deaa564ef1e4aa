"""Copies between the host and an accelerator: everything that a batch needs goes up in one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Arrays = dict[str, npt.NDArray[np.generic]]
Layout = tuple[tuple[str, tuple[int, ...], torch.dtype, int], ...]
"""Name, shape, dtype and first byte of each array in a buffer."""
_ALIGNMENT = 16
"""Bytes to whose multiple every array starts, so that any dtype can view its part of the buffer."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Arrays in one buffer of the host, ``[bytes]`` uint8, pinned if it is for CUDA."""

    host: Tensor
    layout: Layout

    def write(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Overwrite arrays of the same names, shapes and dtypes."""
        buffer = self.host.numpy()
        places = {name: (shape, dtype, start) for name, shape, dtype, start in self.layout}
        for name, array in arrays.items():
            shape, dtype, start = places[name]
            assert array.shape == shape, (name, array.shape, shape)
            assert torch.from_numpy(array).dtype == dtype, (name, array.dtype, dtype)
            _copy(array, buffer, start)

    def upload(self, device: torch.device) -> dict[str, Tensor]:
        """Return the arrays as tensors on ``device``, copied without waiting for it."""
        return views(self.host.to(device, non_blocking=True), self.layout)


def pack(arrays: Mapping[str, npt.NDArray[np.generic]], device: torch.device) -> Packed:
    """Copy ``arrays`` into one buffer, for :meth:`Packed.upload` to ``device``."""
    layout = []
    size = 0
    for name, array in arrays.items():
        layout.append((name, array.shape, torch.from_numpy(np.empty(0, array.dtype)).dtype, size))
        size += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
    host = torch.empty(size, dtype=torch.uint8, pin_memory=device.type == "cuda")
    for array, (_, _, _, start) in zip(arrays.values(), layout, strict=True):
        _copy(array, host.numpy(), start)
    return Packed(host, tuple(layout))


def _copy(array: npt.NDArray[np.generic], buffer: npt.NDArray[np.uint8], start: int) -> None:
    buffer[start : start + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def views(buffer: Tensor, layout: Layout) -> dict[str, Tensor]:
    """Return the arrays that ``buffer`` ``[bytes]`` uint8 holds, as views of it."""
    found = {}
    for name, shape, dtype, start in layout:
        stop = start + int(np.prod(shape)) * dtype.itemsize
        found[name] = buffer[start:stop].view(dtype).view(shape)
    return found


def upload(arrays: Mapping[str, npt.NDArray[np.generic]], device: torch.device) -> dict[str, Tensor]:
    """Return ``arrays`` as tensors of the same shapes and dtypes on ``device``.

    On an accelerator they are views of one buffer, which is copied from pinned memory without waiting for it. On a CPU
    they share the arrays' memory.
    """
    if device.type == "cpu":
        return {name: torch.from_numpy(array) for name, array in arrays.items()}
    return pack(arrays, device).upload(device)
