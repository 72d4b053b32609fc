"""Damaged files: refused by name, with a remedy, or what was acknowledged is read back right."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.database import FILE_NAME, PAGE_BYTES
from index.errors import StoreCorrupt
from index.exemplar import Exemplar
from index.galleries import Galleries

DIM, BATCH, BATCHES = 64, 10, 12
ROWS = np.random.default_rng(0).standard_normal((BATCH * BATCHES, DIM)).astype(np.float32)
ROWS /= np.linalg.norm(ROWS, axis=1, keepdims=True)
LOG_NAME = f"{FILE_NAME}-wal"
FLIPS = 120


def fill(folder: Path, prefix: str = "e") -> Galleries:
    galleries = Galleries.open(folder)
    gallery, _ = galleries.create("g", space="s", dim=DIM)
    for first in range(0, len(ROWS), BATCH):
        gallery.enrol(
            [
                Exemplar(f"{prefix}{i}", ROWS[i], f"L{i % 3}", {"n": i}, {"text": str(i)}, b"d")
                for i in range(first, first + BATCH)
            ]
        )
    return galleries


def standing(galleries: Galleries) -> Any:
    gallery = galleries.get("g")
    rows = [
        (one.id, one.label, one.payload, one.item, one.digest, one.seq, one.vector.tobytes())
        for one in gallery.page(limit=10_000, with_vector=True)[0]
    ]
    return gallery.seq, rows, gallery.search(ROWS[:3], 5, with_payload=True).hits


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder with what was closed, one of what was killed, and what both hold."""
    folder = tmp_path_factory.mktemp("made")
    galleries = fill(folder / "working")
    shutil.copytree(folder / "working", folder / "killed")
    expected = standing(galleries)
    galleries.close()
    shutil.copytree(folder / "working", folder / "closed")
    assert not (folder / "closed" / LOG_NAME).exists()
    assert (folder / "killed" / LOG_NAME).stat().st_size > 100_000
    return folder, expected


def opened(folder: Path) -> Any:
    """Return what is read, or the message of the refusal."""
    try:
        galleries = Galleries.open(folder)
    except StoreCorrupt as error:
        return str(error)
    try:
        return standing(galleries)
    except StoreCorrupt as error:
        return str(error)
    finally:
        galleries.close()


def is_sound(folder: Path, expected: Any, name: str) -> bool:
    """Tell whether all is read back right; else hold the refusal to its form."""
    found = opened(folder)
    if found == expected:
        return True
    assert isinstance(found, str)
    assert str(folder / name) in found
    assert "restore a copy" in found
    return False


def damaged(source: Path, target: Path, name: str, damage: Callable[[bytearray], Any]) -> Path:
    """Copy a folder and damage one of its files."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    content = bytearray((source / name).read_bytes())
    damage(content)
    (target / name).write_bytes(content)
    return target


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "name"), [("closed", FILE_NAME), ("killed", FILE_NAME), ("killed", LOG_NAME)]
)
def test_a_flipped_bit_is_never_read_as_if_it_were_right(made, tmp_path, state, name):
    folder, expected = made
    chance, refused = random.Random(name + state), 0
    size = (folder / state / name).stat().st_size
    if name == LOG_NAME:
        size = last_transaction(folder / state / name)
    for _ in range(FLIPS):
        at, bit = chance.randrange(size), chance.randrange(8)

        def flip(content: bytearray, at: int = at, bit: int = bit) -> None:
            content[at] ^= 1 << bit

        target = damaged(folder / state, tmp_path / "t", name, flip)
        refused += not is_sound(target, expected, name)
    assert refused > FLIPS / 10


def last_transaction(log: Path) -> int:
    """Return where the last transaction starts: what has no successor looks like a crash."""
    content, each = log.read_bytes(), 24 + PAGE_BYTES
    starts = range(32, len(content) - each + 1, each)
    salts = content[16:24]
    commits = [
        start
        for start in starts
        if content[start + 8 : start + 16] == salts and any(content[start + 4 : start + 8])
    ]
    return commits[-2] + each


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.999])
@pytest.mark.parametrize("state", ["closed", "killed"])
def test_a_database_that_was_cut_is_refused(made, tmp_path, state, share):
    folder, expected = made

    def cut(content: bytearray) -> None:
        del content[int(len(content) * share) :]

    target = damaged(folder / state, tmp_path / "t", FILE_NAME, cut)
    assert not is_sound(target, expected, FILE_NAME)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.999])
def test_a_log_that_was_cut_is_as_a_crash_leaves_it_whole_up_to_some_write(made, tmp_path, share):
    folder, (seq, rows, _) = made

    def cut(content: bytearray) -> None:
        del content[int(len(content) * share) :]

    found = opened(damaged(folder / "killed", tmp_path / "t", LOG_NAME, cut))
    assert not isinstance(found, str)
    assert 0 < found[0] < seq
    assert found[1] == rows[: found[0] * BATCH]


def test_a_log_without_its_database_is_refused(made, tmp_path):
    folder, _ = made
    shutil.copytree(folder / "killed", tmp_path / "t")
    (tmp_path / "t" / FILE_NAME).unlink()
    with pytest.raises(StoreCorrupt, match="the file is gone"):
        Galleries.open(tmp_path / "t")


def test_a_file_of_something_else_is_refused(made, tmp_path):
    folder, expected = made

    def swap(content: bytearray) -> None:
        content[:] = (folder / "killed" / LOG_NAME).read_bytes()

    target = damaged(folder / "closed", tmp_path / "t", FILE_NAME, swap)
    assert not is_sound(target, expected, FILE_NAME)


def test_a_page_that_was_zeroed_is_seen(made, tmp_path):
    folder, expected = made
    refused = 0
    for first in range(0, (folder / "closed" / FILE_NAME).stat().st_size, PAGE_BYTES):

        def zero(content: bytearray, first: int = first) -> None:
            content[first : first + PAGE_BYTES] = bytes(PAGE_BYTES)

        target = damaged(folder / "closed", tmp_path / "t", FILE_NAME, zero)
        refused += not is_sound(target, expected, FILE_NAME)
    assert refused > 5
