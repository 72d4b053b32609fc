"""A repository indexed over HTTP, beside the bare encoder on the same functions, by length."""

import asyncio
import shutil
import sysconfig
import tempfile
from pathlib import Path
from time import perf_counter

from models.onnx_encoder import OnnxEncoder
from models.onnx_session import cores
from service.builder import Rejects
from service.client import open_client
from service.repository.indexing import Indexing
from service.repository.rows import file_rows, text_item
from service.repository.tree import open_tree
from service.settings import Settings
from tests.bench.figures import Figure, seconds_of
from tests.bench.texts import embedded_texts
from tests.server import Server

PACKAGES = ("asyncio", "email", "unittest")  # of the standard library: some 1 800 functions
MODEL = "minilm"


def figures() -> list[Figure]:
    """Measure functions a second: found, embedded bare, and indexed from file to disk."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "source"
        for package in PACKAGES:
            shutil.copytree(Path(sysconfig.get_path("stdlib")) / package, place / package)
        started = perf_counter()
        with open_tree(str(place)) as tree:
            exemplars = [one for file in file_rows(tree, text_item) for one in file.exemplars]
        found = len(exemplars) / (perf_counter() - started)
        encoder = OnnxEncoder.open(Path("models/bundles") / MODEL, threads=cores(), provider="cpu")
        texts = [one["item"]["text"] for one in exemplars]
        bare = len(texts) / seconds_of(lambda: embedded_texts(encoder, texts))
        with Server(Path(name) / "data", "--cache-bytes-max", "0") as server:
            ours = len(texts) / asyncio.run(indexed(server.url, place, len(texts)))
            again = len(texts) / asyncio.run(indexed(server.url, place, 0))
    ratio = ours / bare
    return [
        Figure("functions found", f"{found:.0f}/s"),
        Figure("functions indexed", f"{ours:.0f}/s", f"bare encoder {bare:.0f}/s", ratio, ">= 0.9",
               ratio >= 0.9),
        Figure("functions that stand looked at again", f"{again:.0f}/s"),
    ]  # fmt: skip


async def indexed(server: str, place: Path, added: int) -> float:
    """Index a folder, and return the seconds that it took."""
    async with open_client(server, None, Settings()) as client:
        await client.gallery("PUT", "code", "", {"model": MODEL})
        rejects = Rejects(place.parent / "rejects.jsonl")
        started = perf_counter()
        with open_tree(str(place)) as tree:
            work = Indexing(client, "code", tree, text_item, rejects, lambda _: None)
            counts = await work.run()
        assert counts["added"] == added, counts
        return perf_counter() - started
