"""`semblance keys`: what it makes, tells and refuses."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.commands.keys import command
from service.key_file import list_keys
from service.keys import Keys


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def run(path: Path, *words: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(command, [*words, "--file", str(path)])


def test_a_key_is_made_as_asked(path: Path) -> None:
    words = ("--scope", "search", "--scope", "metrics", "--gallery", "shop-*", "--gallery", "news")
    bounds = ("--requests-per-minute", "60", "--requests-at-once", "0")
    made = run(path, "add", "shop", *words, "--days", "30", *bounds)
    assert made.exit_code == 0
    assert "within a second" in made.stderr
    key = Keys(path).find(made.stdout.strip())
    assert (key.name, key.scopes) == ("shop", ("search", "metrics"))
    assert key.galleries == ("shop-*", "news")
    assert (key.requests_per_minute, key.requests_at_once) == (60, 0)
    assert key.expires_at is not None
    left = key.expires_at - datetime.now(UTC)
    assert timedelta(days=30) - timedelta(minutes=1) < left <= timedelta(days=30)


def test_what_is_not_said_is_left_open(path: Path) -> None:
    token = run(path, "add", "me").stdout.strip()
    key = Keys(path).find(token)
    assert (key.scopes, key.galleries) == (("embed", "search", "write"), ("*",))
    assert (key.expires_at, key.requests_per_minute, key.requests_at_once) == (None, None, None)


def test_the_list_tells_everything_but_secrets_and_hashes(path: Path) -> None:
    tokens = [run(path, "add", "one", "--days", "1").stdout.strip()]
    tokens.append(
        run(path, "add", "two", "--requests-at-once", "7", "--gallery", "[ab]*").stdout.strip()
    )
    table = run(path, "list")
    told = run(path, "list", "--json")
    rows = json.loads(told.stdout)["keys"]
    assert [row["name"] for row in rows] == ["one", "two"]
    assert set(rows[0]) == {
        "name", "scopes", "galleries", "expires_at", "requests_per_minute", "requests_at_once",
    }  # fmt: skip
    assert (rows[0]["expires_at"][-1], rows[1]["requests_at_once"]) == ("Z", 7)
    for word in ("one", "two", "embed, search, write", "never", "the usual", "7", "[ab]*"):
        assert word in table.stdout
    hashes = [key.sha256 for key in list_keys(path)]
    for secret in (*tokens, *hashes):
        assert secret[:12] not in table.stdout + told.stdout


def test_an_expired_key_is_shown_as_one(path: Path) -> None:
    run(path, "add", "old", "--days", "1")
    path.write_text(path.read_text().replace(str(list_keys(path)[0].expires_at)[:4], "1999"))
    assert "(expired)" in run(path, "list").stdout


def test_a_revoked_key_is_gone_and_the_last_is_told(path: Path) -> None:
    run(path, "add", "one")
    run(path, "add", "two")
    done = run(path, "revoke", "one")
    assert (done.exit_code, "within a second" in done.stderr) == (0, True)
    assert "nobody" not in done.stderr
    assert [key.name for key in list_keys(path)] == ["two"]
    assert "nobody may call" in run(path, "revoke", "two").stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("add", "a b"), "cannot be named 'a b'"),
        (("add", "one"), "has a key named 'one' already"),
        (("add", "x", "--scope", "all"), "'all' is not one of"),
        (("add", "x", "--days", "0"), "0 is not in the range"),
        (("add", "x", "--requests-at-once", "-1"), "-1 is not in the range"),
        (("add", "x", "--gallery", ""), "galleries.0"),
        (("revoke", "none"), "no key named 'none' (there: one)"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    path: Path, words: tuple[str, ...], told: str
) -> None:
    run(path, "add", "one")
    before = path.read_bytes()
    done = run(path, *words)
    assert done.exit_code in (1, 2)
    assert told in done.stderr
    assert path.read_bytes() == before


def test_without_a_file_there_is_nothing_to_list(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "cannot be read" in run(path, "list").stderr
    monkeypatch.delenv("SEMBLANCE_KEYS_FILE", raising=False)
    assert "SEMBLANCE_KEYS_FILE" in CliRunner().invoke(command, ["list"]).stderr
    monkeypatch.setenv("SEMBLANCE_KEYS_FILE", str(path))
    assert CliRunner().invoke(command, ["add", "me"]).exit_code == 0
    assert [key.name for key in list_keys(path)] == ["me"]
