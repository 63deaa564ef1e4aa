"""Options of ``sweep`` and ``reproduce``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from squadron.languages import LANGUAGES, Language
from squadron.options.base import MOST, Count, Options, Place, Positive, Seed, Size, with_whole_test_split
from squadron.options.core import NORMALIZE
from squadron.options.particulars import Particulars
from squadron.options.runs import By
from squadron.scoring.metrics import Normalization


class SweepSettings(Options):
    """Options that ``sweep`` and ``reproduce`` share."""

    base: Place = Field(description="Base model: pocket, a checkpoint folder, or a hub id: gpt2, or ID@REVISION.")
    dataset: Place = Field(
        description="Data set: a folder that `prepare` made, or pocket, squad, a hub id or a file to prepare in --out."
    )
    out: Place = Field(description="Sweep folder to create.")
    seeds: Positive | None = Field(
        None, description="Number of seeds to repeat each run with. Default: the configuration's, else 1."
    )
    halving: Annotated[int, Field(ge=2, le=MOST)] | None = Field(
        None,
        description="Successive halving: after a few epochs only the best 1/N of the runs continue. Default: all do.",
    )
    by: By = Field(
        "f1",
        description="Metric that ranks the runs, and by which --halving, a search and `best:` choose: f1, exact_match "
        "or p_gold, the probability of the gold answers.",
    )
    fleet_size: Positive | None = Field(
        None, description="Most runs to train together. Default: what is fastest, if it fits in memory."
    )
    engine: Literal["local", "ray"] = Field(
        "local", description="Where fleets run: local (this machine) or ray (a Ray cluster)."
    )
    ray_address: str | None = Field(
        None,
        description="Ray cluster: auto (the one started here by `ray start`) or HOST:PORT. Default: a new local one.",
    )
    gpus_per_fleet: Annotated[float, Field(ge=0)] | None = Field(
        None, description="GPUs that Ray reserves per fleet. Default: 1 if the cluster has any, else 0."
    )
    cpus_per_fleet: Annotated[float, Field(gt=0)] | None = Field(
        None, description="CPU cores that Ray reserves per fleet. Default: 1."
    )
    seed: Seed | None = Field(  # type: ignore[assignment]
        None, description="Seed of all random draws. Default: the configuration's, else 0."
    )
    train_size: Size | None = Field(
        None, description="Number of training questions, or all. Default: the configuration's."
    )
    val_size: Count | None = Field(None, description="Number of validation questions. Default: the configuration's.")
    test_size: Size | None = Field(
        None,
        description="Number of test questions, from the data of all others unless --test-split is given. Default: the "
        "configuration's; with --test-split all of it.",
    )
    test_split: str | None = Field(
        None,
        description="Split that the test questions are of: official (SQuAD's development set) or a name. Default: the "
        "configuration's (paper: official), else the one that all are drawn from.",
    )
    hub_config: str | None = Field(
        None, description="Configuration of a hub data set. Default: its default one, or the only one."
    )
    columns: str | None = Field(
        None,
        description="Columns of rows that name their fields otherwise, as context=passage,question=query. Default: "
        "the fields' own names.",
    )
    epochs: Positive | None = Field(
        None, description="Number of passes over the training questions. Default: the configuration's."
    )

    normalize: Normalization | None = Field(
        None, description=f"{NORMALIZE} Default: the configuration's, else official."
    )

    @model_validator(mode="before")
    @classmethod
    def _all_of_the_test_split(cls, given: Any) -> Any:
        return with_whole_test_split(given)


class SweepOptions(SweepSettings):
    """Options of ``sweep``."""

    config: Place = Field(
        description="Configuration of the runs: a YAML file, quick or paper.", json_schema_extra={"argument": True}
    )


class ReproduceOptions(Particulars, SweepSettings):
    """Options of ``reproduce``; the study keeps the particulars of its reports."""

    preset: Literal["quick", "paper"] = Field(
        "quick", description="Size of the study: quick (three runs) or paper (75 runs)."
    )
    languages: tuple[Language, ...] = Field(LANGUAGES, description="Languages of the reports.")
    formats: tuple[Literal["html", "pdf"], ...] = Field(("html", "pdf"), description="Formats of the reports.")
