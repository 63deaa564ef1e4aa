"""Successive halving (Jamieson and Talwalkar, 2016): after a few epochs only the best 1/N of the runs continue.

A rung is an epoch after which runs are compared on the validation questions: by the two metrics that rank the sweep's
runs (:func:`squadron.runs.ranking.ranking_metrics`), then by loss. The decision is written once. A run that reaches the
rung later, because it had failed before, is compared with the worst run that was kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from squadron.errors import ConfigError, option
from squadron.files import write_json
from squadron.options.runs import METRICS, By
from squadron.runs.ranking import ranking_metrics
from squadron.runs.reader import RungFile
from squadron.runs.sweep_folder import SweepFolder

Standing = tuple[float, float, float]
"""The two ranking metrics in points, and the negative loss: higher is better."""


def rung_epochs(epochs: Iterable[int], runs: int, factor: int) -> tuple[int, ...]:
    """Return the epochs after which runs are dropped; ``epochs`` are those of each of the ``runs`` runs.

    Raises :class:`ConfigError` if the runs differ in length, or there are too few runs or epochs to drop any.
    """
    lengths = sorted(set(epochs))
    if len(lengths) > 1:
        raise ConfigError(
            f"{option('halving', factor)}: the runs have {lengths} epochs; give all the same to compare them"
        )
    found: list[int] = []
    rounds = int(math.log(runs, factor) + 1e-9)
    for number in range(1, rounds + 1):
        epoch = math.ceil(lengths[0] / factor**number)
        if epoch < lengths[0] and epoch not in found:
            found.append(epoch)
    if not found:
        raise ConfigError(
            f"{option('halving', factor)}: {runs} runs of {lengths[0]} epochs leave nothing to drop; "
            f"give more runs or epochs, or leave it out"
        )
    return tuple(sorted(found))


def standing(metrics: Sequence[Mapping[str, Any]], step: int, by: By = "f1") -> Standing | None:
    """Return the standing of a run after ``step``; None if it has not reached that step."""
    line = next((line for line in metrics if line["step"] == step and "validation_loss" in line), None)
    if line is None:
        return None
    loss = line["validation_loss"]
    first, second = (line[f"validation_{metric}"] for metric in ranking_metrics(by))
    return first, second, -math.inf if loss is None else -loss


def decide(folder: SweepFolder, epoch: int, standings: Mapping[str, Standing], factor: int) -> None:
    """Write which of the runs that reached the rung continue, unless that is decided already."""
    path = folder.rung_path(epoch)
    if path.is_file() or not standings:
        return
    order = sorted(standings, key=lambda run: (*(-value for value in standings[run]), run))
    count = math.ceil(len(order) / factor)
    worst = standings[order[count - 1]]
    # JSON has no infinity.
    threshold = [value if math.isfinite(value) else None for value in worst]
    write_json(path, {"epoch": epoch, "threshold": threshold, "runs": len(order), "kept": order[:count]})


def drop_reason(folder: SweepFolder, epoch: int, run: str, own: Standing, by: By = "f1") -> str | None:
    """Return why a run is dropped after the epoch; None if it continues."""
    decision = RungFile.read(folder.rung_path(epoch))
    first, second, loss = decision.threshold
    if run in decision.kept or own > (first, second, -math.inf if loss is None else loss):
        return None
    names = [METRICS[metric] for metric in ranking_metrics(by)]
    shown = ", ".join(f"{name} {value:.1f}" for name, value in zip(names, own[:2], strict=True))
    return (
        f"dropped after epoch {epoch} by --halving: {shown} on the validation questions, "
        f"the best {len(decision.kept)} of {decision.runs} had {names[0]} {first:.1f} or more"
    )
