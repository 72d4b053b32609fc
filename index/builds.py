"""Indexes built behind the scenes: when one is due, the process that builds it, and its arrival."""

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from index.building import INDEX_FILE, NUMBERS_FILE, Order, Outcome
from index.errors import GalleryError
from index.faiss_door import FaissIndex
from index.gallery import Gallery
from index.measured import Measured, Rung

log = logging.getLogger("semblance.builds")

_LOOK_SECONDS = 1.0
_FAILED_SECONDS = 60.0


class Builds:
    """The thread that keeps the indexes of all galleries up to date; one is built at a time."""

    def __init__(
        self, database: Path, galleries: Callable[[], Iterable[Gallery]], memory_share: float
    ) -> None:
        self._database, self._galleries = database, galleries
        self._memory_share = memory_share
        self._stopped = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._not_before: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, name="gallery-builds", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, and the process that builds; what it wrote is of no use to anybody."""
        self._stopped.set()
        child = self._child
        if child is not None:
            child.kill()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            for gallery in self._galleries():
                if self._stopped.is_set():
                    return
                if self._not_before.get(gallery.number, 0.0) <= time.monotonic():
                    self._look_after(gallery)

    def _look_after(self, gallery: Gallery) -> None:
        try:
            if gallery.upkeep.compaction_due():
                gallery.upkeep.compact()
            if gallery.upkeep.build_due():
                self._build(gallery)
        except (GalleryError, OSError, ValueError) as error:
            if not self._stopped.is_set():
                log.error("gallery %s goes on without a newer index: %s", gallery.name, error)
            self._not_before[gallery.number] = time.monotonic() + _FAILED_SECONDS

    def _build(self, gallery: Gallery) -> None:
        with tempfile.TemporaryDirectory(prefix="build-", dir=self._database.parent) as folder:
            order = Order(
                database=str(self._database),
                folder=folder,
                gallery=gallery.number,
                dim=gallery.dim,
                index=gallery.index,
                recall_target=gallery.recall_target,
                memory_share=self._memory_share,
            )
            outcome = self._ordered(order)
            measured = None if outcome.backend is None else _loaded(Path(folder), outcome)
            numbers = _read(Path(folder) / NUMBERS_FILE, outcome.numbers_hash) if measured else b""
        gallery.upkeep.attach(measured, np.frombuffer(numbers, "<i8"), outcome.rows, outcome.why)
        log.info("gallery %s: %s", gallery.name, outcome.why)

    def _ordered(self, order: Order) -> Outcome:
        """Start the process, hand it the order, and wait for what it says."""
        complaints = Path(order.folder) / "complaints"
        with complaints.open("wb") as stderr:
            self._child = child = subprocess.Popen(
                [sys.executable, "-m", "index.building"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,  # a pipe that nobody empties would hold the process up
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        if self._stopped.is_set():  # it was started after `close` looked for it
            child.kill()
        with child:  # waits for its end, and closes the pipes
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
            child.stdin.flush()
            # Not `communicate`: it would close standard input first, and end the process.
            said = child.stdout.read()
        code = child.returncode
        if code != 0:
            why = complaints.read_text("utf-8", "replace").strip().splitlines()[-1:]
            raise OSError(f"the process that builds ended with {code}: {' '.join(why)}")
        return Outcome(**json.loads(said))


def _loaded(folder: Path, outcome: Outcome) -> Measured:
    """Read back what was written, and see that it is that."""
    assert outcome.backend is not None
    index = FaissIndex.load(_read(folder / INDEX_FILE, outcome.index_hash), outcome.parameter)
    if len(index) != outcome.rows:
        raise ValueError(f"the index holds {len(index)} rows of {outcome.rows}")
    return Measured(outcome.backend, index, [Rung(**one) for one in outcome.rungs])


def _read(path: Path, wanted: str) -> bytes:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != wanted:
        raise ValueError(f"{path.name} is not what was written: the disk is at fault")
    return content


def swept(folder: Path) -> None:
    """Remove what a killed process left."""
    for left in folder.glob("build-*"):
        shutil.rmtree(left, ignore_errors=True)
