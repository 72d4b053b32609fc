"""Tables of records: read from a file or made of objects, with what was refused and why.

One module of `service/records/formats/` is one kind of file. Cells are strings, numbers, dates,
bytes or lists of numbers; an empty cell is None. Rows that cannot stand are told by their place,
with what they hold, and all others are read.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from service.records import formats
from service.settings import Settings

SHOWN_CHARACTERS = 200  # of a cell, where a refused row is told


class TableInvalid(ValueError):
    """A table as a whole cannot be read; the message names it, and says what would help."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a table may have.

    Args:
        bytes_max: of its file; of a packed one, of what is in it.
        cells_max: rows times columns.
        cell_characters_max: of one cell; a row with a longer one is refused.
    """

    bytes_max: int = 4 << 30
    cells_max: int = 50_000_000
    cell_characters_max: int = 100_000

    @classmethod
    def of(cls, settings: Settings) -> "Bounds":
        """Return the bounds that are set."""
        return cls(settings.table_bytes_max, settings.table_cells_max, settings.cell_characters_max)


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot stand.

    Args:
        place: of the row: `line 17`.
        column: at fault; None where it is the row as a whole.
        cells: what the row holds, long cells cut.
    """

    place: str
    column: str | None
    reason: str
    cells: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """Write it as JSON has it."""
        return {
            "place": self.place,
            "column": self.column,
            "reason": self.reason,
            "cells": list(self.cells),
        }


@dataclass(slots=True)
class Table:
    """Records by column.

    Args:
        name: what messages call it.
        columns: cells by column, all of one length; None is an empty cell.
        numbers: where each row stands in its source.
        unit: what those numbers count: `line`, `row`, `record`.
        refused: rows of the source that are not among these.
        notes: what was found out and not told: an encoding, a delimiter.
    """

    name: str
    columns: dict[str, list[Any]]
    numbers: Sequence[int]
    unit: str = "record"
    refused: list[Refused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, records: object, name: str = "table") -> "Table":
        """Make a table of a list of objects, or of a table of pyarrow (anything with `to_pydict`).

        >>> Table.of([{"name": "Acme"}, {"city": "Oslo"}]).columns
        {'name': ['Acme', None], 'city': [None, 'Oslo']}

        Raises:
            TableInvalid: it is neither.
        """
        if isinstance(records, Table):
            return records
        as_columns = getattr(records, "to_pydict", None)
        if as_columns is not None:
            columns = {str(column): list(cells) for column, cells in as_columns().items()}
            rows = len(next(iter(columns.values()), []))
            return cls(name, columns, range(rows))
        listed = list(records) if isinstance(records, Iterable) else None
        if listed is None or not all(isinstance(one, Mapping) for one in listed):
            raise TableInvalid(f"{name} is neither a list of objects nor a table of pyarrow")
        names = dict.fromkeys(str(column) for one in listed for column in one)
        return cls(
            name,
            {column: [one.get(column) for one in listed] for column in names},
            range(len(listed)),
        )

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return list(self.columns)

    def place(self, row: int) -> str:
        """Tell where a row stands in its source: `line 17`."""
        return f"{self.unit} {self.numbers[row]}"

    def record(self, row: int) -> dict[str, Any]:
        """Return a row as an object."""
        return {name: cells[row] for name, cells in self.columns.items()}

    def column(self, name: str) -> list[Any]:
        """Return the cells of a column.

        Raises:
            TableInvalid: there is none of that name.
        """
        try:
            return self.columns[name]
        except KeyError:
            has = ", ".join(map(repr, self.columns)) or "none"
            raise TableInvalid(f"{self.name} has no column {name!r}; it has {has}") from None

    def renamed(self, names: Mapping[str, str]) -> "Table":
        """Return the table with some columns under other names, in the place of others of these."""
        columns = {
            names.get(name, name): cells
            for name, cells in self.columns.items()
            if name in names or name not in names.values()
        }
        return Table(self.name, columns, self.numbers, self.unit, self.refused, self.notes)

    def without(self, rows: Mapping[int, tuple[str | None, str]]) -> "Table":
        """Return the table without some rows, which are refused for a column and a reason."""
        if not rows:
            return self
        kept = [row for row in range(len(self)) if row not in rows]
        refused = [
            Refused(self.place(row), column, reason, shown(self.record(row).values()))
            for row, (column, reason) in sorted(rows.items())
        ]
        columns = {name: [cells[row] for row in kept] for name, cells in self.columns.items()}
        numbers = [self.numbers[row] for row in kept]
        return Table(self.name, columns, numbers, self.unit, [*self.refused, *refused], self.notes)

    def keyed(self, column: str) -> "Table":
        """Return the table with each value of a column once: the first of each stays.

        Raises:
            TableInvalid: there is no such column.
        """
        seen: dict[object, int] = {}
        wrong: dict[int, tuple[str | None, str]] = {}
        for row, cell in enumerate(self.column(column)):
            if cell is None or isinstance(cell, list):
                wrong[row] = column, "the id is empty" if cell is None else "the id is a list"
            elif (first := seen.setdefault(cell, row)) != row:
                wrong[row] = column, f"the id {cell!r} stands at {self.place(first)} already"
        return self.without(wrong)


