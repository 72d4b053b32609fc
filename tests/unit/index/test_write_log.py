"""The check of a write-ahead log, against SQLite's own logs and a checksum by its definition."""

import os
import shutil
import struct
from pathlib import Path

import apsw
import pytest

from index.write_log import _sum, damaged_frame

PAGE, FRAME, HEADER = 512, 24, 32
EACH = FRAME + PAGE


def by_definition(content: bytes, before: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = before
    words = struct.unpack(f"{order[0]}{len(content) // 4}I", content)
    for at in range(0, len(words), 2):
        first = (first + words[at] + second) % 2**32
        second = (second + words[at + 1] + first) % 2**32
    return first, second


@pytest.mark.parametrize("length", [8, 16, 24, 520, 16_392])
@pytest.mark.parametrize("order", ["<u4", ">u4"])
def test_the_checksum_is_sqlites(length, order):
    content = os.urandom(length)
    for before in ((0, 0), (5, 2**32 - 1)):
        assert _sum(content, before, order) == by_definition(content, before, order)


def log_of(path: Path, *, restarted: bool) -> list[int]:
    """Write transactions of several frames; return the frames at which each ends."""
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x BLOB)")
    if restarted:  # frames of before stand behind those of now
        for _ in range(30):
            connection.execute("INSERT INTO t VALUES (randomblob(2000))")
        connection.execute("PRAGMA wal_checkpoint")
    ends = []
    for _ in range(6):
        connection.execute("INSERT INTO t VALUES (randomblob(1000))")
        content = path.with_name(f"{path.name}-wal").read_bytes()
        salts, ends_now = content[16:24], 0
        for number, start in enumerate(range(HEADER, len(content), EACH), 1):
            if content[start + 8 : start + 16] == salts and any(content[start + 4 : start + 8]):
                ends_now = number
        ends.append(ends_now)
    shutil.copy(path.with_name(f"{path.name}-wal"), path.with_name("log"))
    connection.close()
    return ends


@pytest.mark.parametrize("restarted", [False, True])
def test_a_log_is_sound_wherever_a_crash_ends_it(tmp_path, restarted):
    log_of(tmp_path / "db", restarted=restarted)
    log = tmp_path / "log"
    content = log.read_bytes()
    assert damaged_frame(tmp_path / "none", PAGE) is None
    for end in [0, 5, HEADER, *range(HEADER, len(content), EACH // 2), len(content)]:
        log.write_bytes(content[:end])
        assert damaged_frame(log, PAGE) is None


@pytest.mark.parametrize("restarted", [False, True])
def test_damage_is_seen_in_all_but_the_last_transaction(tmp_path, restarted):
    ends = log_of(tmp_path / "db", restarted=restarted)
    log = tmp_path / "log"
    content = log.read_bytes()
    last = HEADER + ends[-2] * EACH
    assert len(content) > last
    for at in [*range(HEADER), *range(HEADER, len(content), 37)]:
        log.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        found = damaged_frame(log, PAGE)
        frame = 0 if at < HEADER else 1 + (at - HEADER) // EACH
        assert found == (None if at >= last else frame), at
