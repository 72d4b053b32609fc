"""A child that does to galleries what it is told, line by line, and dies where it is told to.

It forks a process for each session, so that a death costs no start of Python: nothing that has
threads is used before. A session is told its place of death, says what stands in the folder, then
does what each line says and answers it.
"""

import functools
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from index import alias_rows, builds, compaction, database, gallery, store, upkeep, word_rows
from index.aliases import Aliases
from index.errors import GalleryError
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.gallery import Gallery
from index.published import Published
from index.vectors import unit_rows
from index.writer import Writer
from tests.fault.disk import watched

DIM = 4
LEXICAL = {"g0": 0.4}  # galleries of these names keep words
CODE = {
    "sync at birth": (database, "sync"),
    "birth": (database, "_give_birth"),
    "check": (database, "_check"),
    "names": (gallery, "load_names"),
    "vectors": (gallery, "load_vectors"),
    "commit": (Writer, "_commit"),
    "count": (store, "next_seq"),
    "add": (store, "add"),
    "remove ids": (store, "remove_ids"),
    "remove": (store, "remove"),
    "add gallery": (store, "add_gallery"),
    "doom": (store, "doom_gallery"),
    "remove doomed": (store, "remove_doomed"),
    "keep words": (word_rows, "keep"),
    "forget words": (word_rows, "forget"),
    "keep calibration": (store, "set_calibration"),
    "keep alias": (alias_rows, "keep"),
    "drop alias": (alias_rows, "drop"),
    "publish": (Published, "swap"),
    "publish alias": (Aliases, "_show"),
    "compact": (compaction, "compacted"),
    "rejoin": (compaction, "rejoined"),
}
PLACES = [f"{name} {moment}" for name in CODE for moment in ("before", "after")] + [
    *(
        f"{kind} write {moment}"
        for kind in ("wal", "db")
        for moment in ("before", "halfway", "after")
    ),
    *(f"{kind} sync {moment}" for kind in ("wal", "db") for moment in ("before", "after")),
]


class Death:
    """Comes at the n-th passage of a place; with the power, what was not synced may go too."""

    def __init__(self, place: str, passage: int, lost: float) -> None:
        self._place, self._left, self._lost = place, passage, lost
        self.cut_power: Callable[[float], None] | None = None

    def passes(self, place: str) -> None:
        if place != self._place:
            return
        self._left -= 1
        if self._left == 0:
            if self.cut_power is not None:
                self.cut_power(self._lost)
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def mine(death: Death) -> None:
    """Let every place of the code be passed by the death."""
    for name, (owner, attribute) in CODE.items():
        real = getattr(owner, attribute)

        def passing(*args: Any, name: str = name, real: Any = real, **named: Any) -> Any:
            death.passes(f"{name} before")
            answer = real(*args, **named)
            death.passes(f"{name} after")
            return answer

        setattr(owner, attribute, functools.wraps(real)(passing))


def say(**words: Any) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


def often(*, behind: bool) -> None:
    """Checkpoint every few pages, and compact every few rows: within a write, or behind."""
    compaction.TOMBSTONES_MIN = 2
    builds._LOOK_SECONDS = 3600.0  # nobody but who is told to compacts behind the scenes
    upkeep.COMPACTED_AT_ONCE = 0 if behind else upkeep.COMPACTED_AT_ONCE
    connect = database._connect

    def connected(path: Path) -> database.Connection:
        connection = connect(path)
        connection.wal_autocheckpoint(12)
        return connection

    database._connect = connected


