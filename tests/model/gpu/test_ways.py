"""How a GPU attends is chosen by its capability, number format and memory, and by whether Triton is there."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from squadron.model.gpu import attention
from squadron.model.gpu.attention import Way, choose_way

T4, A100, DESKTOP, H100 = ((7, 5), 64), ((8, 0), 164), ((8, 9), 100), ((9, 0), 228)
"""Compute capability, and KiB of shared memory of a multiprocessor."""


@pytest.mark.parametrize(
    ("card", "dtype", "triton", "way"),
    [
        (T4, torch.float16, True, "gathered"),
        (A100, torch.bfloat16, True, "fused"),
        (A100, torch.float32, True, "fused"),
        (DESKTOP, torch.float16, True, "fused"),
        (DESKTOP, torch.float32, True, "gathered"),
        (H100, torch.bfloat16, True, "fused"),
        (H100, torch.float32, True, "fused"),
        (H100, torch.float64, True, "gathered"),
        (H100, torch.bfloat16, False, "gathered"),
    ],
)
def test_the_way_of_a_card(
    monkeypatch: pytest.MonkeyPatch, card: tuple[tuple[int, int], int], dtype: torch.dtype, triton: bool, way: Way
) -> None:
    capability, shared = card
    properties = SimpleNamespace(shared_memory_per_multiprocessor=shared * 1024)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    monkeypatch.setattr(attention, "HAS_TRITON", triton)
    assert choose_way(torch.device("cuda"), dtype) == way


def test_other_devices_use_the_operators_own_reference() -> None:
    assert choose_way(torch.device("cpu"), torch.float32) == "fused"
