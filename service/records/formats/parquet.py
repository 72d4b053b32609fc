"""Parquet, by pyarrow; nulls are empty cells."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from service.records.tables import (
    Bounds,
    Refused,
    Table,
    TableInvalid,
    check_cells,
    check_names,
    shown,
    too_long,
)

suffixes: tuple[str, ...] = (".parquet",)
BATCH_ROWS = 4096
BUFFER_BYTES = 1 << 20
DESCRIPTION_MAX = 16 << 20  # bytes, and entries, of what describes the file
WRITE_ROWS = 50_000


def read(path: Path, bounds: Bounds, told: Mapping[str, str]) -> Table:
    """Read a table; rows with a cell that is too long are refused."""
    import pyarrow  # noqa: PLC0415 - half a second that other kinds need not wait
    import pyarrow.parquet  # noqa: PLC0415

    try:
        file = pyarrow.parquet.ParquetFile(
            path,
            buffer_size=BUFFER_BYTES,
            pre_buffer=False,
            thrift_string_size_limit=DESCRIPTION_MAX,
            thrift_container_size_limit=DESCRIPTION_MAX,
        )
    except (pyarrow.ArrowException, OSError) as error:
        raise TableInvalid(f"{path} is not Parquet: {error}") from error
    names = file.schema_arrow.names
    check_names(names, path)
    check_cells(file.metadata.num_rows, len(names), path, bounds)
    table = Table(path.name, {name: [] for name in names}, [], "row")
    numbers: list[int] = []
    seen = 0
    try:
        for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                seen += 1
                _add(table, numbers, seen, row, bounds)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise TableInvalid(f"{path} cannot be read after row {seen}: {error}") from error
    table.numbers = numbers
    return table


def _add(table: Table, numbers: list[int], number: int, row: Sequence[Any], bounds: Bounds) -> None:
    long = too_long(table.names, row, bounds)
    if long is not None:
        reason = (
            f"the cell has more than {bounds.cell_characters_max} characters "
            "(SEMBLANCE_CELL_CHARACTERS_MAX)"
        )
        table.refused.append(Refused(f"row {number}", long, reason, shown(row)))
        return
    numbers.append(number)
    for cells, cell in zip(table.columns.values(), row, strict=True):
        cells.append(None if cell == "" else cell)


def write(path: Path, names: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    """Write a table; a column of cells of several kinds becomes one of texts."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.parquet as pq  # noqa: PLC0415

    columns: list[list[Any]] = [[] for _ in names]
    for row in rows:
        for column, cell in zip(columns, row, strict=True):
            column.append(cell)
    arrays = []
    for column in columns:
        try:
            arrays.append(pa.array(column))
        except (pa.ArrowException, OverflowError):
            arrays.append(pa.array([None if one is None else str(one) for one in column]))
    table = pa.Table.from_arrays(arrays, names=list(names))
    pq.write_table(table, path, row_group_size=WRITE_ROWS)
