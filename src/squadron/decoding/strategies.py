"""Decoding strategies: which tokens may be emitted next, and how one of them is chosen.

This module is the registry: command-line flags, their help, the web page and the reports are derived from it. A
parameter is a field of :class:`Strategy` made by :func:`_parameter`; a name is an entry of :data:`STRATEGIES`.
Stochastic strategies are combined with ``+``: ``top-k+nucleus`` filters by both. Their filters, in
:mod:`squadron.decoding.sampling`, apply in the order of the fields, which is that of ``transformers``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from squadron.errors import ConfigError, option


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of strategies: an option of ``evaluate`` and a field of :class:`Strategy`.

    ``neutral`` is its value in strategies that do not use it. Other values are of type ``kind``, greater than
    ``above``, at least ``least`` and at most ``most``; ``expected`` says so in words. ``owner`` is the strategy that
    uses it. If ``filters``, it changes the logits from which tokens are drawn.
    """

    name: str
    neutral: Any
    owner: str
    help: str
    kind: type[int] | type[float]
    expected: str
    above: float | None
    least: float | None
    most: float | None
    filters: bool

    @property
    def flag(self) -> str:
        """Its flag of ``evaluate``."""
        return f"--{self.name.replace('_', '-')}"

    def check(self, value: float | None) -> None:
        """Raise :class:`ConfigError` if ``value`` is out of bounds."""
        if value is None and self.neutral is None:
            return
        is_valid = (
            isinstance(value, (int,) if self.kind is int else (int, float))
            and math.isfinite(value)
            and (self.above is None or value > self.above)
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
        )
        if not is_valid:
            raise ConfigError(f"{option(self.name, value)}: {self.expected}")


def _parameter(
    neutral: Any,
    *,
    owner: str,
    help: str,
    kind: type[int] | type[float],
    expected: str,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
    filters: bool = True,
) -> Any:
    """Return a field of :class:`Strategy` that is a :class:`Parameter` of the strategy called ``owner``."""
    metadata = {
        "owner": owner,
        "help": help,
        "kind": kind,
        "expected": expected,
        "above": above,
        "least": least,
        "most": most,
        "filters": filters,
    }
    return field(default=neutral, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Strategy:
    """The settings of one decoding strategy.

    ``temperature`` divides the logits. ``top_k`` keeps the k likeliest tokens and those that tie with the last of them;
    ``top_p`` keeps the likeliest tokens up to and including the one that crosses p; ``min_p`` keeps the tokens at least
    ``min_p`` times as likely as the likeliest one (Nguyen et al., 2024). With ``sample``, the token is drawn from those
    that are kept, otherwise it is the likeliest. ``beams`` above 1 is beam search. ``span`` restricts decoding to spans
    of the context. Raises :class:`ConfigError` if a value is invalid or has no effect.
    """

    name: str
    temperature: float = _parameter(
        1.0,
        owner="temperature",
        help="Divisor of the logits in temperature sampling.",
        kind=float,
        above=0,
        expected="a number above 0 is expected; 1 changes nothing",
    )
    top_k: int | None = _parameter(
        None,
        owner="top-k",
        help="Number of tokens that top-k keeps.",
        kind=int,
        least=1,
        most=1_000_000_000,
        expected="an integer of 1 or more is expected",
    )
    top_p: float | None = _parameter(
        None,
        owner="nucleus",
        help="Probability mass that nucleus keeps, 0 to 1.",
        kind=float,
        above=0,
        most=1,
        expected="a probability above 0 and up to 1 is expected",
    )
    min_p: float | None = _parameter(
        None,
        owner="min-p",
        help="Lowest probability that min-p keeps, as a share of the likeliest token's, 0 to 1.",
        kind=float,
        above=0,
        most=1,
        expected="a share above 0 and up to 1 is expected",
    )
    sample: bool = False
    beams: int = _parameter(
        1,
        owner="beam",
        help="Number of hypotheses of beam search.",
        kind=int,
        least=1,
        most=1000,  # all of them are in memory
        expected="an integer from 1 to 1,000 is expected",
        filters=False,
    )
    span: bool = False

    def __post_init__(self) -> None:
        for parameter in PARAMETERS.values():
            parameter.check(getattr(self, parameter.name))
        if (self.sample or self.span) and self.beams > 1:
            kind = "samples" if self.sample else "searches spans"
            raise ConfigError(
                f"{option('beams', self.beams)}: {self.name} {kind}; use beams with the beam strategy alone"
            )
        if self.sample and self.span:
            raise ConfigError(
                f"{option('decoding', self.name)}: span search takes the likeliest token; it cannot sample"
            )
        for name, value in self.values().items():
            parameter = PARAMETERS[name]
            if parameter.filters and not self.sample:
                raise ConfigError(
                    f"{option(parameter.name, value)}: {self.name} does not sample, so that this would change nothing"
                )

    def values(self) -> dict[str, Any]:
        """Return the values of the parameters that the strategy uses, by name."""
        own = {name: getattr(self, name) for name in PARAMETERS}
        return {name: value for name, value in own.items() if value != PARAMETERS[name].neutral}


PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        own.name: Parameter(name=own.name, neutral=own.default, **own.metadata)
        for own in dataclasses.fields(Strategy)
        if own.metadata
    }
)
"""The parameters of strategies by name, in the order in which their filters apply."""

