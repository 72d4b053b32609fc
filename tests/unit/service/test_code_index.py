"""Repositories in galleries, through the service in this process: what is embedded, told, found."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from models.modality import Features, Item, Role, modality_names
from service.builder import Rejects, Tally
from service.client import CallFailed, Client
from service.commands.code import conditions, create, index_tree, item_maker, place_of
from service.repository import indexing
from service.repository.extractor import Extractor
from service.repository.indexing import Indexing
from service.repository.reading import read
from service.repository.rows import MakeItem, text_item
from service.repository.tree import Tree, open_tree
from service.source import SourceInvalid
from tests.builders import calling, running
from tests.fakes import FakeEncoder, row_of

Scene = Callable[["Repository"], Awaitable[None]]
CART = '''class Cart:
    """What is bought."""

    def total(self):
        """The sum."""
        return 1
'''
PAY = "function pay() { return 2 }\n"


@pytest.fixture(autouse=True)
def here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in this process, which takes a second less, but where the process is looked at."""
    if "process" not in request.node.name:
        monkeypatch.setattr(Extractor, "read", lambda _, path, content: read(path, content))


class Repository:
    """A folder, a gallery of it, and the encoder behind that."""

    def __init__(self, folder: Path, client: Client, encoder: FakeEncoder) -> None:
        self.folder, self.client, self.encoder = folder, client, encoder
        self.rejected: list[dict[str, Any]] = []
        self.seen: list[tuple[int, int]] = []
        self.make_item: MakeItem = text_item

    def write(self, name: str, text: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    async def index(self, change: Callable[[Tree], None] = lambda _: None) -> dict[str, int]:
        rejects = Rejects(self.folder.parent / "rejected.jsonl")
        self.seen.clear()
        self.encoder.batches.clear()

        def on_progress(tally: Tally) -> None:
            self.seen.append((tally.done, tally.total))

        with open_tree(str(self.folder)) as tree:
            change(tree)
            work = Indexing(self.client, "code", tree, self.make_item, rejects, on_progress)
            counts = await work.run()
        rejects.close()
        lines = rejects.path.read_text().splitlines() if rejects.path.exists() else []
        self.rejected = [json.loads(line) for line in lines]
        assert self.seen[-1][0] == self.seen[-1][1]
        assert self.seen == sorted(self.seen)
        return {name: number for name, number in counts.items() if number}

    def embedded(self) -> int:
        return sum(map(len, self.encoder.batches))

    async def stored(self) -> dict[str, dict[str, Any]]:
        page = await self.client.gallery("GET", "code", "/exemplars?limit=1000")
        return {one["id"]: one for one in page["exemplars"]}


def play(tmp_path: Path, scene: Scene, encoder: FakeEncoder | None = None) -> None:
    encoder = encoder or FakeEncoder()

    async def played() -> None:
        with running(tmp_path / "data", [encoder]) as parts:
            async with calling(parts) as http:
                client = Client(http)
                await client.gallery("PUT", "code", "", {"model": "fake"})
                folder = tmp_path / "shop"
                folder.mkdir()
                await scene(Repository(folder, client, encoder))

    asyncio.run(played())


def test_a_repository_is_indexed_and_again_as_it_changes(tmp_path: Path) -> None:
    async def scene(shop: Repository) -> None:
        shop.write("cart.py", CART)
        shop.write("web/pay.js", PAY)
        assert await shop.index() == {"files": 2, "added": 3}
        stored = await shop.stored()
        total = stored["shop/cart.py#Cart.total"]
        code = 'def total(self):\n    """The sum."""\n    return 1'
        assert total["item"] == {"text": code}
        assert total["label"] == "Cart.total"
        assert total["payload"] == {
            "repository": "shop",
            "path": "cart.py",
            "start_line": 4,
            "end_line": 6,
            "symbol": "Cart.total",
            "kind": "method",
            "language": "python",
            "docstring": "The sum.",
            "commit": None,
        }
        assert set(stored) - {total["id"]} == {"shop/cart.py#Cart", "shop/web/pay.js#pay"}
        assert shop.embedded() == 3

        assert await shop.index() == {"files": 2, "unchanged": 3}
        assert shop.embedded() == 0

        # Lines above: what is told of both is another, and neither is embedded.
        shop.write("cart.py", "import os\n\n\n" + CART)
        assert await shop.index() == {"files": 2, "moved": 2, "unchanged": 1}
        assert shop.embedded() == 0
        path = "/exemplars/shop%2Fcart.py%23Cart.total?vector=true"
        moved = await shop.client.gallery("GET", "code", path)
        assert moved["payload"]["start_line"] == 7
        row = row_of(" ".join(code.split()[:16]), 8)
        np.testing.assert_allclose(moved["vector"], row, atol=1e-6)

        # A commit without a change is not news.
        commit = lambda tree: setattr(tree, "commit", "c" * 40)  # noqa: E731 - two words
        assert await shop.index(commit) == {"files": 2, "unchanged": 3}

        shop.write("cart.py", CART.replace("return 1", "return 3"))
        shop.write("new.go", "package shop\nfunc New() {}\n")
        (shop.folder / "web/pay.js").unlink()
        told = {"files": 2, "added": 1, "changed": 1, "moved": 1, "removed": 1}
        assert await shop.index(commit) == told
        assert shop.embedded() == 2
        stored = await shop.stored()
        assert set(stored) == {"shop/cart.py#Cart", "shop/cart.py#Cart.total", "shop/new.go#New"}
        assert {one["payload"]["commit"] for one in stored.values()} == {"c" * 40}

    play(tmp_path, scene)


def test_what_cannot_be_read_is_named_and_the_rest_is_indexed(tmp_path: Path) -> None:
    async def scene(shop: Repository) -> None:
        shop.write("cart.py", CART)
        shop.write("binary.py", b"\0\1\2" * 99)
        shop.write("app.min.js", "function a(){return 1};" * 100)
        shop.write("data.js", "x = [\n" + "1," * 11_000 + "\n]\n" + "y = 2\n" * 1000)
        shop.write(
            "shop_pb2.py", "# Generated by the protocol buffer compiler.  DO NOT EDIT!\nx=1\n"
        )
        shop.write(
            "mock.go", "// Code generated by MockGen. DO NOT EDIT.\npackage m\nfunc F() {}\n"
        )
        shop.write("huge.c", b"/" * (1 << 20) + b"\n")
        shop.write("broken.py", "def good(): pass\ndef (:\n")
        shop.write("broken.ipynb", "{")
        shop.write("latin.py", b"def caf\xe9(): pass\n")
        shop.write("wide.cs", "class Wide { }".encode("utf-16"))
        shop.write("empty.py", "")
        counts = await shop.index()
        assert counts == {"files": 11, "added": 5, "complaints": 8}
        reasons = {one["place"]: one["reason"] for one in shop.rejected}
        assert {place: why.split(":")[0] for place, why in reasons.items()} == {
            "app.min.js": "it is minified",
            "binary.py": "it is binary",
            "broken.ipynb": "it is no notebook as Jupyter writes them",
            "broken.py": "line 2 is no python as it is known here; 1 functions were found "
            "nevertheless",
            "data.js": "it is minified, or data",
            "huge.c": "it has 1048577 bytes, and up to 1048576 are read",
            "mock.go": "it says that it is generated",
            "shop_pb2.py": "it says that it is generated",
        }
        symbols = {one["payload"]["symbol"] for one in (await shop.stored()).values()}
        assert symbols == {"Cart", "Cart.total", "café", "Wide", "good"}

    play(tmp_path, scene)


def test_the_same_name_twice_in_a_file_is_two_exemplars(tmp_path: Path) -> None:
    async def scene(shop: Repository) -> None:
        shop.write("a.java", "class A { void f(int a) {} void f(String b) {} }")
        await shop.index()
        assert set(await shop.stored()) == {"shop/a.java#A", "shop/a.java#A.f", "shop/a.java#A.f~2"}

    play(tmp_path, scene)


def test_another_repository_of_the_name_is_refused(tmp_path: Path) -> None:
    async def scene(shop: Repository) -> None:
        shop.write("cart.py", CART)
        await shop.index()
        (shop.folder / "cart.py").rename(shop.folder / "other.py")
        with pytest.raises(SourceInvalid, match="--name"):
            await shop.index()
        called = lambda tree: setattr(tree, "name", "other")  # noqa: E731 - two words
        assert await shop.index(called) == {"files": 1, "added": 2}
        assert len(await shop.stored()) == 4

    play(tmp_path, scene)


def test_nothing_is_removed_that_could_only_not_be_read(tmp_path: Path) -> None:
    async def scene(shop: Repository) -> None:
        for name in ("a.py", "lost/b.py", "c.py", "d.py"):
            shop.write(name, "def f(): pass\n")
        await shop.index()

        def unlucky(tree: Tree) -> None:
            tree.unread = [("c.py", "refused"), ("lost/", "refused")]
            del tree.files[1:]

        assert await shop.index(unlucky) == {
            "files": 1,
            "unchanged": 1,
            "removed": 1,
            "complaints": 2,
        }
        assert {one["payload"]["path"] for one in (await shop.stored()).values()} == {
            "a.py",
            "c.py",
            "lost/b.py",
        }

        def cut_short(tree: Tree) -> None:
            tree.is_whole = False
            assert tree.files.pop().path == "lost/b.py"

        assert await shop.index(cut_short) == {"files": 3, "added": 1, "unchanged": 2}
        assert len(await shop.stored()) == 4

    play(tmp_path, scene)


def test_many_functions_go_in_portions_that_are_told_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "PORTION_ROWS_FIRST", 3)
    monkeypatch.setattr(indexing, "PORTION_ROWS", 5)

    async def scene(shop: Repository) -> None:
        for n in range(20):
            shop.write(f"{n:02}.py", f"def f{n}(): return {'x, ' * n}\n")
        assert await shop.index() == {"files": 20, "added": 20, "truncated": 6}
        jobs = (await shop.client.call("GET", "/v1/jobs"))["jobs"]
        assert [job["enrolled"] for job in jobs] == [3, 5, 5, 5, 2]

    play(tmp_path, scene)


