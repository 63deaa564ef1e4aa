"""Options of the verbs that look after run folders: ``runs list``, ``show``, ``compare``, ``prune`` and ``promote``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from squadron.options.core import Options, Place, Positive

By = Literal["f1", "exact_match"]


class RunsListOptions(Options):
    """Options of ``runs list``."""

    folder: Place = Field(
        description="Sweep folder, or any folder of run folders.", json_schema_extra={"argument": True}
    )
    split: str | None = Field(None, description="Split whose scores are listed. Default: the sweep's, else validation.")
    decoding: str | None = Field(
        None, description="Strategy whose scores are listed. Default: the sweep's, else greedy."
    )
    by: By = Field("f1", description="What the best are best by.")
    promote: Place | None = Field(None, description="Copy the best run to this folder, as `runs promote` does.")


class RunsShowOptions(Options):
    """Options of ``runs show``."""

    run: Place = Field(description="Run folder.", json_schema_extra={"argument": True})


class RunsCompareOptions(Options):
    """Options of ``runs compare``."""

    first: Place = Field(description="Run folder, or a sweep's baseline.", json_schema_extra={"argument": True})
    second: Place = Field(description="The run folder to test against it.", json_schema_extra={"argument": True})
    split: str = Field("validation", description="Split whose predictions are compared.")
    decoding: str = Field("greedy", description="Strategy whose predictions are compared.")
    data: Place | None = Field(
        None, description="Prepared folder or SQuAD file with the questions. Default: what the runs were trained on."
    )


class RunsPruneOptions(Options):
    """Options of ``runs prune``."""

    folder: Place = Field(
        description="Sweep folder, or any folder of run folders.", json_schema_extra={"argument": True}
    )
    keep: Positive | None = Field(
        None, description="Remove the weights of all scored runs but so many of the best; scores and answers stay."
    )
    checkpoints: bool = Field(False, description="Remove the checkpoints of runs that are done.")
    last: bool = Field(False, description="Remove the last adapter of runs that are done; the best one stays.")
    split: str | None = Field(
        None, description="Split by whose scores --keep ranks. Default: the sweep's, else validation."
    )
    decoding: str | None = Field(
        None, description="Strategy by whose scores --keep ranks. Default: the sweep's, else greedy."
    )
    by: By = Field("f1", description="What the best are best by.")
    yes: bool = Field(False, description="Remove it. Without this, only tell what would go.")


class RunsPromoteOptions(Options):
    """Options of ``runs promote``."""

    folder: Place = Field(
        description="Sweep folder or folder of run folders, whose best run is taken, or one run folder.",
        json_schema_extra={"argument": True},
    )
    out: Place = Field("best-model", description="Folder to make.")
    split: str | None = Field(
        None, description="Split by whose scores the best is chosen. Default: the sweep's, else validation."
    )
    decoding: str | None = Field(
        None, description="Strategy by whose scores the best is chosen. Default: the sweep's, else greedy."
    )
    by: By = Field("f1", description="What the best is best by.")
    replace: bool = Field(False, description="Replace the run folder in --out.")
