"""Options of the verbs that manage run folders: ``runs list``, ``show``, ``compare``, ``prune`` and ``promote``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from squadron.options.base import Options, Place, Positive
from squadron.scoring.metrics import Normalization

By = Literal["f1", "exact_match", "p_gold"]
"""The metrics that can rank runs."""
METRICS: Mapping[By, str] = {"exact_match": "EM", "f1": "F1", "p_gold": "P(gold)"}
"""Their short names."""
_BY = "Metric to rank by: f1, exact_match or p_gold. Default: the sweep's, else f1."


class RunsListOptions(Options):
    """Options of ``runs list``."""

    folder: Place = Field(
        description="Sweep folder, or any folder of run folders.", json_schema_extra={"argument": True}
    )
    split: str | None = Field(None, description="Split whose scores to list. Default: the sweep's, else validation.")
    decoding: str | None = Field(
        None, description="Decoding strategy whose scores to list. Default: the sweep's, else greedy."
    )
    by: By | None = Field(None, description=_BY)
    promote: Place | None = Field(
        None, description="Copy the best run to this folder, as `runs promote` does. Default: do not copy."
    )


class RunsShowOptions(Options):
    """Options of ``runs show``."""

    run: Place = Field(description="Run folder.", json_schema_extra={"argument": True})


class RunsCompareOptions(Options):
    """Options of ``runs compare``."""

    first: Place = Field(description="Run folder, or a sweep's baseline.", json_schema_extra={"argument": True})
    second: Place = Field(description="Run folder to test against the first.", json_schema_extra={"argument": True})
    split: str = Field("validation", description="Split whose predictions to compare.")
    decoding: str = Field("greedy", description="Decoding strategy whose predictions to compare.")
    data: Place | None = Field(
        None, description="Prepared folder or SQuAD file with the questions. Default: the training data of the runs."
    )
    normalize: Normalization | None = Field(
        None,
        description="Normalization to score both by: official or persian. Default: that of their scores, which must "
        "be the same.",
    )


class RunsPruneOptions(Options):
    """Options of ``runs prune``."""

    folder: Place = Field(
        description="Sweep folder, or any folder of run folders.", json_schema_extra={"argument": True}
    )
    keep: Positive | None = Field(
        None, description="Number of best runs to keep; the others lose their weights, not scores and answers."
    )
    checkpoints: bool = Field(False, description="Remove the checkpoints of runs that are done.")
    last: bool = Field(False, description="Remove the last adapter of runs that are done; the best one stays.")
    split: str | None = Field(
        None, description="Split whose scores --keep ranks by. Default: the sweep's, else validation."
    )
    decoding: str | None = Field(
        None, description="Decoding strategy whose scores --keep ranks by. Default: the sweep's, else greedy."
    )
    by: By | None = Field(None, description=_BY)
    yes: bool = Field(False, description="Remove the files. Without this, only list them.")


class RunsPromoteOptions(Options):
    """Options of ``runs promote``."""

    folder: Place = Field(
        description="Sweep folder or folder of run folders, to copy its best run, or one run folder.",
        json_schema_extra={"argument": True},
    )
    out: Place = Field("best-model", description="Folder to create.")
    split: str | None = Field(
        None, description="Split whose scores choose the best run. Default: the sweep's, else validation."
    )
    decoding: str | None = Field(
        None, description="Decoding strategy whose scores choose the best run. Default: the sweep's, else greedy."
    )
    by: By | None = Field(None, description=_BY)
    replace: bool = Field(False, description="Replace an existing run folder in --out.")
