"""The targets of LoRA: GPT-2's linear layers, the three slices of ``c_attn``, and presets of them.

A **target** is what a user names; a **site** is a linear layer of the model. ``attn.q``, ``attn.k`` and ``attn.v`` are
the slices of ``attn.c_attn`` (GPT-2 has one matrix for all three), so several targets can share one site.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from squadron.errors import ConfigError, option
from squadron.model.config import GPT2Config

STABILIZED: Literal["alpha/sqrt(r)"] = "alpha/sqrt(r)"


Scaling = Literal["alpha/r", "alpha/sqrt(r)", "rslora"]
"""The factor of the product B A: LoRA's own, or rank-stabilized (rsLoRA; Kalajdzievski, 2023). ``rslora`` is another
name of ``alpha/sqrt(r)``."""


@dataclass(frozen=True, slots=True)
class Target:
    """A target: the outputs ``start:stop`` of the linear layer ``site``, which maps ``n_in`` to ``n_out``."""

    name: str
    site: str
    n_in: int
    n_out: int
    start: int
    stop: int

    def parameters(self, rank: int) -> int:
        """Count the parameters of an adapter of this rank: ``rank * n_in`` in A, ``(stop - start) * rank`` in B."""
        return rank * (self.n_in + self.stop - self.start)


PRESETS: Mapping[str, tuple[str, ...]] = {
    "attention": ("attn.c_attn", "attn.c_proj"),
    "attention+mlp": ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
    "query-value": ("attn.q", "attn.v"),
    "query-value+attention": ("attn.c_attn", "attn.q", "attn.v", "attn.c_proj"),
    "all": ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
}
"""Named sets of targets. The study uses ``attention``, ``attention+mlp`` and ``query-value+attention``."""

TARGETS = ("attn.c_attn", "attn.q", "attn.k", "attn.v", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
"""All targets, in the order in which an adapter stores them."""


def resolve_targets(names: Sequence[str]) -> tuple[str, ...]:
    """Return the targets that ``names`` and presets among them stand for, each once, in the order of :data:`TARGETS`.

    Raises :class:`ConfigError` if a name is unknown (it lists the valid ones) or ambiguous, or if there are no names.
    """
    chosen: set[str] = set()
    for name in names:
        if name in PRESETS:
            chosen.update(PRESETS[name])
        elif name in TARGETS:
            chosen.add(name)
        elif name == "c_proj":
            raise ConfigError(
                f"{option('target_modules', 'c_proj')}: ambiguous, GPT-2 has two; "
                f"write attn.c_proj (after attention) or "
                "mlp.c_proj (after the MLP), or both"
            )
        elif name in ("c_attn", "c_fc"):
            full = "attn.c_attn" if name == "c_attn" else "mlp.c_fc"
            raise ConfigError(f"{option('target_modules', name)}: write the full name, {full}")
        else:
            raise ConfigError(
                f"{option('target_modules', name)}: unknown; modules are {', '.join(TARGETS)}; "
                f"presets are {', '.join(PRESETS)}"
            )
    if not chosen:
        raise ConfigError(f"{option('target_modules')}: none given; presets are {', '.join(PRESETS)}")
    return tuple(name for name in TARGETS if name in chosen)


def describe_target(config: GPT2Config, name: str) -> Target:
    """Return the site, shape and slice of the target called ``name`` in a model of this shape."""
    width, inner = config.n_embd, config.n_inner
    slices = {"attn.c_attn": (0, 3), "attn.q": (0, 1), "attn.k": (1, 2), "attn.v": (2, 3)}
    if name in slices:
        first, end = slices[name]
        return Target(name, "attn.c_attn", width, 3 * width, first * width, end * width)
    n_in, n_out = {"attn.c_proj": (width, width), "mlp.c_fc": (width, inner), "mlp.c_proj": (inner, width)}[name]
    return Target(name, name, n_in, n_out, 0, n_out)


def canonical_scaling(scaling: Scaling) -> Scaling:
    """Return the name of a scaling that records have: ``alpha/sqrt(r)`` for ``rslora``."""
    return STABILIZED if scaling == "rslora" else scaling


def check_rank(config: GPT2Config, targets: Sequence[str], rank: int) -> None:
    """Raise :class:`ConfigError`, which gives the largest valid rank, if ``rank`` exceeds every side of the targets.

    Above a matrix's smaller side a rank adds nothing, but ``peft`` allows it; above the larger side it is a mistake.
    """
    described = [describe_target(config, name) for name in resolve_targets(targets)]
    largest = max(max(target.n_in, target.stop - target.start) for target in described)
    if rank > largest:
        raise ConfigError(f"{option('rank', rank)}: at most {largest} fits this base's width; lower it")


def trainable_parameters(config: GPT2Config, targets: Sequence[str], rank: int) -> int:
    """Count an adapter's parameters: ``rank * (inputs + outputs)``, summed over all blocks and targets.

    For GPT-2 (124M), attention and rank 4 these are 221,184.
    """
    per_block = sum(describe_target(config, name).parameters(rank) for name in resolve_targets(targets))
    return config.n_layer * per_block
