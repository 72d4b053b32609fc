"""Labelled pairs as a file has them: the answers of a dialogue, or a table of three columns."""

from pathlib import Path
from typing import Final

from service.records.labels import LabelsInvalid, hashes_of, placed, read_answers
from service.records.learning import Label
from service.records.output import Side
from service.records.tables import Bounds, Table, format_of, read_table

ANSWERS_SUFFIX = ".jsonl"
LEFT, RIGHT, SAME = "left", "right", "same"
YES: Final = frozenset({"1", "1.0", "true", "yes", "y", "same"})
NO: Final = frozenset({"0", "0.0", "false", "no", "n", "different"})


def labels_of(path: Path, left: Side, right: Side, bounds: Bounds) -> tuple[list[Label], int]:
    """Read labels; return those, and how many are about records that are not there.

    A file that ends in `.jsonl` holds the answers of `semblance link label` or `dedupe label`; any
    other is a table with the columns `left`, `right` and `same`: the ids of two records, and
    whether they are of one thing.

    Args:
        left, right: the two sides; of one table the same twice.

    Raises:
        LabelsInvalid, TableInvalid: the file holds no labels.
        OSError: it cannot be read.
    """
    if path.suffix.lower() == ANSWERS_SUFFIX:
        hashes = [hashes_of(side.table, side.pooled.schema.names) for side in (left, right)]
        answers, lost = placed(read_answers(path), *hashes)
        return [(one, other, same) for one, other, same in answers if same is not None], lost
    format_of(path)
    return _listed(read_table(path, bounds), left, right)


def _listed(table: Table, left: Side, right: Side) -> tuple[list[Label], int]:
    for side, option in ((left, "--left-id"), (right, "--right-id")):
        if side.id is None:
            raise LabelsInvalid(
                f"{table.name} names records by their ids: name the column that holds these by "
                f"{option}, or --id of one table"
            )
    places = [_places(side) for side in (left, right)]
    found: list[Label] = []
    lost = 0
    columns = [table.column(name) for name in (LEFT, RIGHT, SAME)]
    for row, (one, other, said) in enumerate(zip(*columns, strict=True)):
        at, beside = places[0].get(_word(one)), places[1].get(_word(other))
        if at is None or beside is None:
            lost += 1
        else:
            found.append((at, beside, _is_same(said, table, row)))
    return found, lost


def _places(side: Side) -> dict[str, int]:
    assert side.id is not None
    return {_word(cell): row for row, cell in enumerate(side.table.column(side.id))}


def _word(cell: object) -> str:
    """Write an id as one word, whichever way its file has numbers."""
    text = "" if cell is None else str(cell).strip()
    return text.removesuffix(".0")


def _is_same(said: object, table: Table, row: int) -> bool:
    word = str(said).strip().lower()
    if word in YES | NO:
        return word in YES
    raise LabelsInvalid(
        f"{table.name}, {table.place(row)}: `{SAME}` is {str(said)[:40]!r}; write 1 or 0, true or "
        "false, yes or no"
    )
