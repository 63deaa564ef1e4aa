"""Training on the emulated device equals the CPU's.

In float32 both sides differ by rounding alone. A gradient may differ by 1e-5 of its norm, and an adapter's way after
some steps by 5e-4 of its length: AdamW divides by the gradient's size, so it enlarges the rounding of small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from emulation.device import DEVICE, emulated_device, move
from helpers import TINY, random_examples, shake
from squadron.data.batches import BatchSampler, Order
from squadron.data.trees import Loss
from squadron.model.checkpoint import random_model
from squadron.model.fleet import Fleet
from squadron.model.full import FullWeights
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec
from squadron.training.steps import FleetTrainer, StepResult, mean_losses
from squadron.training.subset import subset

SPECS = (
    LoraSpec(rank=2, seed=1),
    LoraSpec(rank=3, alpha=16, seed=2, targets=("query-value", "mlp.c_fc"), lora_plus_ratio=16.0),
    LoraSpec(rank=9, alpha=8, seed=3, targets=("all",), scaling="alpha/sqrt(r)"),
)
"""Unlike in all that an adapter can have. Rank 9 is no multiple of what a GPU likes."""
RATES, DECAY, CLIPPING = (3e-3, 1e-3, 5e-3), (0.0, 0.1, 0.01), (0.05, None, 0.2)
STEPS = 3
EXAMPLES = random_examples(TINY.vocab_size, paragraphs=5, questions=3, seed=5)


def base(dtype: torch.dtype = torch.float32) -> GPT2:
    return shake(random_model(TINY, seed=0), seed=1, size=0.02).to(dtype).requires_grad_(False)


def trainer_of(
    model: GPT2,
    *,
    specs: Sequence[LoraSpec] = SPECS,
    rates: Sequence[float] = RATES,
    order: Order = "question",
    loss: Loss = "answer",
    kept: Sequence[int] = (0, 1, 2),
    **options: Any,
) -> FleetTrainer:
    """Return a trainer of the adapters ``kept``, on the device of ``model``, with other options of a trainer."""
    fleet = Fleet(TINY, [specs[k] for k in kept], device=model.device)
    return FleetTrainer(
        model,
        fleet,
        BatchSampler(EXAMPLES, batch_size=3, accumulation=2, order=order, loss=loss, seed=9),
        learning_rates=[rates[k] for k in kept],
        total_steps=6,
        weight_decay=[DECAY[k] for k in kept],
        gradient_clipping=[CLIPPING[k] for k in kept],
        rate_schedules=[("constant", "linear", "cosine")[k] for k in kept],
        warmup_steps=1,
        **options,
    )


def direction(trainer: FleetTrainer, k: int) -> Tensor:
    """Return the direction of adapter ``k``'s gradient of the latest step, without padding, on the CPU.

    Its length is that before clipping or after.
    """
    fleet = trainer.fleet
    assert isinstance(fleet, Fleet)
    own = fleet.gradients[k].cpu()[fleet.owned[k].cpu()]
    return own / own.norm()


def weights(trainer: FleetTrainer, k: int) -> Tensor:
    """Return adapter ``k``'s parameters as one vector on the CPU."""
    assert isinstance(trainer.fleet, Fleet)
    layers = trainer.fleet.weights(k).layers.values()
    return torch.cat([part.flatten() for pair in layers for part in pair])


def distance(found: Tensor, expected: Tensor, origin: Tensor | float = 0.0) -> float:
    """Return the norm of the difference as a share of the expected way from ``origin``."""
    return float((found - expected).norm() / (expected - origin).norm())


def assert_same_results(found: Sequence[StepResult], expected: Sequence[StepResult], tolerance: float) -> None:
    for own, other in zip(found, expected, strict=True):
        assert own.losses == pytest.approx(other.losses, rel=tolerance)
        assert own.gradient_norms == pytest.approx(other.gradient_norms, rel=10 * tolerance)
        assert own.learning_rates == other.learning_rates
        assert (own.step, own.questions, own.tokens) == (other.step, other.questions, other.tokens)


