"""Decoding strategies: what may be emitted next, and how it is chosen.

The named strategies are those of the study, with beam and span search beside them. Stochastic ones are combined with
``+``: ``top-k+nucleus`` filters by both. Filters apply in the order of ``transformers``: temperature, top-k, top-p.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from squadron.errors import ConfigError, option


@dataclass(frozen=True, slots=True)
class Strategy:
    """How the next token is chosen.

    ``temperature`` divides the logits; ``top_k`` keeps the k likeliest tokens and ties with the last of them;
    ``top_p`` keeps the likeliest tokens up to and including the one that crosses p; ``sample`` draws from what is
    left, else the likeliest is taken. ``beams`` above 1 is beam search. ``span`` holds decoding to the context's own
    token runs. Raises :class:`ConfigError` on values that cannot be, or that would change nothing.
    """

    name: str
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    sample: bool = False
    beams: int = 1
    span: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ConfigError(
                f"{option('temperature', self.temperature)}: a number above 0 is expected; 1 changes nothing"
            )
        if self.top_k is not None and (not isinstance(self.top_k, int) or self.top_k < 1):
            raise ConfigError(f"{option('top_k', self.top_k)}: an integer of 1 or more is expected")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ConfigError(f"{option('top_p', self.top_p)}: a probability above 0 and up to 1 is expected")
        if not isinstance(self.beams, int) or self.beams < 1:
            raise ConfigError(f"{option('beams', self.beams)}: an integer of 1 or more is expected")
        if (self.sample or self.span) and self.beams > 1:
            kind = "samples" if self.sample else "searches spans"
            raise ConfigError(
                f"{option('beams', self.beams)}: {self.name} {kind}; use beams with the beam strategy alone"
            )
        if self.sample and self.span:
            raise ConfigError(
                f"{option('decoding', self.name)}: span search takes the likeliest token; it cannot sample"
            )
        for name, value, neutral in (
            ("temperature", self.temperature, 1.0),
            ("top_k", self.top_k, None),
            ("top_p", self.top_p, None),
        ):
            if not self.sample and value != neutral:
                raise ConfigError(
                    f"{option(name, value)}: {self.name} does not sample, so that this would change nothing"
                )


STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        strategy.name: strategy
        for strategy in (
            Strategy("greedy"),
            Strategy("top-k", top_k=50, sample=True),
            Strategy("nucleus", top_p=0.95, sample=True),
            Strategy("temperature", temperature=1.3, sample=True),
            Strategy("beam", beams=4),
            Strategy("span", span=True),
        )
    }
)
"""The strategies that have a name, with the study's values."""


def resolve_strategies(
    names: Sequence[str],
    *,
    top_k: int | None = None,
    top_p: float | None = None,
    temperature: float | None = None,
    beams: int | None = None,
) -> tuple[Strategy, ...]:
    """The strategies that ``names`` tell, each once, in this order; ``all`` stands for every named one.

    A value replaces that of the strategies that have one already: ``top_k`` is for ``top-k`` and its combinations, and
    so on. Raises :class:`ConfigError` on an unknown name, and on a value that no chosen strategy uses.
    """
    wanted: dict[str, Strategy] = {}
    for name in names:
        for strategy in STRATEGIES.values() if name == "all" else (_combine(name),):
            wanted[strategy.name] = strategy
    if not wanted:
        raise ConfigError(f"{option('decoding')}: a strategy is expected, one of {_choices()}")
    chosen = list(wanted.values())
    if top_k is not None:
        used = [strategy.top_k is not None for strategy in chosen]
        _require_use("top_k", top_k, used, "top-k")
        chosen = [replace(s, top_k=top_k) if use else s for s, use in zip(chosen, used, strict=True)]
    if top_p is not None:
        used = [strategy.top_p is not None for strategy in chosen]
        _require_use("top_p", top_p, used, "nucleus")
        chosen = [replace(s, top_p=top_p) if use else s for s, use in zip(chosen, used, strict=True)]
    if temperature is not None:
        used = ["temperature" in strategy.name.split("+") for strategy in chosen]
        _require_use("temperature", temperature, used, "temperature")
        chosen = [replace(s, temperature=temperature) if use else s for s, use in zip(chosen, used, strict=True)]
    if beams is not None:
        used = [strategy.beams > 1 for strategy in chosen]
        _require_use("beams", beams, used, "beam")
        chosen = [replace(s, beams=beams) if use else s for s, use in zip(chosen, used, strict=True)]
    return tuple(chosen)


def _combine(name: str) -> Strategy:
    """A named strategy, or several stochastic ones as one, under one name whatever their order."""
    parts = set(name.split("+"))
    unknown = sorted(parts - STRATEGIES.keys())
    if unknown:
        raise ConfigError(f"{option('decoding', name)}: no strategy {unknown[0]!r}; choose from {_choices()}")
    found = [strategy for strategy in STRATEGIES.values() if strategy.name in parts]
    if len(found) == 1:
        return found[0]
    fixed = [strategy.name for strategy in found if not strategy.sample]
    if fixed:
        raise ConfigError(
            f"{option('decoding', name)}: {fixed[0]} does not combine; combine top-k, nucleus and temperature"
        )
    whole = found[0]
    for strategy in found[1:]:
        whole = replace(
            whole,
            name=f"{whole.name}+{strategy.name}",
            top_k=whole.top_k or strategy.top_k,
            top_p=whole.top_p or strategy.top_p,
            temperature=whole.temperature * strategy.temperature,  # only one of them has it; the others have 1
        )
    return whole


def _require_use(name: str, value: object, used: Sequence[bool], owner: str) -> None:
    if not any(used):
        raise ConfigError(f"{option(name, value)}: no chosen strategy uses it; add {option('decoding', owner)}")


def _choices() -> str:
    return f"{', '.join(STRATEGIES)}, all, or stochastic ones joined as top-k+nucleus"
