"""Plan fleets: runs that share their batches train together, grouped by layers, similar rank and size."""

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
    """Return fleets of at most ``size`` runs each, and at least ``at_least`` fleets if there are enough runs.

    Runs of a fleet differ only in the options that each run may have for itself. A fleet pads its adapters to the
    largest rank of each layer, so runs are grouped with others that adapt the same layers, then of similar rank, then
    of similar size. A run that trains
    all weights has no adapter and runs alone.
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
        # Even sizes: a last fleet of one run would take nearly as long as a full one.
        ends = [round(len(names) * (number + 1) / count) for number in range(count)]
        fleets += [names[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return fleets


def _weight(options: TrainOptions, config: GPT2Config) -> tuple[list[str], int, int]:
    """Return the linear layers of a block that an adapter has, its largest rank at one, and its parameters.

    The layers come first: a fleet computes each layer that one of its adapters has for all of them.
    """
    spec = adapter_spec(options)
    assert spec is not None, options
    by_site: dict[str, int] = {}
    for name in spec.targets:
        site = describe_target(config, name).site
        by_site[site] = by_site.get(site, 0) + spec.rank
    return sorted(by_site), max(by_site.values()), trainable_parameters(config, spec.targets, spec.rank)
