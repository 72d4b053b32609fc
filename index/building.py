"""The process that builds an index: `python -m index.building`, started by `index.builds`.

It reads one order as a line of JSON, at a low priority, from the database; it writes the index and
the numbers of its rows beside each other; and it prints one line of JSON that says what it chose.
It ends when the process that ordered it does, for then its standard input does.
"""

import hashlib
import json
import os
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from index.choosing import choose
from index.database import read_only, sync
from index.generations import INDEX_FILE, NUMBERS_FILE
from index.loading import load_page
from index.outcome import Outcome

ASKED_FILE = "asked.bin"
_NICE = 10


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built, from which file, into which folder.

    `kept` is the backend in use, which is built again if it still finds enough; None where all
    that may serve are to be measured, as they were at `raced_rows`. `asked` tells how many queries
    of late lie in the folder, for which enough must be found too.
    """

    database: str
    folder: str
    gallery: int
    dim: int
    index: str
    recall_target: float
    memory_share: float
    kept: str | None
    raced_rows: int
    asked: int


def work(order: Order) -> Outcome:
    """Read the rows as they stand, choose an index over them, and write it to disk."""
    connection = read_only(Path(order.database))
    try:
        connection.execute("BEGIN")
        page = load_page([connection], order.gallery, order.dim, named=False)
    finally:
        connection.close()
    rows = page.rows(len(page))
    bytes_max = order.memory_share * 4.0 * order.dim * len(rows)
    folder = Path(order.folder)
    asked = np.fromfile(folder / ASKED_FILE, "<f4").reshape(-1, order.dim) if order.asked else None
    choice = choose(rows, order.index, order.recall_target, bytes_max, order.kept, asked)
    raced_rows = len(rows) if choice.raced else order.raced_rows
    if choice.measured is None:
        return Outcome(choice.why, len(rows), raced_rows)
    index = choice.measured.index
    return Outcome(
        choice.why,
        len(rows),
        raced_rows,
        choice.measured.name,
        index.parameter,
        index.gpu,
        [asdict(rung) for rung in choice.measured.rungs],
        _written(folder / INDEX_FILE, index.dump()),
        _written(folder / NUMBERS_FILE, page.numbers[: len(page)].astype("<i8").tobytes()),
    )


def _written(path: Path, content: bytes | memoryview) -> str:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync(path.parent)
    return hashlib.sha256(content).hexdigest()


def _end_with_parent() -> None:
    # Not through `sys.stdin`: its lock would be held while the interpreter ends.
    while os.read(0, 4096):
        pass
    os._exit(1)


def main() -> None:
    """Do one order."""
    os.nice(_NICE)
    order = Order(**json.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    print(work(order).to_json(), flush=True)  # noqa: T201 - the reply to the parent
    os._exit(0)  # a thread that reads standard input would keep the interpreter


if __name__ == "__main__":
    main()