class Format(Protocol):
    """One kind of file; a module of `service/records/formats/`."""

    suffixes: tuple[str, ...]

    def read(self, path: Path, bounds: Bounds, told: Mapping[str, str]) -> Table:
        """Read a file.

        Args:
            told: `encoding` or `delimiter`, where they are not to be found out.

        Raises:
            TableInvalid, OSError.
        """
        ...

    def write(self, path: Path, names: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
        """Write a file, so that no program that opens it runs what a cell holds."""
        ...


def read_table(
    path: Path,
    bounds: Bounds | None = None,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Table:
    """Read a table by the kind of its file: `.csv`, `.tsv`, `.parquet`, `.xlsx`.

    Args:
        encoding: of a file of text; None: found out, and noted.
        delimiter: of a file of text; None: found out.

    Raises:
        TableInvalid: it is of no known kind, cannot be read, or is too large.
    """
    bounds = bounds or Bounds()
    if not path.is_file():
        raise TableInvalid(f"{path} is no file")
    size = path.stat().st_size
    if size > bounds.bytes_max:
        raise TableInvalid(
            f"{path} has {size} bytes; the limit is {bounds.bytes_max} "
            "(SEMBLANCE_TABLE_BYTES_MAX): split it"
        )
    given = {"encoding": encoding, "delimiter": delimiter}
    told = {name: value for name, value in given.items() if value is not None}
    return format_of(path).read(path, bounds, told)


def write_table(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows of cells, in the order of the columns' names, as the kind of file that is named.

    Raises:
        TableInvalid: the file's name ends in no known kind.
        OSError: it cannot be written.
    """
    format_of(path).write(path, names, iter(rows))


def format_of(path: Path) -> Format:
    """Find the kind of a file by its name.

    Raises:
        TableInvalid: it is of none that is known.
    """
    found = [
        cast(Format, importlib.import_module(f"{formats.__name__}.{module.name}"))
        for module in pkgutil.iter_modules(formats.__path__)
    ]
    for one in found:
        if path.suffix.lower() in one.suffixes:
            return one
    known = ", ".join(suffix for one in found for suffix in one.suffixes)
    raise TableInvalid(f"{path} is of no kind that is read or written here: {known}")


def check_names(names: Sequence[object], path: Path) -> None:
    """Refuse a header whose columns cannot be told apart.

    Raises:
        TableInvalid: naming the column.
    """
    if not names:
        raise TableInvalid(f"{path} is empty: its first row names the columns")
    for number, name in enumerate(names, start=1):
        if not isinstance(name, str) or not name.strip():
            raise TableInvalid(f"{path}: column {number} has no name in the first row")
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise TableInvalid(f"{path} has two columns {', '.join(map(repr, twice))}: rename one")


def check_cells(rows: int, columns: int, path: Path, bounds: Bounds) -> None:
    """Refuse a table of too many cells.

    Raises:
        TableInvalid: naming the limit.
    """
    if rows * columns > bounds.cells_max:
        raise TableInvalid(
            f"{path} has more than {bounds.cells_max} cells, {columns} in a row "
            "(SEMBLANCE_TABLE_CELLS_MAX): split it, or leave columns out"
        )


def too_long(names: Sequence[str], cells: Sequence[object], bounds: Bounds) -> str | None:
    """Return the first column whose cell has too many characters or bytes."""
    limit = bounds.cell_characters_max
    for name, cell in zip(names, cells, strict=True):
        if isinstance(cell, str | bytes) and len(cell) > limit:
            return name
    return None


def shown(cells: Iterable[object]) -> tuple[str, ...]:
    """Word the cells of a refused row, each cut to its first 200 characters."""
    return tuple(
        "" if cell is None else str(cell)[:SHOWN_CHARACTERS].encode(errors="replace").decode()
        for cell in cells
    )
