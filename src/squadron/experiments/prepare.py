"""Prepare a folder of splits from a data source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from squadron.data.columns import parse_columns
from squadron.data.prepared import LAYOUT, write_prepared
from squadron.data.sources import load_data
from squadron.data.splits import SPLITS, split_dataset
from squadron.data.squad import Dataset
from squadron.errors import DataError, option
from squadron.files import atomic_folder
from squadron.options.core import PrepareOptions
from squadron.ownership import refuse_foreign, refuse_inputs_inside
from squadron.pocket.base import NAME as POCKET
from squadron.pocket.world import make_splits
from squadron.temporaries import sweep_leftovers

_NOT_RECORDED = {"out", "replace", "offline", "strict", "device", "precision", "max_bytes"}
"""Options that change nothing in the folder."""
_LATER = ("split_contexts", "test_split", "hub_config", "columns")
"""Options that were added after the first folders, which are recorded if they are given."""


def _draw_splits(options: PrepareOptions) -> tuple[Dataset, dict[str, Dataset]]:
    """Return the data set and its splits; the pocket world generates its own splits."""
    if options.dataset == POCKET:
        if options.split_by != "paragraph":
            raise DataError(
                f"{option('split_by', options.split_by)}: the pocket world makes its own splits; leave it out"
            )
        for name in ("test_split", "hub_config", "columns"):
            if (value := getattr(options, name)) is not None:
                raise DataError(f"{option(name, value)}: the pocket world makes its own splits; leave it out")
        train, test = options.train_size, options.test_size
        if train == "all" or test == "all":
            raise DataError(f"{option('train_size', 'all')}: the pocket world has no end; give a number")
        splits = make_splits(train=train, validation=options.val_size, test=test, seed=options.seed)
        whole = tuple(paragraph for split in splits.values() for paragraph in split.paragraphs)
        return Dataset(whole, "1.1", POCKET), splits
    columns = parse_columns(options.columns)
    source, official = (
        None
        if split is None
        else load_data(
            options.dataset,
            split=split,
            config=options.hub_config,
            columns=columns,
            offline=options.offline,
            strict=options.strict,
            max_bytes=options.max_bytes,
            split_contexts=options.split_contexts,
            subject=option("dataset", options.dataset),
        )
        for split in (options.hub_split, options.test_split)
    )
    assert source is not None
    return source, split_dataset(
        source,
        train=options.train_size,
        validation=options.val_size,
        test=options.test_size,
        by=options.split_by,
        seed=options.seed,
        official=official,
    )


def prepare(options: PrepareOptions) -> dict[str, Any]:
    """Make the folder of splits; return its contents.

    The folder appears whole or not at all. Raises :class:`DataError` for unusable data, for splits larger than the
    data, and for a folder that is not empty, unless ``replace`` is set.
    """
    out = Path(options.out)
    if out.exists() and not out.is_dir():
        raise DataError(f"{option('out', out)}: a file; give a folder")
    sweep_leftovers(out)
    if out.is_dir() and any(out.iterdir()):
        if not options.replace:
            raise DataError(f"{option('out', out)}: not empty; add {option('replace', True)}, or choose another folder")
        refuse_inputs_inside(out, {option("dataset", options.dataset): options.dataset})
        refuse_foreign(out, LAYOUT, error=DataError)
    source, splits = _draw_splits(options)
    left_out = _NOT_RECORDED | {name for name in _LATER if not getattr(options, name)}
    settings = options.model_dump(mode="json", exclude=left_out)
    with atomic_folder(out, replace=options.replace) as fresh:
        write_prepared(fresh, splits, source, settings)
        if out.is_dir():
            refuse_foreign(out, LAYOUT, error=DataError)  # files may have been added meanwhile
    return {
        "data": str(out),
        "source": source.source,
        "version": source.version,
        "questions": len(source),
        "paragraphs": len(source.paragraphs),
        "set_aside": [str(finding) for finding in source.set_aside],
        "repaired": [str(finding) for finding in source.repaired],
        "summary": source.summary(),
        "splits": {
            name: {"questions": len(splits[name]), "paragraphs": len(splits[name].paragraphs)} for name in SPLITS
        },
        "hub": {name: dict(hub) for name in SPLITS if (hub := splits[name].hub)},
    }
