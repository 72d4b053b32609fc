"""Built indexes on disk, so that a restart need not build them again.

An index is a derivative: a generation that is lost or damaged costs a rebuild, never an exemplar.
It is written into a folder of its own and read back, and stands once its row is committed: a folder
that no row names is nothing yet, or nothing any more.
"""

import hashlib
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import numpy.typing as npt

from index.database import Connection, sync
from index.measured import Measured
from index.outcome import Outcome

log = logging.getLogger("semblance.generations")

INDEX_FILE, NUMBERS_FILE = "index.bin", "numbers.bin"
FOLDER = "indexes"
KEPT = 2  # the newest, and the one before in case that is damaged


@dataclass(frozen=True, slots=True)
class Arrival:
    """An index in memory, or None for a scan; and the numbers (n,) of its rows, rising."""

    outcome: Outcome
    measured: Measured | None
    numbers: npt.NDArray[np.int64]

    def upto(self, held: npt.NDArray[np.int64]) -> int:
        """Return how many rows of those numbered `held` (n,) came before the index was built."""
        if self.measured is None:
            return 0
        return int(np.searchsorted(held, self.numbers[-1], side="right"))


def read(folder: Path, outcome: Outcome) -> Arrival:
    """Read an index, and see that it is what was written.

    Raises:
        OSError, ValueError: it is not there, or it is not that.
    """
    if outcome.backend is None:
        return Arrival(outcome, None, np.empty(0, np.int64))
    numbers = np.frombuffer(_checked(folder / NUMBERS_FILE, outcome.numbers_hash), "<i8")
    if len(numbers) != outcome.rows:
        raise ValueError(f"{len(numbers)} numbers are there of {outcome.rows}")
    return Arrival(
        outcome, outcome.measured(_checked(folder / INDEX_FILE, outcome.index_hash)), numbers
    )


def _checked(path: Path, wanted: str) -> bytes:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != wanted:
        raise ValueError(f"{path.name} is not what was written: the disk is at fault")
    return content


def record(connection: Connection, gallery: int, folder: str, outcome: Outcome) -> None:
    """Make a folder the newest generation of a gallery, of which the last `KEPT` stand."""
    connection.execute(
        "INSERT INTO generations (gallery, folder, outcome) VALUES (?, ?, ?)",
        (gallery, folder, outcome.to_json()),
    )
    connection.execute(
        "DELETE FROM generations WHERE gallery = ?1 AND generation NOT IN"
        " (SELECT generation FROM generations WHERE gallery = ?1"
        " ORDER BY generation DESC LIMIT ?2)",
        (gallery, KEPT),
    )


class Generations:
    """The folder of all built indexes, within a data folder."""

    def __init__(self, data_folder: Path) -> None:
        self._folder = data_folder / FOLDER

    def fresh(self) -> Path:
        """Make a folder to write a generation into; `record` it, or it is swept."""
        self._folder.mkdir(exist_ok=True)
        fresh = Path(mkdtemp(prefix="", dir=self._folder))
        sync(self._folder)
        return fresh

    def newest(self, connection: Connection, gallery: int) -> Arrival | None:
        """Return the newest generation that is sound."""
        for folder, outcome in self._recorded(connection, gallery):
            try:
                return read(self._folder / folder, Outcome.from_json(outcome))
            except (OSError, ValueError) as error:
                log.warning(
                    "generation %s of gallery %d is passed over: %s", folder, gallery, error
                )
        return None

    def sweep(self, connection: Connection) -> None:
        """Remove every folder that is no generation; called while none is being written."""
        kept = {name for (name,) in connection.execute("SELECT folder FROM generations")}
        for folder in self._folder.iterdir() if self._folder.exists() else ():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def _recorded(connection: Connection, gallery: int) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = connection.execute(
            "SELECT folder, outcome FROM generations WHERE gallery = ? ORDER BY generation DESC",
            (gallery,),
        ).fetchall()
        return found
