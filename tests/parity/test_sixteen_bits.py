"""Law 11: in 16-bit formats the logits are at most as far from float64 as those of ``transformers`` under autocast."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from helpers import logits, reference_model, shake
from squadron.model.checkpoint import load_base, random_model, save_model
from squadron.model.config import GPT2Config

SHAPE = GPT2Config(vocab_size=1009, n_positions=263, n_embd=768, n_layer=12, n_head=12, n_inner=3072)
"""GPT-2's shape, but for the vocabulary and the positions, on which errors do not depend."""
TOKENS = 127
OUTLIERS = {138: 90.0, 378: -40.0, 447: 200.0}
"""Features of GPT-2's residual stream that are a hundred times as large as the others from an early layer on."""

FORMATS = [torch.bfloat16, *([torch.float16] if torch.ops.mkldnn._is_mkldnn_fp16_supported() else [])]
"""What this CPU computes itself; it would emulate others, for minutes."""


def make_base(folder: Path, *, outliers: bool) -> Path:
    """Save a random base whose attention chooses among tokens, as a trained one's does."""
    model = shake(random_model(SHAPE, seed=3), seed=4, size=0.02)
    with torch.no_grad():
        for block in model.h:
            block.attn.c_attn.weight.mul_(2.5)
        if outliers:
            features = torch.tensor(list(OUTLIERS))
            model.h[1].mlp.c_proj.bias[features] = torch.tensor(list(OUTLIERS.values()))
            for name, value in model.named_parameters():
                if ".ln_" in name and name.endswith("weight") and int(name.split(".")[1]) > 1:
                    value[features] *= 0.1
    save_model(model, folder)
    return folder


def errors(found: Tensor, exact: Tensor) -> tuple[float, float]:
    """Return the root mean square of the errors, and the largest of a token, the mean over tokens."""
    difference = (found.double() - exact).abs()
    return float(difference.square().mean().sqrt()), float(difference.amax(-1).mean())


@pytest.mark.parametrize("outliers", [False, True], ids=["plain", "outliers"])
@pytest.mark.parametrize("dtype", FORMATS)
def test_errors_are_at_most_those_of_autocast(tmp_path: Path, dtype: torch.dtype, outliers: bool) -> None:
    folder = make_base(tmp_path / "base", outliers=outliers)
    tokens = torch.randint(SHAPE.vocab_size, (TOKENS,), generator=torch.Generator().manual_seed(5))
    reference = reference_model(folder)
    with torch.inference_mode():
        with torch.autocast("cpu", dtype):
            theirs = errors(reference(tokens[None]).logits[0], exact := reference.double()(tokens[None]).logits[0])
        model = load_base(str(folder), dtype=dtype).model
        found = logits(model, tokens, torch.arange(TOKENS), [(TOKENS, [])])[0]
    ours = errors(found, exact)
    assert exact.std() > 0.3
    assert ours[0] <= theirs[0], (ours, theirs)
    assert ours[1] <= theirs[1], (ours, theirs)
