"""Fleets: law 2 (logits equal ``peft``'s), law 4 for logits and gradients, and initialization."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers import TINY, Shapes, liven, logits, pack, paths, reference_model
from squadron.model.adapters import save_adapter
from squadron.model.checkpoint import load_base
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec
from squadron.model.targets import trainable_parameters

SHAPES: Shapes = [(13, [5, 7]), (11, [3])]
SPECS = [
    LoraSpec(rank=3, targets=("attention",), seed=1),
    LoraSpec(rank=5, alpha=7.0, targets=("query-value",), scaling="alpha/sqrt(r)", seed=2),
    LoraSpec(rank=2, targets=("query-value+attention",), seed=3),
    LoraSpec(rank=1, targets=("attention+mlp",), seed=4),
    LoraSpec(rank=4, targets=("mlp.c_fc", "attn.k"), seed=5),
]


def peft_model(base: Path, adapter: Path) -> Any:
    """Load a base folder and an adapter folder with ``peft``."""
    from peft import PeftModel

    return PeftModel.from_pretrained(reference_model(base), adapter).eval()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: "+".join(spec.targets))
def test_logits_equal_pefts(tiny_base_dir: Path, tmp_path: Path, spec: LoraSpec) -> None:
    model = load_base(str(tiny_base_dir)).model
    fleet = liven(Fleet(TINY, [spec]), seed=6)
    save_adapter(tmp_path, fleet.weights(0), base=str(tiny_base_dir))
    tokens, positions = pack(SHAPES, TINY.vocab_size, seed=7)
    ours = logits(model, tokens, positions, SHAPES, fleet)[0]
    reference = peft_model(tiny_base_dir, tmp_path)
    untouched = logits(model, tokens, positions, SHAPES)[0]
    for path in paths(SHAPES):
        theirs = reference(tokens[path][None]).logits[0]
        assert (theirs - untouched[path]).abs().max() > 0.05  # the adapter does something
        torch.testing.assert_close(ours[path], theirs, rtol=1e-4, atol=1e-4)


def test_gpt2s_shape_gives_the_logits_of_peft(gpt2_shape_dir: Path, tmp_path: Path) -> None:
    model = load_base(str(gpt2_shape_dir)).model
    fleet = liven(Fleet(model.config, [LoraSpec(rank=4), LoraSpec(rank=2, targets=("query-value",))]), seed=8)
    assert fleet.trainable_parameters(0) == 221_184
    tokens, positions = pack([(31, [7])], model.config.vocab_size, seed=9)
    ours = logits(model, tokens, positions, [(31, [7])], fleet)
    for k in range(2):
        save_adapter(tmp_path / str(k), fleet.weights(k), base="gpt2")
        theirs = peft_model(gpt2_shape_dir, tmp_path / str(k))(tokens[None]).logits[0]
        torch.testing.assert_close(ours[k], theirs, rtol=1e-3, atol=3e-3)
    assert (ours[0] - ours[1]).abs().max() > 0.1


def _gradients(model: GPT2, fleet: Fleet, seeds: list[int] | None) -> torch.Tensor:
    tokens, positions = pack(SHAPES, TINY.vocab_size, seed=10)
    rows = torch.tensor([14, 16, 19, 27])
    fleet.start_pass(seeds)
    fleet.gradients.zero_()
    out = logits(model, tokens, positions, SHAPES, fleet, rows)
    torch.log_softmax(out, -1)[..., 17].sum().backward()
    fleet.finish_gradients()
    return fleet.gradients.clone()


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_an_adapters_gradients_do_not_depend_on_its_neighbours(tiny_base_dir: Path, dropout: float) -> None:
    # With a float64 base only the adapters' float32 rounds, so that the tolerance can be small.
    model = load_base(str(tiny_base_dir), dtype=torch.float64).model
    specs = [
        LoraSpec(spec.rank, spec.alpha, dropout * (i != 2), spec.targets, spec.scaling, spec.seed)
        for i, spec in enumerate(SPECS)
    ]
    together = Fleet(TINY, specs)
    grads = _gradients(model, liven(together, seed=11), [100 + k for k in range(5)])
    for k, spec in enumerate(specs):
        alone = Fleet(TINY, [spec])
        own = together.weights(k)
        with torch.no_grad():
            for name, site in alone.sites.items():
                site.a.copy_(own.layers[name][0])
                site.b.copy_(own.layers[name][1].T)
        expected = _gradients(model, alone, [100 + k])
        assert expected.abs().max() > 0.01
        compared = 0
        for name, site in alone.sites.items():
            rank = site.a.shape[1]
            other = together.sites[name]
            for mine, theirs in ((site.a_grad, other.a_grad), (site.b_grad, other.b_grad)):
                torch.testing.assert_close(theirs[k, :rank], mine[0], rtol=1e-5, atol=1e-6)
                assert not theirs[k, rank:].any()
                compared += 1
        assert compared == 2 * len(alone.sites) > 0
    assert not grads[~together.owned].any()


def test_dropout_depends_on_the_seed_of_the_pass(tiny_base_dir: Path) -> None:
    model = load_base(str(tiny_base_dir)).model
    fleet = liven(Fleet(TINY, [LoraSpec(rank=3, dropout=0.3)]), seed=12)
    first, again, other, off = (_gradients(model, fleet, seeds) for seeds in ([1], [1], [2], None))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=0.01)
    assert not torch.allclose(first, off, atol=0.01)


def test_a_new_adapter_changes_nothing_and_its_a_depends_on_the_seed(tiny_base_dir: Path) -> None:
    model = load_base(str(tiny_base_dir)).model
    fleet = Fleet(TINY, [LoraSpec(rank=3, seed=1), LoraSpec(rank=3, seed=2), LoraSpec(rank=3, seed=1)])
    tokens, positions = pack(SHAPES, TINY.vocab_size, seed=13)
    assert torch.equal(fleet.values[0], fleet.values[2])
    assert not torch.equal(fleet.values[0], fleet.values[1])
    a = fleet.sites["h.0.attn.c_attn"].a[0]
    assert 0.8 / 33**0.5 < a.abs().max() <= 1 / 33**0.5  # kaiming_uniform_(a=sqrt(5)) over 33 inputs
    adapted, plain = (logits(model, tokens, positions, SHAPES, chosen) for chosen in (fleet, None))
    torch.testing.assert_close(adapted, plain.expand(3, -1, -1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("targets", "expected"), [("attention", 221_184), ("attention+mlp", 589_824), ("query-value", 147_456)]
)
def test_parameters_follow_the_formula_on_gpt2(targets: str, expected: int) -> None:
    from squadron.model.config import SIZES

    # By hand: 12 * 4 * (768 + 2304 + 768 + 768); plus 12 * 4 * 2 * (768 + 3072); 12 * 2 * 4 * (768 + 768).
    assert trainable_parameters(SIZES["gpt2"], [targets], 4) == expected
    assert Fleet(SIZES["gpt2"], [LoraSpec(rank=4, targets=(targets,))]).trainable_parameters(0) == expected


def test_initial_parameters_depend_on_the_seed_and_the_site_alone() -> None:
    def initial(**changes: Any) -> dict[str, torch.Tensor]:
        fleet = Fleet(TINY, [LoraSpec(**{"rank": 3, "targets": ("attention",), "seed": 1, **changes})])
        return {name: site.a.detach()[0] for name, site in fleet.sites.items()}

    plain = initial()
    assert len(plain) == 2 * TINY.n_layer
    for (name, one), (other, two) in itertools.combinations(plain.items(), 2):
        assert one.shape == two.shape
        assert not torch.equal(one, two), (name, other)
    another = initial(seed=2)
    assert not any(torch.equal(plain[name], another[name]) for name in plain)
    alike: list[dict[str, Any]] = [{"alpha": 8.0}, {"dropout": 0.3}, {"scaling": "alpha/sqrt(r)"}]
    for change in (*alike, {"targets": ("attention+mlp",)}):
        changed = initial(**change)
        assert all(torch.equal(plain[name], changed[name]) for name in plain), change
    beside = Fleet(TINY, [LoraSpec(rank=5, seed=9), LoraSpec(rank=3, seed=1)])
    assert all(torch.equal(plain[name], beside.sites[name].a.detach()[1, :3]) for name in plain)
    # Slices of one matrix are initialized independently.
    sliced = initial(targets=("query-value",))["h.0.attn.c_attn"]
    assert not torch.equal(sliced[:3], sliced[3:])
