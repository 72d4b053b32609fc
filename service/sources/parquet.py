"""Parquet, by pyarrow; nulls are nothing, columns of JSON are parsed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from service.source import (
    SPACE_KEY,
    Columns,
    Source,
    SourceInvalid,
    SourceRow,
    check_columns,
    row_of,
)

SUFFIX = ".parquet"
BATCH_ROWS = 1024
BUFFER_BYTES = 1 << 20  # without it a column of a row group is read whole
STRING_BYTES_MAX = COUNT_MAX = 16 << 20  # of what describes the file
kind = "a table that ends in .parquet"
media_types = {"application/vnd.apache.parquet": SUFFIX}


def recognises(path: Path) -> bool:
    """Tell by the file's name."""
    return path.is_file() and path.suffix.lower() == SUFFIX


def read(path: Path, columns: Columns) -> Source:
    """Open a table."""
    import pyarrow  # noqa: PLC0415 - half a second that other sources need not wait
    import pyarrow.parquet  # noqa: PLC0415

    try:
        file = pyarrow.parquet.ParquetFile(
            path,
            buffer_size=BUFFER_BYTES,
            pre_buffer=False,
            thrift_string_size_limit=STRING_BYTES_MAX,
            thrift_container_size_limit=COUNT_MAX,
        )
    except (pyarrow.ArrowException, OSError) as error:
        raise SourceInvalid(f"{path} is not Parquet: {error}") from error
    check_columns(file.schema_arrow.names, columns, path)

    def rows() -> Iterator[SourceRow]:
        number = 0
        try:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
                names = batch.schema.names
                values = [
                    _vectors(one) if name == columns.vector else _values(one)
                    for name, one in zip(names, batch.columns, strict=True)
                ]
                for row in zip(*values, strict=True):
                    number += 1
                    given = {n: v for n, v in zip(names, row, strict=True) if v is not None}
                    yield row_of(f"row {number}", number, given, columns)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            # Damaged, or of a type that Python has not, such as moments in nanoseconds.
            raise SourceInvalid(f"{path} cannot be read after row {number}: {error}") from error

    space = (file.schema_arrow.metadata or {}).get(SPACE_KEY)
    return Source(rows(), file.metadata.num_rows, None if space is None else space.decode())


def _values(column: Any) -> list[Any]:
    """Return the values of a column as Python has them; JSON as what it says."""
    import pyarrow  # noqa: PLC0415 - is loaded by now

    values: list[Any] = column.to_pylist()
    if isinstance(column.type, pyarrow.JsonType):
        return [None if one is None else orjson.loads(one) for one in values]
    return values


def _vectors(column: Any) -> list[Any]:
    """Return the vectors of a column: arrays of numbers, where it is one of lists of them."""
    import pyarrow.types as kinds  # noqa: PLC0415 - is loaded by now

    kind = column.type
    is_list = kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)
    if not is_list or not (kinds.is_floating(kind.value_type) or kinds.is_integer(kind.value_type)):
        return _values(column)
    found: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
    return found
