"""Which runs train together: those that share their batches, in fleets of like size and like rank."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from squadron.experiments.trainables import adapter_spec
from squadron.experiments.training_job import shared_options
from squadron.model.config import GPT2Config
from squadron.model.targets import describe_target, trainable_parameters
from squadron.options.core import TrainOptions


def plan_fleets(
    runs: Mapping[str, TrainOptions], config: GPT2Config, *, size: int, at_least: int = 1
) -> list[list[str]]:
    """Fleets of at most ``size`` runs; at least ``at_least`` in all, where there are so many runs.

    Runs of a fleet are alike in all options but those that each has for itself. A fleet pads its adapters to the
    largest rank of each layer, so runs are put beside others of like rank, then of like size. A run that trains all of
    the base's weights has no adapter, and flies alone.
    """
    groups: dict[str, list[str]] = {}
    for name, options in runs.items():
        groups.setdefault(json.dumps(shared_options(options), sort_keys=True), []).append(name)
    fleets: list[list[str]] = []
    for names in groups.values():
        if runs[names[0]].method == "full":
            fleets += [[name] for name in names]
            continue
        names.sort(key=lambda name: (*_weight(runs[name], config), name))
        wanted = math.ceil(at_least * len(names) / len(runs))
        count = min(len(names), max(math.ceil(len(names) / size), wanted))
        # As even as can be: a last fleet of one run would cost nearly as much as a whole one.
        ends = [round(len(names) * (number + 1) / count) for number in range(count)]
        fleets += [names[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return fleets


def _weight(options: TrainOptions, config: GPT2Config) -> tuple[int, int]:
    """The largest rank that an adapter has in one layer, and how many numbers it trains."""
    spec = adapter_spec(options)
    assert spec is not None, options
    by_site: dict[str, int] = {}
    for name in spec.targets:
        site = describe_target(config, name).site
        by_site[site] = by_site.get(site, 0) + spec.rank
    return max(by_site.values()), trainable_parameters(config, spec.targets, spec.rank)