def test_who_stops_it_leaves_no_process_and_can_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Extractor] = []
    closed: list[Extractor] = []
    monkeypatch.setattr(Extractor, "__enter__", lambda self: (opened.append(self), self)[1])
    close = Extractor.close
    monkeypatch.setattr(Extractor, "close", lambda self: (closed.append(self), close(self))[1])

    async def scene(shop: Repository) -> None:
        shop.write("cart.py", CART)
        shop.encoder.gate.clear()
        task = asyncio.create_task(shop.index())
        while not shop.encoder.inside:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        shop.encoder.gate.set()
        assert opened and set(opened) <= set(closed)
        assert (await shop.index())["added"] == 2

    play(tmp_path, scene)


def test_a_file_that_ends_the_process_is_named_and_the_next_one_read() -> None:
    with Extractor(seconds_max=60) as extractor:
        assert [f.symbol for f in extractor.read("a.py", b"def f(): pass").functions] == ["f"]
        assert extractor._child is not None
        extractor._child.kill()
        broken = extractor.read("b.py", b"def f(): pass")
        assert broken.functions == [] and "not parsed" in (broken.complaint or "")
        assert [f.symbol for f in extractor.read("c.py", b"def g(): pass").functions] == ["g"]


def test_the_commands_create_index_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene(shop: Repository) -> None:
        client = shop.client
        with pytest.raises(click.UsageError, match="name one with --model"):
            await create(client, "new", None)  # neither `code` nor `minilm` is here
        await create(client, "code", None)
        with pytest.raises(CallFailed, match="other"):
            await create(client, "code", "other")
        await client.gallery("PUT", "raw", "", {"space": "elsewhere", "dim": 3})
        with pytest.raises(click.UsageError, match="made elsewhere"):
            await item_maker(client, "raw")
        shop.write("cart.py", CART)
        shop.write("b.py", b"\0")
        rejects = Rejects(tmp_path / "bad.jsonl")
        with open_tree(str(shop.folder)) as tree:
            assert await index_tree(client, "code", tree, rejects) == 0
        rejects.close()
        out = capsys.readouterr().out
        assert "shop: 2 added, 0 changed, 0 unchanged, 0 removed; 2 files\n" in out
        assert "1 files have something wrong; " in out

    play(tmp_path, scene)


