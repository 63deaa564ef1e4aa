"""Options of ``sweep`` and ``reproduce``: each one's type, default, limits, unit, and the text of its help, once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from squadron.languages import LANGUAGES, Language
from squadron.options.core import MOST, Count, Options, Place, Positive, Seed


class SweepSettings(Options):
    """Options that ``sweep`` and ``reproduce`` share."""

    base: Place = Field(description="Base model: pocket, a checkpoint folder, or a hub id such as gpt2.")
    dataset: Place = Field(
        description="Questions: a folder that `prepare` made; or pocket, squad, a hub id or a file, prepared in --out."
    )
    out: Place = Field(description="Sweep folder to make.")
    seeds: Positive | None = Field(None, description="Repeat each run with so many seeds, as replicates.")
    halving: Annotated[int, Field(ge=2, le=MOST)] | None = Field(
        None, description="Successive halving: after few epochs only the best 1/N of the runs go on. Default: all do."
    )
    fleet_size: Positive | None = Field(
        None, description="Most runs that train together. Default: what the memory holds, measured."
    )
    engine: Literal["local", "ray"] = Field("local", description="Where fleets run: this machine, or a Ray cluster.")
    ray_address: str | None = Field(
        None, description="Ray cluster: auto (the one that `ray start` made here) or HOST:PORT. Default: a local one."
    )
    gpus_per_fleet: Annotated[float, Field(ge=0)] | None = Field(
        None, description="GPUs that Ray sets aside for a fleet. Default: 1 where the cluster has any, else 0."
    )
    cpus_per_fleet: Annotated[float, Field(gt=0)] | None = Field(
        None, description="CPU cores that Ray sets aside for a fleet. Default: 1."
    )
    seed: Seed | None = Field(  # type: ignore[assignment]
        None, description="Seed of everything random. Default: the configuration's, else 0."
    )
    train_size: Count | None = Field(None, description="Questions to train on. Default: the configuration's.")
    val_size: Count | None = Field(None, description="Questions to validate on. Default: the configuration's.")
    test_size: Count | None = Field(None, description="Questions to test on. Default: the configuration's.")
    epochs: Positive | None = Field(
        None, description="Passes over the training questions. Default: the configuration's."
    )


class SweepOptions(SweepSettings):
    """Options of ``sweep``."""

    config: Place = Field(
        description="Configuration of the runs: a YAML file, or quick or paper.", json_schema_extra={"argument": True}
    )


class ReproduceOptions(SweepSettings):
    """Options of ``reproduce``."""

    preset: Literal["quick", "paper"] = Field("quick", description="quick, a small study; or paper, its 75 runs.")
    languages: tuple[Language, ...] = Field(LANGUAGES, description="Languages of the reports.")
    formats: tuple[Literal["html", "pdf"], ...] = Field(("html", "pdf"), description="Formats of the reports.")
