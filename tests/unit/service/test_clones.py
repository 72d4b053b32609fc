"""`semblance code clones` and `code verify`: what is linked, grouped and told."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import service.connected
from models.errors import ItemEmpty
from models.modality import Features, Item, Role
from service.cli import main
from service.client import CallFailed, Client
from service.repository.clones import NEIGHBOURS, Link, Piece, grouped, links_between
from tests.builders import calling, running
from tests.fakes import FakeEncoder

ADD = "def {}(a, b):\n    c = a + b\n    c += 1\n    c += 2\n    c += 3\n    return c\n"
OTHER = (
    "def other(x):\n    y = [x]\n    for z in y:\n        x *= z\n        x -= 1\n    return x\n"
)


class Choosy(FakeEncoder):
    """Reads nothing in some functions, as an encoder does where all of it is comments."""

    def decode(self, item: Item, *, role: Role | None = None, truncate: bool = True) -> Features:
        if "unread" in str(item.content):
            raise ItemEmpty("nothing is left of the text")
        return super().decode(item, role=role, truncate=truncate)


def piece(path: str, line: int = 1, language: str = "python") -> Piece:
    return Piece(path, line, line + 9, "f", language, "")


def unit(seed: int, count: int, dim: int = 6) -> Any:
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_links_are_all_the_pairs_above_the_threshold() -> None:
    rows = unit(1, NEIGHBOURS)
    pieces = [piece(f"{at}.x", language="python" if at % 3 else "go") for at in range(len(rows))]
    found = links_between(rows, pieces, 0.4)
    expected = {}
    for a in range(len(rows)):
        for b in range(a + 1, len(rows)):
            score = float(np.dot(rows[a].astype(np.float64), rows[b].astype(np.float64)))
            if score >= 0.4:
                expected[a, b] = score
    assert {(link.first, link.second): link.score for link in found} == pytest.approx(expected)
    assert [link.score for link in found] == sorted((link.score for link in found), reverse=True)


def test_what_stands_in_another_is_no_copy_of_it() -> None:
    rows = np.tile(unit(1, 1), (3, 1))
    pieces = [piece("a.py", 1), piece("a.py", 5), piece("a.py", 20)]
    linked = {(link.first, link.second) for link in links_between(rows, pieces, 0.9)}
    assert linked == {(0, 2), (1, 2)}


def test_a_group_reaches_the_threshold_on_the_mean_and_one_link_is_no_bridge() -> None:
    alike = [Link(0.95, 4, 5), Link(0.9, 0, 1), Link(0.7, 1, 2), Link(0.8, 2, 3), Link(0.6, 0, 3)]
    groups = grouped(alike, 0.6)  # 0 and 2, 1 and 3 are not linked: .575 on the mean
    assert [(one.score, one.members) for one in groups] == [
        (0.95, [(4, 0.95), (5, 0.95)]),
        (0.9, [(0, 0.9), (1, 0.9)]),
        (0.8, [(2, 0.8), (3, 0.8)]),
    ]
    (whole,) = [one for one in grouped([*alike, Link(0.75, 0, 2)], 0.6) if len(one.members) > 2]
    assert (whole.score, [at for at, _ in whole.members]) == (0.8, [0, 1, 2, 3])
    chain = [Link(0.8, at, at + 1) for at in range(30)]
    assert max(len(one.members) for one in grouped(chain, 0.79)) <= 3
    many = [Link(1.0, at, at + step) for at in range(40) for step in range(1, 17) if at + step < 40]
    assert [len(one.members) for one in grouped(many, 0.79)] == [40], (
        "copies, too many to be linked"
    )
    assert grouped([], 0.6) == []


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command line on a service whose encoder reads the first sixteen words."""

    @asynccontextmanager
    async def opened(*_: object) -> AsyncIterator[Client]:
        with running(tmp_path / "data", [Choosy("clones")]) as parts:
            async with calling(parts) as http:
                yield Client(http)

    monkeypatch.setattr(service.connected, "open_client", opened)

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, ["code", *words], catch_exceptions=False)

    return run


def test_copies_in_a_folder_are_listed_with_places(tmp_path: Path, call: Any) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "a.py").write_text(f"{ADD.format('add')}\n\n{OTHER}")
    (shop / "b.py").write_text(f"x = 1\n\n\n{ADD.format('add')}")
    (shop / "short.py").write_text("def add(a, b):\n    return a + b\n" * 2)
    found = call("clones", str(shop), "--threshold", "0.999")
    assert found.exit_code == 0
    assert found.stdout.splitlines() == [
        "1.000  2 functions",
        "    shop/a.py:1-6  add  1.000",
        "    shop/b.py:4-9  add  1.000",
        "",
    ]
    assert "3 functions of 6 lines or more" in found.stderr
    assert "1 groups of 2 functions" in found.stderr
    (line,) = call("clones", str(shop), "--threshold", "0.999", "--json").stdout.splitlines()
    told = json.loads(line)
    assert told["languages"] == ["python"]
    assert [one["start_line"] for one in told["members"]] == [1, 4]
    assert call("clones", str(shop), "--threshold", "0.999", "--across").stdout == ""
    none = call("clones", str(shop), "--min-lines", "50")
    assert (none.exit_code, none.stdout) == (0, "")


def test_what_the_encoder_cannot_read_is_named_and_the_others_are_compared(
    tmp_path: Path, call: Any
) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    for name in ("a", "b", "c", "d", "e"):
        named = "unread" if name in "bd" else "add"
        (shop / f"{name}.py").write_text(ADD.format(named))
    found = call("clones", str(shop), "--threshold", "0.999")
    assert found.exit_code == 0, found.stderr
    assert [line.split()[0] for line in found.stdout.splitlines()[1:4]] == [
        "shop/a.py:1-6",
        "shop/c.py:1-6",
        "shop/e.py:1-6",
    ]
    for name in "bd":
        assert f"shop/{name}.py:1-6: left out: input[0]: nothing is left" in found.stderr


def test_what_comes_too_late_is_asked_for_by_halves(
    tmp_path: Path, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, answered = list[int](), Client.call

    async def slow(self: Client, method: str, path: str, body: Any = None, **more: Any) -> Any:
        if path == "/v1/embeddings":
            sizes.append(len(body["input"]))
            if sizes[-1] > most:
                raise CallFailed("too late", status=504, code="deadline_exceeded")
        return await answered(self, method, path, body, **more)

    monkeypatch.setattr(Client, "call", slow)
    for name in "abcde":
        (tmp_path / f"{name}.py").write_text(ADD.format("add"))
    most = 2
    found = call("clones", str(tmp_path), "--threshold", "0.999")
    assert "1 groups of 5 functions" in found.stderr
    assert sizes == [5, 2, 3, 1, 2]
    most = 0
    late = call("clones", str(tmp_path))
    assert (late.exit_code, late.stdout) == (1, "")
    assert "too late" in late.stderr


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, call: Any) -> None:
    found = call("clones", str(tmp_path / "nowhere"))
    assert found.exit_code == 1
    assert "does not exist" in found.stderr


def test_two_files_are_verified(tmp_path: Path, call: Any) -> None:
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_text(ADD.format("add"))
    second.write_text(ADD.format("add"))
    found = call("verify", str(first), str(second))
    assert found.exit_code == 0
    assert found.stdout.startswith("the same  score 1.000  threshold ")
    second.write_text(OTHER)
    assert call("verify", str(first), str(second), "--threshold", "0.99").stdout.startswith(
        "not the same  score "
    )
