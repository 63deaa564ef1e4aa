"""Laws of training on the device: steps equal the CPU's, a fleet equals its adapters, a tree equals its sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from gpu_sections.setting import Setting, placed, shaken_model
from gpu_sections.texts import separate_paragraphs, training_examples
from squadron.data.batches import BatchSampler, Order
from squadron.data.encoding import Branch, Example
from squadron.data.trees import Loss
from squadron.model.config import GPT2Config
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec
from squadron.randomness import numpy_generator
from squadron.training.steps import FleetTrainer, micro_batch_losses

Law = tuple[str, float, float]
UNLIKE = (
    LoraSpec(rank=2, seed=1),
    LoraSpec(rank=4, targets=("attention+mlp",), scaling="alpha/sqrt(r)", seed=2),
    LoraSpec(rank=3, targets=("query-value+attention",), seed=3, lora_plus_ratio=4.0),
)
"""Adapters that differ in rank, targets, scale, seed and rates."""
_RATES = (1e-3, 5e-4, 2e-3)
_CLIPPING = (None, 1.0, 0.5)
_STEPS = 4
_FIRST, _LOSS, _NORM, _WEIGHTS = 1e-5, 1e-3, 2e-3, 2e-3
"""Allowed: of the first loss, later losses and gradient norms relative to their size, of weights relative to how far
they moved.

AdamW's first updates have the sign of even a tiny gradient, and another order of float32 sums flips some of them. So
weights are compared by the mean of their differences.
"""


def _trainer(
    model: GPT2,
    examples: Sequence[Example],
    *,
    chosen: Sequence[int] = (0, 1, 2),
    batch: int = 2,
    accumulation: int = 2,
    order: Order = "question",
    loss: Loss = "answer",
) -> FleetTrainer:
    batches = BatchSampler(examples, batch_size=batch, accumulation=accumulation, order=order, loss=loss, seed=7)
    return FleetTrainer(
        model,
        Fleet(model.config, [UNLIKE[k] for k in chosen], device=model.device),
        batches,
        learning_rates=[_RATES[k] for k in chosen],
        gradient_clipping=[_CLIPPING[k] for k in chosen],
        weight_decay=[0.01 * k for k in chosen],
        total_steps=_STEPS,
    )


def _compare(name: str, own: FleetTrainer, other: FleetTrainer, pairs: Mapping[int, int]) -> list[Law]:
    """Train both and compare losses, gradient norms and weights of the ``pairs`` of adapters."""
    start = {k: other.fleet.weights(k) for k in pairs.values()}  # type: ignore[attr-defined]
    losses, norms = [], []
    for _ in range(_STEPS):
        mine, theirs = own.step(), other.step()
        for a, b in pairs.items():
            losses.append(abs(mine.losses[a] - theirs.losses[b]) / abs(theirs.losses[b]))
            norms.append(abs(mine.gradient_norms[a] - theirs.gradient_norms[b]) / abs(theirs.gradient_norms[b]))
    weights = []
    for a, b in pairs.items():
        mine, theirs = own.fleet.weights(a), other.fleet.weights(b)  # type: ignore[attr-defined]
        assert mine.layers.keys() == theirs.layers.keys()
        for layer, pair in mine.layers.items():
            for value, reference, first in zip(pair, theirs.layers[layer], start[b].layers[layer], strict=True):
                moved = float((reference - first).abs().max())
                assert moved > 0, layer
                weights.append(float((value - reference).abs().mean()) / moved)
    return [
        (f"{name}: losses of the first step", max(losses[: len(pairs)]), _FIRST),
        (f"{name}: losses", max(losses), _LOSS),
        (f"{name}: gradient norms", max(norms), _NORM),
        (f"{name}: weights", max(weights), _WEIGHTS),
    ]


def _law_base(setting: Setting) -> tuple[GPT2, GPT2, list[Example]]:
    """Return the base on the CPU and on the device, and examples with three questions a paragraph."""
    model = shaken_model(setting.sizes.laws, seed=1, size=0.02)
    examples = training_examples(model.config.vocab_size, 24, questions=3, scale=setting.sizes.law_scale)
    return model, placed(model, setting.device, torch.float32), examples


def steps_equal_the_cpus(setting: Setting) -> list[Law]:
    """Compare four AdamW steps with the CPU engine's, in both orders and with both losses."""
    cpu, device, examples = _law_base(setting)
    found = []
    orders: tuple[Order, ...] = ("question", "paragraph")
    losses: tuple[Loss, ...] = ("answer", "full")
    for order in orders:
        for loss in losses:
            trainers = [_trainer(model, examples, order=order, loss=loss) for model in (device, cpu)]
            found += _compare(f"by {order}, loss {loss}", *trainers, {0: 0, 1: 1, 2: 2})
    return found