_STUDY = (
    Strategy("greedy"),
    Strategy("top-k", top_k=50, sample=True),
    Strategy("nucleus", top_p=0.95, sample=True),
    Strategy("temperature", temperature=1.3, sample=True),
    Strategy("beam", beams=4),
    Strategy("span", span=True),
)
_MORE = (Strategy("min-p", min_p=0.1, sample=True),)

STRATEGIES: Mapping[str, Strategy] = MappingProxyType({strategy.name: strategy for strategy in (*_STUDY, *_MORE)})
"""The named strategies with their default values; those of the study come first."""

ALL = tuple(strategy.name for strategy in _STUDY)
"""The strategies that ``all`` stands for: those of the study. Later ones are left out, so that its results do not
change."""


def resolve_strategies(names: Sequence[str], **values: float | None) -> tuple[Strategy, ...]:
    """Return the strategies called ``names``, each once, in this order; ``all`` stands for those of the study.

    ``values`` are parameters by name (None: the default). A value applies to the strategies that use the parameter:
    ``top_k`` to ``top-k`` and its combinations, and so on. Raises :class:`ConfigError` if a name is unknown or no
    chosen strategy uses a value.
    """
    wanted: dict[str, Strategy] = {}
    for name in names:
        for strategy in [STRATEGIES[one] for one in ALL] if name == "all" else [_combine(name)]:
            wanted[strategy.name] = strategy
    if not wanted:
        raise ConfigError(f"{option('decoding')}: a strategy is expected, one of {_choices()}")
    chosen = list(wanted.values())
    assert values.keys() <= PARAMETERS.keys(), values
    for name, parameter in PARAMETERS.items():
        value = values.get(name)
        if value is None:
            continue
        used = [parameter.owner in strategy_parts(strategy.name) for strategy in chosen]
        if not any(used):
            raise ConfigError(
                f"{option(parameter.name, value)}: no chosen strategy uses it; "
                f"add {option('decoding', parameter.owner)}"
            )
        change: dict[str, Any] = {name: value}
        chosen = [replace(one, **change) if use else one for one, use in zip(chosen, used, strict=True)]
    return tuple(chosen)


def strategy_parts(name: str) -> list[str]:
    """Return the names of the strategies that the strategy called ``name`` combines."""
    return name.split("+")


def is_random(name: str) -> bool:
    """Return True if the strategy of this name, alone or combined, draws at random; False if it is not known."""
    return any(part in STRATEGIES and STRATEGIES[part].sample for part in strategy_parts(name))


def recorded_parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters among ``values`` that records hold: those of the study, and others if they are set.

    So adding a parameter in a later version does not change the records of the others.
    """
    own = {name: values[name] for name in PARAMETERS if name in values}
    return {name: value for name, value in own.items() if value is not None or PARAMETERS[name].owner in ALL}


def _combine(name: str) -> Strategy:
    """Return a named strategy, or several stochastic ones combined; their order does not matter."""
    parts = set(strategy_parts(name))
    unknown = sorted(parts - STRATEGIES.keys())
    if unknown:
        raise ConfigError(f"{option('decoding', name)}: no strategy {unknown[0]!r}; choose from {_choices()}")
    found = [strategy for strategy in STRATEGIES.values() if strategy.name in parts]
    if len(found) == 1:
        return found[0]
    fixed = [strategy.name for strategy in found if not strategy.sample]
    if fixed:
        *first, last = [strategy.name for strategy in STRATEGIES.values() if strategy.sample]
        raise ConfigError(
            f"{option('decoding', name)}: {fixed[0]} does not combine; combine {', '.join(first)} and {last}"
        )
    values = {key: value for strategy in found for key, value in strategy.values().items()}
    return Strategy("+".join(strategy.name for strategy in found), sample=True, **values)


def _choices() -> str:
    return f"{', '.join(STRATEGIES)}, all, or stochastic ones joined as top-k+nucleus"
