"""Keys are stored as hashes, admit their owners only, and follow their file."""

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.errors import KeyRefused
from service.key_file import add_key, list_keys, revoke_key
from service.keys import SCOPES, Key, Keys, KeysInvalid, digest_of

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds - 100.0)


def opened(path: Path) -> tuple[Keys, Clock]:
    clock = Clock()
    return Keys(path, clock=clock, now=clock.now), clock


def admitted(keys: Keys, token: str) -> bool:
    try:
        keys.find(token)
    except KeyRefused:
        return False
    return True


def test_a_key_is_printed_once_and_stored_as_a_hash(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    token = add_key(path, "ci")
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    keys = Keys(path)
    assert keys.find(token).name == "ci"
    for other in (token + "x", "", token[:-1], digest_of(token), "ü", "\udcff"):
        assert not admitted(keys, other)


def test_a_file_of_names_and_hashes_alone_opens_what_it_always_did(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [{"name": "old", "sha256": digest_of("secret")}]}))
    key = Keys(path).find("secret")
    assert [scope for scope in SCOPES if key.opens(scope)] == ["embed", "search", "write"]
    assert key.sees("any gallery")
    assert (key.expires_at, key.requests_per_minute, key.requests_at_once) == (None, None, None)


def test_what_a_key_opens_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    stated: dict[str, Any] = {
        "scopes": ("search", "metrics"),
        "galleries": ("shop-*", "news"),
        "expires_at": NOON,
        "requests_per_minute": 0,
        "requests_at_once": 3,
    }
    token = add_key(path, "a", **stated)
    keys, _ = opened(path)
    with pytest.raises(KeyRefused, match="'a' expired at 2030-01-01 12:00:00 UTC"):
        keys.find(token)
    (key,) = list_keys(path)
    assert key.model_dump(exclude={"name", "sha256"}) == stated


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
    assert Keys(path).find(token).name == "me@work"


HASH = digest_of("x")


def file_of(*keys: dict[str, Any]) -> str:
    return json.dumps({"keys": [{"name": "x", "sha256": HASH} | key for key in keys]})


NO_KEY_FILES = [
    "",
    "[]",
    '{"keys": [{"name": "x"}]}',
    file_of({"sha256": "ü"}),
    file_of({"scopes": ["all"]}),
    file_of({"scopes": []}),
    file_of({"galleries": [""]}),
    file_of({"expires_at": "2030-01-01T00:00:00"}),
    file_of({"requests_at_once": -1}),
    file_of({"colour": "red"}),
    file_of({}, {"name": "y"}),
    file_of({}, {"sha256": digest_of("y")}),
]


@pytest.mark.parametrize("content", ['{"keys": []}', *NO_KEY_FILES])
def test_a_file_that_admits_nobody_is_refused_at_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(KeysInvalid, match=r"semblance keys add"):
        Keys(path)


def test_the_time_of_a_key_runs_out_while_the_service_runs(tmp_path: Path) -> None:
    token = add_key(tmp_path / "k", "a", expires_at=NOON + timedelta(seconds=10))
    keys, clock = opened(tmp_path / "k")
    assert admitted(keys, token)
    clock.seconds += 9.999
    assert admitted(keys, token)
    clock.seconds += 0.001
    assert not admitted(keys, token)


def test_changes_are_taken_up_within_a_second_and_no_sooner(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    one = add_key(path, "one")
    keys, clock = opened(path)
    two = add_key(path, "two")
    revoke_key(path, "one")
    clock.seconds += 0.99
    assert (admitted(keys, one), admitted(keys, two)) == (True, False)
    clock.seconds += 0.01
    assert (admitted(keys, one), admitted(keys, two)) == (False, True)


def test_the_file_is_looked_at_once_a_second_and_read_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    token = add_key(path, "one")
    keys, clock = opened(path)
    looks: list[Path] = []
    stat = Path.stat
    monkeypatch.setattr(Path, "stat", lambda self, **more: looks.append(self) or stat(self, **more))
    monkeypatch.setattr("service.keys.read_keys", None)  # to read would fail
    for _ in range(50):
        keys.find(token)
        clock.seconds += 0.1
    assert 4 <= len(looks) <= 5


def test_when_the_last_key_is_revoked_nobody_may_call(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    token = add_key(path, "one")
    keys, clock = opened(path)
    assert revoke_key(path, "one") == 0
    clock.seconds += 1
    assert not admitted(keys, token)
    again = add_key(path, "one")
    clock.seconds += 1
    assert (admitted(keys, token), admitted(keys, again)) == (False, True)


@pytest.mark.parametrize("content", [None, *NO_KEY_FILES])
def test_a_file_that_became_unusable_keeps_the_keys_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    path = tmp_path / "keys.json"
    token = add_key(path, "one")
    keys, clock = opened(path)
    good = path.read_text()
    path.unlink()
    if content is not None:
        path.write_text(content)
    for _ in range(5):
        clock.seconds += 1
        assert admitted(keys, token)
    (record,) = (one for one in caplog.records if one.levelno >= logging.ERROR)
    assert str(path) in record.getMessage()
    path.write_text(good)
    other = add_key(path, "two")
    clock.seconds += 1
    assert admitted(keys, other)
    aside = path.rename(tmp_path / "aside")
    clock.seconds += 1
    assert admitted(keys, other)
    aside.rename(path)  # as it was, to the inode
    clock.seconds += 1
    assert admitted(keys, other)
    path.rename(aside)
    clock.seconds += 1
    assert admitted(keys, other)
    assert sum(one.levelno >= logging.ERROR for one in caplog.records) == 3


def test_a_file_whose_rights_alone_were_wrong_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rights change neither time nor size nor inode."""
    path = tmp_path / "keys.json"
    add_key(path, "one")
    keys, clock = opened(path)
    token = add_key(path, "two")

    def refused(*_: object, **__: object) -> Any:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refused)
        clock.seconds += 1
        assert not admitted(keys, token)
    clock.seconds += 1
    assert admitted(keys, token)


def test_a_revocation_names_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with pytest.raises(KeysInvalid, match="no key file"):
        revoke_key(path, "a")
    add_key(path, "a")
    add_key(path, "b")
    with pytest.raises(KeysInvalid, match=r"no key named 'c' \(there: a, b\)"):
        revoke_key(path, "c")
    assert [key.name for key in list_keys(path)] == ["a", "b"]


def test_a_change_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    token = add_key(path, "a")
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(os, "fsync", full)
        add_key(path, "b")
    assert path.read_bytes() == before
    add_key(path, "b")
    assert admitted(Keys(path), token)


def test_a_change_keeps_the_link_and_the_group_that_reads(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "keys.json"
    add_key(real, "a")
    real.chmod(0o644)
    link.symlink_to(real)
    add_key(link, "b")
    assert link.is_symlink()
    assert [key.name for key in list_keys(real)] == ["a", "b"]
    assert real.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("patterns", "gallery", "seen"),
    [
        (("*",), "anything", True),
        (("shop-*",), "shop-1", True),
        (("shop-*",), "shop", False),
        (("shop-*",), "Shop-1", False),
        (("shop-*",), "my-shop-1", False),
        (("a", "b?"), "bc", True),
        (("a", "b?"), "b", False),
        (("[ab]",), "b", True),
        ((), "a", False),
    ],
)
def test_patterns(patterns: tuple[str, ...], gallery: str, seen: bool) -> None:
    assert Key(name="k", sha256=HASH, galleries=patterns).sees(gallery) is seen


def test_admin_opens_everything() -> None:
    key = Key(name="k", sha256=HASH, scopes=("admin",))
    assert all(map(key.opens, SCOPES))
