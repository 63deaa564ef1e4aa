"""Read the rows of a parquet file, in small batches and on one thread.

Reading a whole table at once would allocate whatever memory the file's metadata claims, and pyarrow's threads can crash
the process while an error is being handled. This reader bounds the memory and uses no threads.
"""

from __future__ import annotations

import io
from typing import Any

from squadron.errors import DataError

MOST_ROWS = 10_000_000
MOST_BYTES = 4 * 2**30
"""Limit on all rows, decompressed. SQuAD's 87,599 training questions have 80 MB."""
_BATCH = 256
"""Rows decompressed at once: dictionary encoding may store one long text for many rows."""


def read_parquet(data: bytes, source: str) -> list[dict[str, Any]]:
    """Return the rows of a parquet file. Raises :class:`DataError`, naming ``source``, if damaged or too large."""
    import pyarrow.parquet

    rows: list[dict[str, Any]] = []
    try:
        with pyarrow.parquet.ParquetFile(io.BytesIO(data), pre_buffer=False) as file:
            _check_sizes(file.metadata, source)
            size = 0
            for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
                batch.validate(full=True)
                size += batch.nbytes
                if size > MOST_BYTES or len(rows) > MOST_ROWS:
                    raise DataError(f"{source}: its rows unpack to more than {MOST_BYTES:,} bytes; split the file")
                rows += _batch_rows(batch, source)
    except DataError:
        raise
    except Exception as problem:  # pyarrow raises many types: its own and Python's
        first = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise DataError(f"{source}: the parquet file is truncated or damaged ({first}); fetch it again") from None
    return rows


def _batch_rows(batch: Any, source: str) -> list[dict[str, Any]]:
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            columns[name] = column.to_pylist()
        except Exception as problem:  # text, dates and time zones raise different types
            first = (str(problem).splitlines() or [type(problem).__name__])[0]
            raise DataError(
                f"{source}: column {name!r} of the parquet file cannot be read ({type(problem).__name__}: {first}); "
                f"fetch it again, or leave the column out"
            ) from None
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _check_sizes(metadata: Any, source: str) -> None:
    """Raise :class:`DataError` if the file's metadata gives impossible sizes or sizes above the limits."""
    sizes = [metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)]
    if not 0 <= metadata.num_rows <= MOST_ROWS:
        raise DataError(f"{source}: claims {metadata.num_rows:,} rows; at most {MOST_ROWS:,} are read; split the file")
    if min(sizes, default=0) < 0 or sum(sizes) > MOST_BYTES:
        raise DataError(
            f"{source}: claims that its rows unpack to {sum(sizes):,} bytes; at most {MOST_BYTES:,} are read; "
            f"split the file"
        )
