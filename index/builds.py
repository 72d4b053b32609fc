"""Indexes built behind the scenes: when one is due, the process that builds it, and its arrival."""

import json
import logging
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from index.building import ASKED_FILE, Order
from index.database import Database
from index.errors import GalleryError
from index.gallery import Gallery
from index.generations import Generations, read, record
from index.outcome import Outcome

log = logging.getLogger("semblance.builds")

_LOOK_SECONDS = 1.0
_FAILED_SECONDS = 60.0
_REST = 20.0  # times as long as a check of recall took: a twentieth of a core at most
_GROWING = 0.01  # of its rows since the last look: what is built now is soon too little
_GROWN_MAX = 1_000_000  # rows looked at one by one, 60 ms at 384 dimensions, before none waits
_BUILD_REST = 4.0  # times as long as a build took: before a few late rows are worth another


class Builds:
    """The thread that keeps the indexes of all galleries up to date; one is built at a time."""

    def __init__(
        self,
        database: Database,
        generations: Generations,
        galleries: Callable[[], Iterable[Gallery]],
        memory_share: float,
    ) -> None:
        self._database, self._generations, self._galleries = database, generations, galleries
        self._memory_share = memory_share
        self._stopped = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._not_before: dict[int, float] = {}
        self._rested_at = 0.0
        self._rested_from: dict[int, float] = {}
        self._counts: dict[int, int] = {}
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
        standing: set[int] = set()
        while not self._stopped.wait(_LOOK_SECONDS):
            galleries = list(self._galleries())
            numbers = {gallery.number for gallery in galleries}
            if standing - numbers:  # some were deleted
                self._sweep()
            standing = numbers
            random.shuffle(galleries)  # the first is checked, then there is a rest
            for gallery in galleries:
                if self._stopped.is_set():
                    return
                if self._not_before.get(gallery.number, 0.0) <= time.monotonic():
                    self._look_after(gallery)

    def _look_after(self, gallery: Gallery) -> None:
        try:
            self._watch(gallery)
            if gallery.upkeep.compaction_due():
                gallery.upkeep.compact()
            if not self._is_growing(gallery) and self._build_due(gallery):
                started = time.monotonic()
                try:
                    self._build(gallery)
                finally:
                    self._sweep()
                ended = time.monotonic()
                self._rested_from[gallery.number] = ended + _BUILD_REST * (ended - started)
        except (GalleryError, OSError, ValueError, MemoryError) as error:
            if not self._stopped.is_set():
                log.error("gallery %s goes on without a newer index: %s", gallery.name, error)
            self._not_before[gallery.number] = time.monotonic() + _FAILED_SECONDS

    def _watch(self, gallery: Gallery) -> None:
        """See what it finds of late, if the last check, of whichever gallery, is long ago."""
        started = time.monotonic()
        if started < self._rested_at:
            return
        gallery.upkeep.watch()
        ended = time.monotonic()
        self._rested_at = ended + _REST * (ended - started)

    def _build_due(self, gallery: Gallery) -> bool:
        rested_from = self._rested_from.get(gallery.number, 0.0)
        return gallery.upkeep.build_due(rested=time.monotonic() >= rested_from)

    def _is_growing(self, gallery: Gallery) -> bool:
        """Tell whether so many rows arrive that a build should wait for their end."""
        count = gallery.count
        grown = count - self._counts.get(gallery.number, 0)
        self._counts[gallery.number] = count
        return grown > _GROWING * count and gallery.upkeep.unindexed < _GROWN_MAX

    def _sweep(self) -> None:
        try:
            with self._database.reading() as connection:
                self._generations.sweep(connection)
        except (GalleryError, OSError) as error:
            log.warning("indexes of no use any more stay on disk for now: %s", error)

    def _build(self, gallery: Gallery) -> None:
        folder = self._generations.fresh()
        kept, raced_rows = gallery.upkeep.kept()
        asked = gallery.upkeep.asked()
        if asked is not None:
            asked.astype("<f4").tofile(folder / ASKED_FILE)
        order = Order(
            database=str(self._database.path),
            folder=str(folder),
            gallery=gallery.number,
            dim=gallery.dim,
            index=gallery.index,
            recall_target=gallery.recall_target,
            memory_share=self._memory_share,
            kept=kept,
            raced_rows=raced_rows,
            asked=0 if asked is None else len(asked),
        )
        outcome = self._ordered(order)
        gallery.upkeep.attach(
            read(folder, outcome),
            lambda connection: record(connection, gallery.number, folder.name, outcome),
        )
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
        for read_by_now in (complaints, complaints.with_name(ASKED_FILE)):
            read_by_now.unlink(missing_ok=True)  # what stays is the generation
        return Outcome.from_json(said)
