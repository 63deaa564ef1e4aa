"""Laws of decoding on the device: greedy tokens are those of ``transformers``, all strategies draw as on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

from gpu_sections.reference import transformers_model
from gpu_sections.setting import Setting, placed, shaken_model
from gpu_sections.texts import contexts
from squadron.data.encoding import EncodedContext
from squadron.decoding.generate import generate
from squadron.decoding.golds import Golds
from squadron.decoding.result import Generation
from squadron.decoding.strategies import STRATEGIES, resolve_strategies
from squadron.model.config import GPT2Config
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.lora import AdapterWeights
from squadron.model.targets import describe_target, resolve_targets
from squadron.randomness import derive_seed

Law = tuple[str, float, float]
_SAMPLES = 2
_FLIPS = 0.02
"""The share of sampled answers that may differ: a draw that falls between two float32 roundings of a probability."""


def random_adapters(
    config: GPT2Config, size: int, *, rank: int = 4, targets: Sequence[str] = ("attention",)
) -> list[AdapterWeights]:
    """Return adapters with random A and B, so that each changes the base in its own way."""
    found = []
    for k in range(size):
        layers = {}
        for layer in range(config.n_layer):
            for name in resolve_targets(targets):
                target = describe_target(config, name)
                generator = torch.Generator().manual_seed(derive_seed(k, layer, name))
                a = torch.randn(rank, target.n_in, generator=generator) * 0.05
                b = torch.randn(target.n_out, rank, generator=generator) * 0.02
                layers[f"h.{layer}.{name}"] = (a, b)
        found.append(AdapterWeights(layers, 32.0 / rank))
    return found


def _questions(setting: Setting) -> tuple[GPT2, list[EncodedContext], int]:
    """Return a base on the CPU, questions that fit it, and how many tokens an answer has."""
    sizes = setting.sizes
    model = shaken_model(sizes.laws, seed=2, size=0.02)
    with torch.no_grad():  # sharper distributions, so that draws depend on the filters
        model.ln_f.weight.mul_(3)
    asked = contexts(
        model.config.vocab_size, max(1, sizes.law_prompts // 3), min(3, sizes.law_prompts), scale=sizes.law_scale
    )
    return model, asked, min(8, 2 * sizes.new_tokens)


@torch.no_grad()
def greedy_equals_transformers(setting: Setting) -> list[Law]:
    """Compare greedy answers with those of ``transformers``' ``generate``, one question at a time, in fp32."""
    model, asked, count = _questions(setting)
    own = generate(
        placed(model, setting.device, torch.float32),
        asked,
        strategies=resolve_strategies(["greedy"]),
        max_new_tokens=count,
        eos_id=model.config.vocab_size - 1,
    )["greedy"][0]
    reference = transformers_model(model, dtype=torch.float32)
    differ = 0
    for context in asked:
        for prompt in context.prompts:
            ids = torch.tensor([[*context.tokens[: prompt.visible], *prompt.question]])
            emitted = reference.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=count,
                do_sample=False,
                pad_token_id=model.config.vocab_size - 1,
            )[0, ids.shape[1] :].tolist()
            differ += (
                tuple(token for token in emitted if token != model.config.vocab_size - 1) != own[prompt.id][0].tokens
            )
    return [(f"answers of {len(own)} that differ", float(differ), 0.0)]


def strategies_equal_the_cpus(setting: Setting) -> list[Law]:
    """Compare the answers of every strategy, and the probabilities of golds, with those of the CPU engine, in fp32."""
    model, asked, count = _questions(setting)
    eos_id = model.config.vocab_size - 1
    targets = {
        prompt.id: [(*context.tokens[:length], eos_id) for length in (1, 2, count)]
        for context in asked
        for prompt in context.prompts
    }
    golds = [Golds(targets), Golds(targets)]
    adapters = random_adapters(model.config, 3)
    strategies = resolve_strategies([*STRATEGIES, "top-k+nucleus"])
    answers = [
        generate(
            own,
            asked,
            strategies=strategies,
            max_new_tokens=count,
            eos_id=eos_id,
            fleet=Fleet.from_weights(model.config, adapters, device=own.device),
            samples=_SAMPLES,
            seed=5,
            golds=scored,
        )
        for own, scored in zip((placed(model, setting.device, torch.float32), model), golds, strict=True)
    ]
    found = []
    for strategy in strategies:
        pairs = [
            pair for fleet in zip(*(own[strategy.name] for own in answers), strict=True) for pair in _pairs(*fleet)
        ]
        equal = [(a, b) for a, b in pairs if (a.tokens, a.stopped, a.span) == (b.tokens, b.stopped, b.span)]
        share = 1 - len(equal) / len(pairs)
        found.append((f"{strategy.name}: share of answers that differ", share, _FLIPS if strategy.sample else 0.0))
        errors = [abs(a.log_probability - b.log_probability) for a, b in equal]
        found.append((f"{strategy.name}: log-probability", max(errors, default=0.0), 2e-3))
    both = zip(*(one.log_probability for one in golds), strict=True)
    errors = [abs(own[name] - other[name]) for own, other in both for name in other]
    return [*found, ("gold answers: log-probability", max(errors), 2e-3)]


def _pairs(
    own: Mapping[str, Sequence[Generation]], other: Mapping[str, Sequence[Generation]]
) -> list[tuple[Generation, Generation]]:
    assert own.keys() == other.keys()
    return [pair for name in own for pair in zip(own[name], other[name], strict=True)]


LAWS: Mapping[str, Callable[[Setting], list[Law]]] = {
    "greedy tokens are transformers'": greedy_equals_transformers,
    "strategies draw as on the CPU": strategies_equal_the_cpus,
}
