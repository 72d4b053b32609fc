"""kill -9, a full disk, a second process: what was acknowledged stands, nothing by half."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import apsw
import numpy as np
import pytest

from index.errors import FolderLocked
from index.exemplar import Exemplar
from index.galleries import Galleries
from tests.fault.disk import DiskFile, watched
from tests.pace import PACE

ROOT = Path(__file__).parents[2]
BATCH = 20


def child(what: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("enrolling.py")), what, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.slow
def test_kill_at_any_time_loses_nothing_acknowledged_and_leaves_no_half_batch(tmp_path):
    chance = random.Random(0)
    acknowledged = 0
    for _ in range(8):
        process = child("kill", tmp_path)
        assert process.stdout.readline() == "ready\n"
        wanted = acknowledged + chance.randint(1, 60)
        while acknowledged < wanted:
            acknowledged = int(process.stdout.readline())
        # Now it stands anywhere between two acknowledgements.
        time.sleep(chance.random() * 0.01)
        process.kill()
        spoken = process.stdout.read().split("\n")
        acknowledged = max([acknowledged, *(int(line) for line in spoken[:-1])])
        process.wait()
        process.stdout.close()
        seq = check_batches(tmp_path)
        assert acknowledged <= seq <= acknowledged + 1
        acknowledged = seq


def check_batches(folder: Path) -> int:
    """Hold what stands against the batches 1..seq, whole, and return the seq."""
    galleries = Galleries.open(folder)
    gallery = galleries.get("g")
    state = gallery.state()
    stored, cursor = gallery.page(limit=1_000_000)
    assert cursor is None
    expected = {f"{n}-{i}": n for n in range(1, state.seq + 1) for i in range(BATCH - 1)}
    expected["shared"] = state.seq
    assert {one.id: one.payload["batch"] for one in stored} == expected
    assert {one.id: one.seq for one in stored} == expected
    assert state.count == len(expected)
    shared = gallery.read("shared", with_vector=True)
    assert gallery.search([shared.vector], 1).hits[0][0].id == "shared"
    galleries.close()
    connection = apsw.Connection(str(folder / "semblance.db"))
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    assert connection.execute("SELECT count(*) FROM contents").get == len(expected)
    connection.close()
    return state.seq


def test_a_second_process_is_refused_while_the_first_lives_and_welcome_after_its_death(tmp_path):
    process = child("kill", tmp_path)
    assert process.stdout.readline() == "ready\n"
    with pytest.raises(FolderLocked, match=f"process {process.pid}"):
        Galleries.open(tmp_path)
    process.kill()
    process.wait()
    process.stdout.close()
    Galleries.open(tmp_path).close()


def test_a_full_disk_refuses_the_write_keeps_the_rest_and_heals(tmp_path):
    spoken, _ = child("full", tmp_path).communicate(timeout=60 * PACE)
    refused, stands, found, again = spoken.splitlines()
    number = int(refused.split()[1])
    assert number > 1
    assert "nothing was acknowledged" in refused
    assert stands == f"stands {number - 1} {(number - 1) * (BATCH - 1) + 1}"
    assert found == "found 1-0 1"
    assert again == f"again {number}"
    assert check_batches(tmp_path) == number


@pytest.fixture
def events():
    """What SQLite does to its files, through a file system put before the real one."""
    noted: list[str] = []

    def note(file: DiskFile, what: str, moment: str) -> None:
        if moment == "after" and what != "truncate":
            noted.append(f"{what} {'log' if file.kind == 'wal' else 'other'}")

    with watched(note):
        yield noted


def test_the_log_is_synced_before_a_write_is_acknowledged(tmp_path, events):
    galleries = Galleries.open(tmp_path)
    gallery, _ = galleries.create("g", space="s", dim=4)
    for number in range(5):
        events.clear()
        gallery.enrol([Exemplar(f"e{number}", np.eye(4, dtype=np.float32)[0])])
        noted = [event for event in events if event.endswith("log")]
        assert "write log" in noted
        assert noted[-1] == "sync log"
    events.clear()
    gallery.remove(["e1"])
    assert [event for event in events if event.endswith("log")][-1] == "sync log"
    galleries.close()
