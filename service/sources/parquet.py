"""Parquet, by pyarrow; nulls are nothing."""

from collections.abc import Iterator
from pathlib import Path

from service.source import Columns, Source, SourceInvalid, SourceRow, check_columns, row_of

SUFFIX = ".parquet"
kind = "a table that ends in .parquet"


def recognises(path: Path) -> bool:
    """Tell by the file's name."""
    return path.is_file() and path.suffix.lower() == SUFFIX


def read(path: Path, columns: Columns) -> Source:
    """Open a table."""
    import pyarrow  # noqa: PLC0415 - half a second that other sources need not wait
    import pyarrow.parquet  # noqa: PLC0415

    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise SourceInvalid(f"{path} is not Parquet: {error}") from error
    check_columns(file.schema_arrow.names, columns, path)

    def rows() -> Iterator[SourceRow]:
        number = 0
        try:
            for batch in file.iter_batches(batch_size=1024):
                for cells in batch.to_pylist():
                    number += 1
                    given = {name: value for name, value in cells.items() if value is not None}
                    yield row_of(f"row {number}", number, given, columns)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            # Damaged, or of a type that Python has not, such as moments in nanoseconds.
            raise SourceInvalid(f"{path} cannot be read after row {number}: {error}") from error

    return Source(rows(), file.metadata.num_rows)