class CodeEncoder(FakeEncoder):
    """Reads code, behind its language, and questions."""

    modality = "code"

    def decode(self, item: Item, *, role: Role | None = None, truncate: bool = True) -> Features:
        return super().decode(Item("text", item.content), role=role, truncate=truncate)


@pytest.mark.skipif("code" not in modality_names(), reason="no modality `code` here yet")
def test_an_encoder_of_code_gets_code_and_its_language(tmp_path: Path) -> None:
    async def scene(shop: Repository) -> None:
        make_item = await item_maker(shop.client, "code")
        assert make_item("f()", "go") == {"code": "f()", "language": "go"}
        assert make_item("f()", "") == {"code": "f()"}
        shop.write("pay.js", PAY)
        shop.make_item = make_item
        assert await shop.index() == {"files": 1, "added": 1}
        stored = (await shop.stored())["shop/pay.js#pay"]
        assert stored["item"] == {"code": PAY.strip(), "language": "javascript"}
        assert shop.encoder.batches == [[f"javascript {PAY.strip()}"]]
        body = {"query": "who pays?", "k": 1}
        hits = (await shop.client.gallery("POST", "code", "/search", body))["results"][0]["hits"]
        assert hits[0]["id"] == "shop/pay.js#pay"
        item = {"code": PAY, "language": "javascript"}
        made = {"model": "fake", "input": [item, "who pays?"]}
        assert len((await shop.client.call("POST", "/v1/embeddings", made))["data"]) == 2

    play(tmp_path, scene, CodeEncoder())


def test_what_is_searched_can_be_narrowed() -> None:
    options = {"language": "go", "repository": None, "prefix": "src/web"}
    assert conditions(options) == [
        {"payload.language": "go"},
        {"payload.path": {"gte": "src/web", "lt": "src/web\U0010ffff"}},
    ]
    payload = {"repository": "shop", "path": "a.go", "start_line": 3, "kind": "function"}
    assert place_of(payload) == "shop/a.go:3"
    assert place_of(payload | {"kind": "cell"}) == "shop/a.go"
