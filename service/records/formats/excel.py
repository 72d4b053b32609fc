"""Workbooks of Excel, by openpyxl (extra `excel`): the first sheet, its first row the header."""

import re
import zipfile
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

suffixes: tuple[str, ...] = (".xlsx",)
ROWS_A_LOOK = 1000
CELL_CHARACTERS_MAX = 32_767  # of Excel itself
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def read(path: Path, bounds: Bounds, told: Mapping[str, str]) -> Table:
    """Read the first sheet; of a formula, the value that was last computed."""
    openpyxl = _openpyxl()
    _check_unpacked(path, bounds)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except Exception as error:  # whatever it raises of a damaged file
        raise TableInvalid(f"{path} is no workbook that can be read: {error}") from error
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its size need not be so
        rows = sheet.iter_rows(values_only=True)
        return _read(path, rows, bounds)
    except TableInvalid:
        raise
    except Exception as error:
        raise TableInvalid(f"{path} is damaged: {error}") from error
    finally:
        book.close()


def _read(path: Path, rows: Iterator[Sequence[Any]], bounds: Bounds) -> Table:
    header = _trimmed(next(rows, ()))
    names = [str(name) if isinstance(name, int | float) else name for name in header]
    check_names(names, path)
    columns: list[list[Any]] = [[] for _ in names]
    numbers: list[int] = []
    table = Table(path.name, {}, numbers, "row")
    for number, row in enumerate(rows, start=2):
        cells = _trimmed(row)
        if not cells:
            continue
        cells = [*cells, *([None] * (len(names) - len(cells)))]
        if len(cells) > len(names):
            reason = f"{len(cells)} cells; the header has {len(names)}"
            table.refused.append(Refused(f"row {number}", None, reason, shown(cells)))
            continue
        long = too_long(names, cells, bounds)
        if long is not None:
            reason = (
                f"the cell has more than {bounds.cell_characters_max} characters "
                "(SEMBLANCE_CELL_CHARACTERS_MAX)"
            )
            table.refused.append(Refused(f"row {number}", long, reason, shown(cells)))
            continue
        numbers.append(number)
        for column, cell in zip(columns, cells, strict=True):
            column.append(None if cell == "" else cell)
        if len(numbers) % ROWS_A_LOOK == 0:
            check_cells(len(numbers), len(names), path, bounds)
    table.columns = dict(zip(names, columns, strict=True))
    return table


def _trimmed(row: Sequence[Any]) -> list[Any]:
    """Leave out the empty cells behind the last one."""
    cells = list(row)
    while cells and cells[-1] in (None, ""):
        cells.pop()
    return cells


def _check_unpacked(path: Path, bounds: Bounds) -> None:
    """Refuse a file that unpacks to more than a table may have."""
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(one.file_size for one in packed.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise TableInvalid(f"{path} is no workbook (.xlsx): {error}") from error
    if size > bounds.bytes_max:
        raise TableInvalid(
            f"{path} unpacks to {size} bytes; the limit is {bounds.bytes_max} "
            "(SEMBLANCE_TABLE_BYTES_MAX)"
        )


def write(path: Path, names: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    """Write one sheet; a text is written as a text, whatever it begins with."""
    openpyxl = _openpyxl()
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - is there by now

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("linked")

    def cell_of(value: Any) -> Any:
        if not isinstance(value, str | bytes | list | dict | tuple):
            return value
        text = value if isinstance(value, str) else str(value)
        cell = WriteOnlyCell(sheet, CONTROLS.sub(" ", text)[:CELL_CHARACTERS_MAX])
        cell.data_type = "s"
        return cell

    sheet.append([cell_of(name) for name in names])
    for row in rows:
        sheet.append([cell_of(value) for value in row])
    book.save(path)


def _openpyxl() -> Any:
    try:
        import openpyxl  # noqa: PLC0415 - an extra
    except ImportError:
        raise TableInvalid(
            "workbooks are read by openpyxl, which is not installed: "
            "`pip install 'semblance[excel]'`, or save the table as CSV"
        ) from None
    return openpyxl
