import os
import time
from pathlib import Path

import apsw
import pytest

from index import database
from index.errors import (
    FolderLocked,
    GalleryExists,
    GalleryFull,
    GalleryUnknown,
    IndexUnknown,
    NameInvalid,
    RowsInvalid,
    StoreCorrupt,
    StoreNewer,
    StoreUnavailable,
)
from index.galleries import Galleries


def test_the_same_settings_again_give_the_same_gallery(galleries):
    one, created = galleries.create("A", space="s", dim=8, model="m")
    assert created
    assert galleries.create("A", space="s", dim=8, model="m") == (one, False)
    assert galleries.get("A") is one
    assert (one.name, one.space, one.dim, one.model) == ("A", "s", 8, "m")


def test_other_settings_are_told_apart(galleries):
    galleries.create("A", space="s", dim=8)
    with pytest.raises(
        GalleryExists, match=r"space is 's', not 't'; dim is 8, not 9; .*index is 'auto'"
    ):
        galleries.create("A", space="t", dim=9, index="flat")


@pytest.mark.parametrize("name", ["", ".x", "-x", "a/b", "a b", "é", "x" * 64, "a\n", "../a"])
def test_a_name_that_breaks_the_rule_is_refused(galleries, name):
    with pytest.raises(NameInvalid, match="1 to 63 letters"):
        galleries.create(name, space="s", dim=8)


def test_bounds_of_a_gallery_are_refused_with_their_limit(galleries):
    with pytest.raises(RowsInvalid, match="dim is 0: 1 to 8192"):
        galleries.create("A", space="s", dim=0)
    with pytest.raises(RowsInvalid, match=r"recall_target is 1\.1"):
        galleries.create("A", space="s", dim=8, recall_target=1.1)
    with pytest.raises(IndexUnknown):
        galleries.create("A", space="s", dim=8, index="psychic")
    for name in "ABC":
        galleries.create(name, space="s", dim=8)
    with pytest.raises(GalleryFull, match="3 galleries stand"):
        galleries.create("D", space="s", dim=8)
    galleries.delete("A")
    galleries.create("D", space="s", dim=8)


def test_states_are_listed_by_name_and_survive_a_restart(galleries, people, tmp_path):
    for name in ("b", "a"):
        galleries.create(name, space="s", dim=8, index="exact", recall_target=0.9)
    galleries.get("b").enrol(people)
    states = galleries.states()
    assert [state.name for state in states] == ["a", "b"]
    assert (states[1].count, states[1].labels, states[1].seq) == (30, 5, 1)
    assert (states[1].index, states[1].index_in_use, states[1].recall) == ("exact", "exact", 1.0)
    assert states[1].created_at.endswith("+00:00")
    galleries.close()
    again = Galleries.open(tmp_path)
    assert again.states() == states
    again.close()


def test_deletion_takes_the_exemplars_of_this_gallery_only(galleries, people, tmp_path):
    for name in ("a", "b"):
        galleries.create(name, space="s", dim=8, lexical=0.3)[0].enrol(people)
    galleries.delete("a")
    with pytest.raises(GalleryUnknown):
        galleries.get("a")
    with pytest.raises(GalleryUnknown):
        galleries.delete("a")
    assert galleries.get("b").state().count == 30
    connection = apsw.Connection(str(tmp_path / "semblance.db"))
    while connection.execute("SELECT count(*) FROM doomed").get:
        time.sleep(0.005)  # the test's own time limit ends it
    galleries.close()
    for table in ("exemplars", "contents", "words"):
        assert connection.execute(f"SELECT count(*) FROM {table}").get == 30
    connection.close()


def test_a_second_opening_is_refused_with_the_pid_and_the_remedy(galleries, tmp_path):
    with pytest.raises(FolderLocked, match=rf"process {os.getpid()}: stop it, .*--server URL"):
        Galleries.open(tmp_path)
    galleries.close()
    galleries.close()
    Galleries.open(tmp_path).close()


def spoiled(folder: Path, content: bytes) -> Path:
    path = folder / "semblance.db"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b"", b"\0" * 65536, b"not a database at all" * 1000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path, content):
    path = spoiled(tmp_path, content)
    for _ in range(2):  # the refusal frees the folder
        with pytest.raises(StoreCorrupt, match="restore a copy, or move the file away"):
            Galleries.open(tmp_path)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused(tmp_path):
    connection = apsw.Connection(str(tmp_path / "semblance.db"))
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StoreCorrupt, match="another application"):
        Galleries.open(tmp_path)


def test_a_newer_schema_is_refused_with_the_reason(tmp_path):
    Galleries.open(tmp_path).close()
    connection = apsw.Connection(str(tmp_path / "semblance.db"))
    connection.execute("PRAGMA user_version = 1000")
    connection.close()
    with pytest.raises(StoreNewer, match="has schema 1000, this program knows"):
        Galleries.open(tmp_path)


def test_a_folder_of_an_older_schema_is_brought_up_with_all_it_holds(tmp_path):
    old = apsw.Connection(str(tmp_path / "semblance.db"))
    old.execute(database._SCHEMA)
    old.execute(f"PRAGMA application_id = {database.APPLICATION_ID}; PRAGMA user_version = 1")
    old.execute(
        "INSERT INTO galleries VALUES (1, 'g', NULL, 's', 2, 'auto', 0.99, 1, 1, 'then', NULL);"
        "INSERT INTO exemplars VALUES (1, 1, 'a', NULL, x'00', 1, NULL);"
        "INSERT INTO contents VALUES (1, x'0000803f00000000', NULL)"
    )
    old.close()
    for _ in range(2):
        galleries = Galleries.open(tmp_path)
        assert galleries.get("g").search([[1.0, 0.0]], 1).hits[0][0].id == "a"
        galleries.close()


def test_a_log_without_its_database_is_refused(tmp_path):
    (tmp_path / "semblance.db-wal").write_bytes(b"x")
    with pytest.raises(StoreCorrupt, match="the file is gone"):
        Galleries.open(tmp_path)


def test_a_birth_cut_short_leaves_nothing_in_the_way(tmp_path):
    (tmp_path / "semblance.db.young").write_bytes(b"half made")
    (tmp_path / "semblance.db.young-wal").write_bytes(b"half made")
    Galleries.open(tmp_path).close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["semblance.db", "semblance.lock"]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("UPDATE contents SET vector = zeroblob(8) WHERE row = 3", "wrong size"),
        ("UPDATE contents SET vector = zeroblob(32) WHERE row = 3", "not of unit length"),
    ],
)
def test_vectors_that_are_not_what_was_written_are_refused(
    galleries, people, tmp_path, damage, says
):
    galleries.create("a", space="s", dim=8)[0].enrol(people)
    galleries.close()
    connection = apsw.Connection(str(tmp_path / "semblance.db"))
    connection.execute(damage)
    connection.close()
    with pytest.raises(StoreCorrupt, match=says):
        Galleries.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        Galleries.open(tmp_path / "file" / "folder")


def test_the_database_is_set_as_promised(galleries):
    writer = galleries._database.writer
    assert writer.pragma("journal_mode") == "wal"
    assert writer.pragma("synchronous") == 2
    assert writer.pragma("page_size") == 16384