@pytest.mark.parametrize(
    ("order", "loss"), [("question", "answer"), ("question", "full"), ("paragraph", "answer"), ("paragraph", "full")]
)
def test_unlike_adapters(order: Order, loss: Loss) -> None:
    expected = trainer_of(base(), order=order, loss=loss)
    starts = [weights(expected, k) for k in range(3)]
    with emulated_device():
        found = trainer_of(move(base()), order=order, loss=loss)
        assert [torch.equal(weights(found, k), starts[k]) for k in range(3)] == [True] * 3
        assert_same_results([found.step()], [expected.step()], 1e-6)
        for k in range(3):
            assert distance(direction(found, k), direction(expected, k)) < 1e-5
        own, other = ([trainer.step() for _ in range(STEPS - 1)] for trainer in (found, expected))
        assert_same_results(own, other, 1e-5)
        for k in range(3):
            assert distance(weights(found, k), weights(expected, k), starts[k]) < 5e-4
        micro_batches = expected.batches.step(0)
        assert mean_losses(found.model, found.fleet, micro_batches) == pytest.approx(
            mean_losses(expected.model, expected.fleet, micro_batches), rel=1e-4
        )
        assert mean_losses(found.model, None, micro_batches) == pytest.approx(
            mean_losses(expected.model, None, micro_batches), rel=1e-6
        )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bit(dtype: torch.dtype) -> None:
    """The adapters follow those in float32 as far as the format's mantissa, of 8 or 11 bits, lets them.

    AdamW enlarges the rounding of small gradients, as above; hence the 40 epsilon of the adapters' way.
    """
    epsilon = torch.finfo(dtype).eps
    expected = trainer_of(base(dtype).float())
    starts = [weights(expected, k) for k in range(3)]
    with emulated_device():
        found = trainer_of(move(base(dtype)))
        assert found.scaler.enabled == (dtype == torch.float16)
        own, other = ([trainer.step() for _ in range(STEPS)] for trainer in (found, expected))
        for one, precise in zip(own, other, strict=True):
            assert one.losses == pytest.approx(precise.losses, rel=epsilon / 4)
            assert one.gradient_norms == pytest.approx(precise.gradient_norms, rel=2 * epsilon)
        for k in range(3):
            assert distance(direction(found, k), direction(expected, k)) < 4 * epsilon
            assert distance(weights(found, k), weights(expected, k), starts[k]) < 40 * epsilon
        assert found.state()["loss_scales"] == [65536.0 if dtype == torch.float16 else 1.0] * 3


def test_an_overflow_halves_one_adapters_scale_and_skips_its_step() -> None:
    expected, start = trainer_of(base(torch.float16).float()), None
    with emulated_device():
        found = trainer_of(move(base(torch.float16)))
        start = weights(found, 1)
        found.scaler.scales[1] = 2.0**100
        found.step()
        expected.step()
        assert found.scaler.scales == [65536.0, 2.0**99, 65536.0]
        assert found.optimizer.steps == [1, 0, 1]
        assert torch.equal(weights(found, 1), start)
        assert distance(weights(found, 0), weights(expected, 0)) < 1e-2
        assert found.stopped == {}


def test_an_adapter_that_diverges_leaves_the_others_alone() -> None:
    wild = trainer_of(base(), rates=(RATES[0], 1e30, RATES[2]))
    with emulated_device():
        model = move(base())
        found = trainer_of(model, rates=(RATES[0], 1e30, RATES[2]))
        tame = trainer_of(model)
        for _ in range(STEPS + 2):
            results = [trainer.step() for trainer in (found, tame, wild)]
            for k in (0, 2):
                assert results[0].losses[k] == results[1].losses[k]
            if 1 in found.stopped:
                assert distance(weights(found, 1), weights(wild, 1)) < 1e-5, "the last good parameters"
        assert found.stopped.keys() == wild.stopped.keys() == {1}
        assert tame.stopped == {}
        for k in (0, 2):
            assert torch.equal(weights(found, k), weights(tame, k))
        assert bool(weights(found, 1).isfinite().all())


def test_verify_finds_what_the_last_update_broke() -> None:
    with emulated_device():
        found = trainer_of(move(base()), rates=(RATES[0], 1e30, RATES[2]))
        start = weights(found, 1)
        for _ in range(2):
            found.step()
            if found.stopped:
                break
            found.verify()
        assert found.stopped.keys() == {1}
        assert distance(weights(found, 1), start) < 1
        before = [weights(found, k) for k in range(3)]
        found.verify()
        assert all(torch.equal(weights(found, k), before[k]) for k in range(3))


