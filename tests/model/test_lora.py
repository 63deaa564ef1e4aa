"""LoRA at one layer: valid settings, scale and dropout masks."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers import TINY, Shapes, logits, pack
from squadron.errors import ConfigError
from squadron.model.checkpoint import load_base
from squadron.model.fleet import Fleet
from squadron.model.lora import DropoutState, LoraSpec, lora_linear

SHAPES: Shapes = [(13, [5, 7]), (11, [3])]


def test_dropout_keeps_the_mean() -> None:
    fleet = Fleet(TINY, [LoraSpec(rank=3, dropout=0.3), LoraSpec(rank=3)])
    fleet.start_pass([1, 2])
    state = fleet.sites["h.0.attn.c_attn"].dropout
    assert state is not None
    masks = state.masks("h.0.attn.c_attn", torch.Size((1, 500, 33)), torch.zeros(1))
    assert masks[0].unique().tolist() == [0, pytest.approx(1 / 0.7)]
    assert masks[0].mean().item() == pytest.approx(1, abs=0.02)
    assert masks[1].eq(1).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rank": 0}, "rank=0"),
        ({"rank": -3}, "rank=-3"),
        ({"alpha": float("nan")}, "alpha=nan"),
        ({"alpha": 0.0}, "alpha=0.0"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"scaling": "alpha"}, "scaling='alpha'"),
        ({"targets": ("c_proj",)}, "attn.c_proj .* or mlp.c_proj"),
        (
            {"targets": ("attn.c_prj",)},
            "target_modules='attn.c_prj': unknown; modules are attn.c_attn, .*presets are attention",
        ),
        ({"targets": ()}, "none given"),
    ],
)
def test_invalid_values_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        LoraSpec(**change)


@pytest.mark.parametrize(
    ("rank", "alpha", "scaling", "scale"),
    [
        (4, 32.0, "alpha/r", 8.0),
        (16, 32.0, "alpha/r", 2.0),
        (4, 32.0, "alpha/sqrt(r)", 16.0),
        (16, 32.0, "alpha/sqrt(r)", 8.0),
        (9, 6.0, "alpha/sqrt(r)", 2.0),
    ],
)
def test_the_scale_by_hand(rank: int, alpha: float, scaling: Any, scale: float) -> None:
    """Check the scale of a pass too: with A and B all ones, an output is scale * rank * the sum of the inputs."""
    spec = LoraSpec(rank=rank, alpha=alpha, scaling=scaling, targets=("attn.c_proj",))
    assert spec.scale == pytest.approx(scale)
    fleet = Fleet(TINY, [spec])
    assert fleet.weights(0).scale == pytest.approx(scale)
    site = fleet.sites["h.1.attn.c_proj"]
    with torch.no_grad():
        site.a.fill_(1.0)
        site.b.fill_(1.0)
    width = TINY.n_embd
    x = torch.arange(2.0 * width).view(1, 2, width) / 100
    out = lora_linear(x, torch.zeros(width, width), torch.full((width,), 5.0), site, slice(0, width))
    expected = 5.0 + scale * rank * x.sum(-1, keepdim=True).expand(1, 2, width)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)


def test_dropout_masks_depend_on_the_seed_and_the_site_alone() -> None:
    shape, like = torch.Size((1, 40, 33)), torch.zeros(1)

    def masks(site: str, *seeds: int) -> torch.Tensor:
        return DropoutState((0.5,) * len(seeds), seeds).masks(site, shape, like)

    sites = [f"h.{layer}.{module}" for layer in (0, 1) for module in ("attn.c_attn", "attn.c_proj", "mlp.c_fc")]
    drawn = [masks(site, 7)[0] for site in sites]
    for one, other in itertools.combinations(drawn, 2):
        # Two independent masks differ in about half of their elements.
        assert 0.4 < (one != other).float().mean() < 0.6
    assert torch.equal(masks(sites[0], 7)[0], drawn[0])
    assert torch.equal(masks(sites[0], 3, 7)[1], drawn[0])  # whatever the other adapters are
    assert not torch.equal(masks(sites[0], 3, 7)[0], drawn[0])


def test_each_site_of_a_pass_has_its_own_dropout_mask(tiny_base_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, torch.Tensor] = {}
    masks = DropoutState.masks

    def spy(self: DropoutState, site: str, shape: torch.Size, like: torch.Tensor) -> torch.Tensor:
        drawn[site] = masks(self, site, shape, like)
        return drawn[site]

    monkeypatch.setattr(DropoutState, "masks", spy)
    model = load_base(str(tiny_base_dir)).model
    fleet = Fleet(TINY, [LoraSpec(rank=2, dropout=0.5, targets=("attention",))])
    tokens, positions = pack(SHAPES, TINY.vocab_size, seed=7)
    fleet.start_pass([5])
    logits(model, tokens, positions, SHAPES, fleet)
    assert set(drawn) == set(fleet.sites)
    assert len(drawn) == 2 * TINY.n_layer
    for one, other in itertools.combinations(drawn.values(), 2):
        assert one.shape == other.shape
        assert not torch.equal(one, other)
