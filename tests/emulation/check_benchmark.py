"""Laws of ``benchmarks/gpu.py`` that call parts of the engine by themselves run on the emulated device too."""

from __future__ import annotations

import sys

import pytest
import torch

from emulation.device import DEVICE, emulated_device
from helpers import load_script

gpu = load_script("benchmarks/gpu.py")
LAWS = (
    "LoRA logits equal peft's",
    "dropout masks",
    "dropout gradients",
    "greedy tokens are transformers'",
    "strategies draw as on the CPU",
)


@pytest.mark.parametrize("name", LAWS)
def test_law(name: str) -> None:
    with emulated_device():
        cases = dict(sys.modules["gpu_sections.laws"].cases(gpu.Setting(torch.device(DEVICE), gpu.TINY)))
        found = cases[name]()
    assert found["holds"], found