def a_fleet_equals_its_adapters(setting: Setting) -> list[Law]:
    """Compare an adapter in a fleet with the same adapter alone, both on the device."""
    _, device, examples = _law_base(setting)
    found = []
    for k in range(len(UNLIKE)):
        fleet, alone = _trainer(device, examples), _trainer(device, examples, chosen=[k])
        found += _compare(f"adapter {k + 1} of 3", fleet, alone, {k: 0})
    return found


def a_tree_equals_its_sequences(setting: Setting) -> list[Law]:
    """Compare training on context trees with training on the same questions as separate sequences."""
    _, device, examples = _law_base(setting)
    examples = examples[:12]  # one step has all of them, so that their order does not matter
    found = []
    losses: tuple[Loss, ...] = ("answer", "full")
    for loss in losses:
        trees, separate = (
            _trainer(device, questions, batch=12, accumulation=1, loss=loss)
            for questions in (examples, separate_paragraphs(examples))
        )
        found += _compare(f"loss {loss}", trees, separate, {0: 0, 1: 1, 2: 2})
    return found


def sixteen_bits_learn_as_much(setting: Setting) -> list[Law]:
    """Compare what fp16 with loss scaling and bf16 learn of a small task with what fp32 learns, as shares of it.

    Each answer is a function of one token of its question. The loss is that of the last tenth of the steps.
    """
    sizes = setting.sizes
    model = shaken_model(sizes.learnable, seed=4, size=0.05)
    examples = _learnable(sizes.learnable)
    first: dict[torch.dtype, float] = {}
    last: dict[torch.dtype, float] = {}
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        batches = BatchSampler(examples, batch_size=8, seed=3)
        own = placed(model, setting.device, dtype)
        specs = [LoraSpec(rank=4, targets=("attention+mlp",), seed=k) for k in range(2)]
        fleet = Fleet(own.config, specs, device=setting.device)
        steps = sizes.learnable_steps
        trainer = FleetTrainer(own, fleet, batches, learning_rates=[3e-3] * 2, total_steps=steps)
        losses = [float(np.mean(trainer.step().losses)) for _ in range(steps)]
        assert not trainer.stopped, trainer.stopped
        first[dtype], last[dtype] = losses[0], float(np.mean(losses[-max(1, steps // 10) :]))
    learned = first[torch.float32] - last[torch.float32]
    return [
        ("fp32: loss that is left", last[torch.float32] / first[torch.float32], 0.5),
        ("fp16: difference / what fp32 learned", abs(last[torch.float16] - last[torch.float32]) / learned, 0.01),
        ("bf16: difference / what fp32 learned", abs(last[torch.bfloat16] - last[torch.float32]) / learned, 0.03),
    ]


def _learnable(config: GPT2Config) -> list[Example]:
    draw = numpy_generator(0, "gpu benchmark", "learnable")
    found = []
    for number in range(64):
        context = tuple(int(token) for token in draw.integers(2, config.vocab_size - 1, 12))
        key = int(draw.integers(2, 6))
        found.append(Example(number, context, Branch(str(number), (1, key), (key + 10, key + 20, 0))))
    return found


def dropout_masks(setting: Setting) -> list[Law]:
    """Read the masks of one layer off its output and its gradients: A and B are identities, the base is zero.

    The output is then the mask times the input, scaled by 1/(1-p), and the gradient of the input the mask alone.
    """
    config = GPT2Config(vocab_size=97, n_positions=64, n_embd=64, n_layer=1, n_head=1, n_inner=128)
    model = placed(shaken_model(config, seed=5, size=0.02), setting.device, torch.float32)
    layer = model.h[0].mlp.c_fc
    probabilities = (0.1, 0.0, 0.5)
    specs = [LoraSpec(rank=64, alpha=64, dropout=p, targets=("mlp.c_fc",), seed=k) for k, p in enumerate(probabilities)]
    fleet = Fleet(config, specs, device=setting.device)
    site = fleet.sites["h.0.mlp.c_fc"]
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
        identity = torch.eye(64, device=setting.device)
        site.a.data.copy_(identity.expand_as(site.a))
        site.b.data.zero_()
        site.b.data[:, :, :64].copy_(identity.expand(len(specs), 64, 64))
    count = 512
    x = (1 + torch.rand(len(specs), count, 64, generator=torch.Generator().manual_seed(6))).to(setting.device)
    x.requires_grad_()

    def passed(seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
        fleet.start_pass(list(seeds))
        fleet.prepare(torch.float32)  # the model does this in a whole pass; here the layer is called by itself
        y = layer(x, fleet.site(0, "mlp.c_fc"))[..., :64]
        (gradient,) = torch.autograd.grad(y.sum(), x)
        return (y.detach() / x.detach()).cpu(), gradient.cpu()

    forward, backward = passed([11, 12, 13])
    again, _ = passed([11, 12, 13])
    other, _ = passed([21, 12, 13])
    found = [
        ("forward and backward masks", float((forward - backward).abs().max()), 1e-5),
        ("the same pass again", float((forward - again).abs().max()), 0.0),
        ("another seed: shares of equal masks", float((forward[0] == other[0]).float().mean()), 0.9),
        ("no dropout", float((forward[1] - 1).abs().max()), 1e-5),
    ]
    for k, p in enumerate(probabilities):
        if p:
            kept = forward[k] != 0
            sigma = (p * (1 - p) / kept.numel()) ** 0.5
            rate = abs(float(kept.float().mean()) - (1 - p)) / sigma
            found.append((f"p = {p}: keep rate, standard errors", rate, 4.0))
            found.append((f"p = {p}: kept values", float((forward[k][kept] * (1 - p) - 1).abs().max()), 1e-5))
    return found


def dropout_gradients(setting: Setting) -> list[Law]:
    """Compare the gradient's length under dropout with the loss's difference along it, with the same masks."""
    cpu, device, examples = _law_base(setting)
    del cpu
    specs = [LoraSpec(rank=4, targets=("attention+mlp",), dropout=p, seed=k) for k, p in enumerate((0.1, 0.4))]
    fleet = Fleet(device.config, specs, device=setting.device)
    batches = BatchSampler(examples, batch_size=6, seed=1)
    trainer = FleetTrainer(device, fleet, batches, learning_rates=[1e-3] * 2, total_steps=9)
    for _ in range(3):  # B starts at zero, and then there would be no gradient of A
        trainer.step()
    (batch,) = batches.step(0)

    def losses() -> Tensor:
        fleet.start_pass([31, 32])
        return micro_batch_losses(device, fleet, batch)

    fleet.gradients.zero_()
    losses().sum().backward()
    fleet.finish_gradients()
    gradient = fleet.gradients.clone()
    length = gradient.norm(dim=1, keepdim=True)
    reach = 0.25 / length  # so that the loss changes by half a nat
    with torch.no_grad():
        values = fleet.values.detach().clone()
        sides = []
        for sign in (1, -1):
            fleet.values.detach().copy_(values + sign * reach * gradient / length)
            sides.append(losses())
    slope = ((sides[0] - sides[1])[:, None] / (2 * reach) / length).cpu()
    return [("slope of the loss / length of the gradient - 1", float((slope - 1).abs().max()), 0.02)]


LAWS: Mapping[str, Callable[[Setting], list[Law]]] = {
    "training equals the CPU's": steps_equal_the_cpus,
    "an adapter in a fleet equals it alone": a_fleet_equals_its_adapters,
    "a context tree equals separate sequences": a_tree_equals_its_sequences,
    "16 bits learn what fp32 learns": sixteen_bits_learn_as_much,
    "dropout masks": dropout_masks,
    "dropout gradients": dropout_gradients,
}