def test_a_subset_goes_on_as_the_fleet_does() -> None:
    expected = trainer_of(base())
    start = weights(expected, 0)
    with emulated_device():
        whole = trainer_of(move(base()))
        for trainer in (whole, expected):
            trainer.step()
        found = subset(whole, [1, 0])
        results = [[trainer.step().losses for _ in range(2)] for trainer in (found, whole, expected)]
        for row, k in enumerate([1, 0]):
            for part, fleet, cpu in zip(*results, strict=True):
                assert part[row] == pytest.approx(fleet[k], rel=1e-6)
                assert part[row] == pytest.approx(cpu[k], rel=1e-4)
        assert distance(weights(found, 1), weights(expected, 0), start) < 5e-4


def test_a_restored_run_equals_one_without_interruption() -> None:
    with emulated_device():
        model = move(base())
        whole, first, second = (trainer_of(model) for _ in range(3))
        for _ in range(STEPS):
            whole.step()
        for _ in range(2):
            first.step()
        saved = {name: tensor.cpu().clone() for name, tensor in first.tensors().items()}
        second.restore(saved, first.state())
        for _ in range(STEPS - 2):
            second.step()
        assert torch.equal(second.fleet.values.cpu(), whole.fleet.values.cpu())
        assert second.state() == whole.state()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_full_fine_tuning(dtype: torch.dtype) -> None:
    epsilon = max(torch.finfo(dtype).eps, 5e-6)

    def trainer(place: Callable[[GPT2], GPT2], dtype: torch.dtype) -> FleetTrainer:
        model = place(base().requires_grad_(True))
        batches = BatchSampler(EXAMPLES, batch_size=3, accumulation=2, order="paragraph", seed=9)
        weights = FullWeights(model, dtype)
        return FleetTrainer(
            model, weights, batches, learning_rates=[1e-3], total_steps=6, gradient_clipping=[0.5], weight_decay=[0.1]
        )

    expected = trainer(lambda model: model, torch.float32)
    start = expected.fleet.values.detach().clone()
    with emulated_device():
        found = trainer(move, dtype)
        for _ in range(2):
            own, other = found.step(), expected.step()
            assert own.losses == pytest.approx(other.losses, rel=epsilon)
            assert own.gradient_norms == pytest.approx(other.gradient_norms, rel=10 * epsilon)
        values = found.fleet.values.detach().cpu()
        assert distance(values, expected.fleet.values.detach(), start) < 60 * epsilon
        found.verify()
        assert found.stopped == {}


def dropping(probability: float) -> tuple[LoraSpec, ...]:
    return tuple(replace(spec, dropout=probability * (number != 1)) for number, spec in enumerate(SPECS))


def test_dropout_depends_on_the_adapters_own_seed_and_the_step() -> None:
    """The masks of an accelerator are not the CPU's, so the losses are not either."""
    with emulated_device():
        model = move(base())
        one, same, without = (trainer_of(model, specs=dropping(p)) for p in (0.3, 0.3, 0.0))
        alone = trainer_of(model, specs=dropping(0.3), kept=[2])
        for trainer in (one, same, without, alone):  # B is zero at first, so that no mask matters
            assert isinstance(trainer.fleet, Fleet)
        for _ in range(STEPS):
            losses = [trainer.step().losses for trainer in (one, same, without, alone)]
            assert losses[0] == losses[1]
            assert losses[3][0] == pytest.approx(losses[0][2], rel=1e-4), "neighbours do not matter"
        assert losses[0][1] == pytest.approx(losses[2][1], rel=1e-6), "an adapter without dropout"
        assert abs(losses[0][2] - losses[2][2]) > 1e-4, "dropout matters"
        assert torch.equal(one.fleet.values.cpu(), same.fleet.values.cpu())


PROBABILITIES = (0.25, 0.0, 0.5)


def identity_fleet(width: int) -> tuple[Fleet, GPT2]:
    """Return adapters of ``attn.c_proj`` that add their input, after dropout, to a base that maps to zero."""
    config = replace(TINY, n_embd=width, n_head=2)
    specs = [
        LoraSpec(rank=width, alpha=width, dropout=p, targets=("attn.c_proj",), seed=k)
        for k, p in enumerate(PROBABILITIES)
    ]
    fleet = Fleet(config, specs, device=DEVICE)
    with torch.no_grad():
        for site in fleet.sites.values():
            site.a.zero_()[:, :width].copy_(torch.eye(width, device=DEVICE))
            site.b.zero_()[:, :width].copy_(torch.eye(width, device=DEVICE))
    model = random_model(config, seed=0).requires_grad_(False)
    for parameter in model.parameters():
        parameter.zero_()
    return fleet, move(model)


