"""Keys are stored as hashes and admit their owners only."""

from pathlib import Path

import pytest

from service.keys import Keys, KeysInvalid, add_key


def test_a_key_is_printed_once_and_stored_as_a_hash(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    token = add_key(path, "ci")
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    keys = Keys(path)
    assert keys.find(token).name == "ci"
    assert keys.name_of(token + "x") is None
    assert keys.name_of("") is None


def test_names_are_unique(tmp_path: Path) -> None:
    add_key(tmp_path / "k", "a")
    with pytest.raises(KeysInvalid, match="'a'"):
        add_key(tmp_path / "k", "a")


@pytest.mark.parametrize("name", ["", "a b", "\udcff", "x" * 65, "-a"])
def test_a_name_that_cannot_be_told_leaves_the_file_as_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / "keys.json"
    token = add_key(path, "me@work")
    with pytest.raises(KeysInvalid, match="cannot be named"):
        add_key(path, name)
    assert Keys(path).name_of(token) == "me@work"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"keys": []}',
        '{"keys": [{"name": "x"}]}',
        '{"keys": [{"name": "x", "sha256": "ü"}]}',
    ],
)
def test_a_file_that_admits_nobody_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(KeysInvalid):
        Keys(path)
