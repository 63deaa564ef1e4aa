"""Rows out of a parquet file, in small batches and on one thread.

The library's own way to read a whole table takes memory as the file's numbers tell it to, and its threads can end the
process while an error is under way. Here both are bounded.
"""

from __future__ import annotations

import io
from typing import Any

from squadron.errors import DataError

MOST_ROWS = 10_000_000
MOST_BYTES = 4 * 2**30
"""Of all rows, unpacked. SQuAD's 87,599 training questions have 80 MB."""
_BATCH = 256
"""Rows that are unpacked at once: a long text may stand packed once for many rows."""


def read_parquet(data: bytes, source: str) -> list[dict[str, Any]]:
    """The rows of a parquet file. Raises :class:`DataError`, naming ``source``, where it is damaged or too large."""
    import pyarrow.parquet

    rows: list[dict[str, Any]] = []
    try:
        with pyarrow.parquet.ParquetFile(io.BytesIO(data), pre_buffer=False) as file:
            _check_sizes(file.metadata, source)
            taken = 0
            for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
                batch.validate(full=True)
                taken += batch.nbytes
                if taken > MOST_BYTES or len(rows) > MOST_ROWS:
                    raise DataError(f"{source}: its rows unpack to more than {MOST_BYTES:,} bytes; split the file")
                rows += _unpacked(batch, source)
    except DataError:
        raise
    except Exception as problem:  # the library raises many kinds: its own, and some of Python
        first = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise DataError(f"{source}: the parquet file is truncated or damaged ({first}); fetch it again") from None
    return rows


def _unpacked(batch: Any, source: str) -> list[dict[str, Any]]:
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            columns[name] = column.to_pylist()
        except Exception as problem:  # of text, dates and time zones, each its own kind
            first = (str(problem).splitlines() or [type(problem).__name__])[0]
            raise DataError(
                f"{source}: column {name!r} of the parquet file cannot be read ({type(problem).__name__}: {first}); "
                f"fetch it again, or leave the column out"
            ) from None
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _check_sizes(metadata: Any, source: str) -> None:
    """Refuse what the file's own numbers say is too large, or cannot be."""
    sizes = [metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)]
    if not 0 <= metadata.num_rows <= MOST_ROWS:
        raise DataError(f"{source}: says that it has {metadata.num_rows:,} rows; at most {MOST_ROWS:,} are taken")
    if min(sizes, default=0) < 0 or sum(sizes) > MOST_BYTES:
        raise DataError(
            f"{source}: says that its rows unpack to {sum(sizes):,} bytes; at most {MOST_BYTES:,} are taken"
        )