def drop(fleet: Fleet, model: GPT2, x: Tensor, seeds: Sequence[int], layer: int = 0, **options: Tensor) -> Tensor:
    fleet.start_pass(seeds)
    fleet.prepare(model.dtype)
    module, site = model.h[layer].attn.c_proj, fleet.site(layer, "attn.c_proj")
    out: Tensor = module(x, site, **options)
    return out


def test_dropout_keeps_its_share_and_scales_it() -> None:
    width, tokens, seeds = 32, 200, [5, 6, 7]
    with emulated_device():
        fleet, model = identity_fleet(width)
        ones = torch.ones(1, tokens, width, device=DEVICE)
        mask = drop(fleet, model, ones, seeds).cpu()
        for k, p in enumerate(PROBABILITIES):
            kept = mask[k] != 0
            torch.testing.assert_close(mask[k][kept], torch.full_like(mask[k][kept], 1 / (1 - p)))
            error = (p * (1 - p) / kept.numel()) ** 0.5
            assert abs(kept.double().mean().item() - (1 - p)) <= 4 * error
            # Neither a token nor a column is favoured: each count is within 5 standard deviations.
            for axis, size in ((0, tokens), (1, width)):
                assert (kept.double().mean(axis) - (1 - p)).abs().max() <= 5 * (p * (1 - p) / size) ** 0.5
        again = drop(fleet, model, ones, seeds).cpu()
        assert torch.equal(mask, again)
        other_step, other_site = (drop(fleet, model, ones, s, n).cpu() for s, n in (([8, 9, 10], 0), (seeds, 1)))
        one_seed = drop(fleet, model, ones, [5, 6, 11]).cpu()
        assert torch.equal(one_seed[0], mask[0])
        assert not torch.equal(one_seed[2], mask[2])
        for other in (other_step, other_site):  # as different as independent masks are
            for k, p in ((0, 0.25), (2, 0.5)):
                differing = ((other[k] != 0) != (mask[k] != 0)).double().mean().item()
                assert differing == pytest.approx(2 * p * (1 - p), abs=0.03)
        fleet.start_pass(None)
        fleet.prepare(model.dtype)
        without = model.h[0].attn.c_proj(ones, fleet.site(0, "attn.c_proj")).cpu()
        assert torch.equal(without, torch.ones_like(without))


def test_forward_and_backward_drop_the_same() -> None:
    width, tokens, seeds = 32, 40, [5, 6, 7]
    generator = torch.Generator().manual_seed(1)
    x, dy = torch.randn(3, tokens, width, generator=generator), torch.randn(3, tokens, width, generator=generator)
    rows = torch.tensor([0, 3, 17, 39])
    with emulated_device():
        fleet, model = identity_fleet(width)
        mask = drop(fleet, model, torch.ones(3, tokens, width, device=DEVICE), seeds).cpu()
        on_device = x.to(DEVICE).requires_grad_()
        y = drop(fleet, model, on_device, seeds)
        torch.testing.assert_close(y.detach().cpu(), x * mask)
        y.backward(dy.to(DEVICE))
        assert on_device.grad is not None
        torch.testing.assert_close(on_device.grad.cpu(), dy * mask)
        site = fleet.site(0, "attn.c_proj")
        assert site is not None
        for found, expected in (
            (site.a_grad, dy.transpose(1, 2) @ (x * mask)),
            (site.b_grad, (x * mask).transpose(1, 2) @ dy),
        ):
            torch.testing.assert_close(found.cpu()[:, :width], expected, rtol=1e-4, atol=1e-4)
        # A token has one mask, whichever other tokens are mapped.
        some = drop(fleet, model, x.to(DEVICE), seeds, rows=rows.to(DEVICE)).cpu()
        torch.testing.assert_close(some, (x * mask)[:, rows])


def test_evaluation_is_without_dropout() -> None:
    with emulated_device():
        found = trainer_of(move(base()), specs=dropping(0.4))
        for _ in range(2):
            found.step()
        micro_batches = found.batches.step(0)
        losses = mean_losses(found.model, found.fleet, micro_batches)
        trained = [found.fleet.weights(k) for k in range(3)]
        again = Fleet.from_weights(TINY, trained, device=DEVICE)
        assert mean_losses(found.model, again, micro_batches) == pytest.approx(losses, rel=1e-6)
    on_cpu = Fleet.from_weights(TINY, trained)
    assert losses == pytest.approx(mean_losses(base(), on_cpu, micro_batches), rel=1e-6)