def live(folder: Path, lines: Any, *, place: str, passage: int, lost: float, behind: bool) -> None:
    """Open the galleries, say what stands, and do what is asked until the end."""
    death = Death(place, passage, lost)
    mine(death)
    often(behind=behind)
    with watched(lambda file, what, moment: death.passes(f"{file.kind} {what} {moment}")) as disk:
        death.cut_power = disk.cut_power
        galleries = Galleries.open(folder, index_rows_min=1_000_000)
        say(stands=standing(galleries, folder))
        while wanted := json.loads(lines.readline()):
            threads = [
                threading.Thread(target=answer, args=(galleries, at, one))
                for at, one in enumerate(wanted)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        galleries.close()


@contextmanager
def bugs_told() -> Iterator[None]:
    """End the process by a bug: that is no death that was asked for."""
    try:
        yield
    except BaseException:  # noqa: BLE001 - the parent is told, by the code
        traceback.print_exc()
        os._exit(1)


def answer(galleries: Galleries, at: int, wanted: dict[str, Any]) -> None:
    with bugs_told():
        try:
            say(at=at, answer=do(galleries, **wanted))
        except GalleryError as error:
            say(at=at, answer=type(error).__name__)


def do(galleries: Galleries, do: str, name: str = "", **what: Any) -> Any:
    """Do one thing and return what it answers, as JSON."""
    aliases = galleries.aliases
    match do:
        case "die":
            die()
        case "create":
            return galleries.create(name, space="s", dim=DIM, lexical=LEXICAL.get(name))[1]
        case "delete":
            galleries.delete(name)
        case "point":
            return aliases.point(what["alias"], name, permitted)[1]
        case "roll back":
            return aliases.roll_back(what["alias"], permitted).gallery.name
        case "drop alias":
            aliases.delete(what["alias"], permitted)
        case _:
            return do_to(galleries.get(name), do, **what)
    return None


def do_to(gallery: Gallery, do: str, **what: Any) -> Any:
    match do:
        case "enrol":
            return gallery.enrol(
                [
                    Exemplar(one, unit_rows([vector], DIM)[0], label, {"year": year})
                    for one, vector, label, year in what["exemplars"]
                ]
            )
        case "remove":
            return gallery.remove(what["ids"])
        case "remove where":
            return gallery.remove_where(what["filter"])
        case "compact":
            if gallery.upkeep.compaction_due():
                gallery.upkeep.compact()
            return None
        case "calibrate":
            queries, labels = what["queries"], [None] * len(what["queries"])
            return gallery.calibrate(
                false_accept_rate=0.5, queries=queries, labels=labels
            ).to_json()
    raise AssertionError(do)


def permitted(name: str) -> None:
    pass


def standing(galleries: Galleries, folder: Path) -> dict[str, Any]:
    """Return everything that stands, as the disk has it and as a search sees it."""
    connection = database.read_only(folder / database.FILE_NAME)
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    found = {}
    for state in galleries.states():
        gallery = galleries.get(state.name)
        rows, _ = gallery.page(limit=100_000, with_vector=True)
        calibration = gallery.calibration()
        query = unit_rows([[1, 2, 3, 4]], DIM)
        found[state.name] = {
            "seq": state.seq,
            "count": state.count,
            "calibration": None if calibration is None else calibration.to_json(),
            "rows": [
                [one.id, one.vector.tobytes().hex(), one.label, one.payload["year"], one.seq]
                for one in rows
            ],
            "best": [[hit.id, hit.score] for hit in gallery.search(query, 5, texts=["A"]).hits[0]],
        }
    aliases = {
        one.alias: [one.gallery.name, one.previous and one.previous.name]
        for one in galleries.aliases.all()
    }
    last_row = connection.execute("SELECT max(row) FROM exemplars").get or 0
    # In one statement: rows of deleted galleries go behind the scenes, between two as well.
    stored, doomed = connection.execute(
        "SELECT (SELECT count(*) FROM contents), (SELECT count(*) FROM doomed)"
    ).get
    connection.close()
    return {
        "galleries": found,
        "aliases": aliases,
        "last_row": last_row,
        "stored": stored,
        "doomed": doomed,
    }


def main(folder: Path) -> None:
    lines = open(0, "rb", buffering=0)  # noqa: SIM115 - a session reads on where this stopped
    while line := lines.readline():
        start, _, session = line.partition(b" ")
        if start != b"session":
            continue  # what one was asked, or the rest of it, that had died
        if os.fork() == 0:
            with bugs_told():
                live(folder, lines, **json.loads(session))
            os._exit(0)
        say(ended=os.waitstatus_to_exitcode(os.wait()[1]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
