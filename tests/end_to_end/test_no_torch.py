"""The service does all its work in a process in which torch cannot be imported."""

import asyncio
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.pace import PACE

ROOT = Path(__file__).parents[2]
ABSENT = {"torch", "transformers", "sentence_transformers", "onnx", "onnxscript"}
MODEL = "minilm"
ITEMS = {
    "moons": "Jupiter has more than ninety moons",
    "bread": "Knead the dough and let it rise before it goes into the oven",
}


class Refusal(MetaPathFinder):
    """Asked before every other finder, it says that what must not be needed is not there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the process tells of itself."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.end_to_end.test_no_torch", tmp_path_factory.mktemp("data")],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("SEMBLANCE_")},
        capture_output=True,
        text=True,
        timeout=120 * PACE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_torch_cannot_be_imported_there(told: dict[str, Any]) -> None:
    assert set(told["refused"]) == ABSENT


def test_all_that_serves_can_be_imported(told: dict[str, Any]) -> None:
    """Plug-ins too: their catalogs import by name, which no import contract sees."""
    plug_ins = {"models.modalities.text", "index.scans.flat", "service.routes.questions"}
    assert plug_ins | {"service.commands.models"} <= set(told["imported"])


def test_it_embeds_enrols_and_finds(told: dict[str, Any]) -> None:
    assert told["norm"] == pytest.approx(1.0, abs=1e-5)
    assert told["found"] == {
        "planets and their satellites": ["moons", "bread"],
        "how to bake a loaf": ["bread", "moons"],
    }


def refused() -> list[str]:
    """Try to import what is absent."""
    names = []
    for name in ABSENT:
        try:
            import_module(name)
        except ImportError:
            names.append(name)
    return names


def imported() -> list[str]:
    """Import every module but those of training, and the one that is a program."""
    names = []
    for package in ("service", "models", "index"):
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if not module.name.startswith("models.training") and module.name != "service.__main__":
                import_module(module.name)
                names.append(module.name)
    return names


async def worked(folder: Path) -> dict[str, Any]:
    """Assemble the service on a folder, with the bundle that ships, and call it."""
    import httpx
    import numpy as np

    from service.app import create_app
    from service.assembly import assemble
    from service.client import Client
    from service.settings import read_settings

    parts = assemble(read_settings(data_dir=folder, samples=False))
    try:
        transport = httpx.ASGITransport(create_app(parts))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            client = Client(http)
            body = {"model": MODEL, "input": "a text"}
            (row,) = (await client.call("POST", "/v1/embeddings", body))["data"]
            await client.gallery("PUT", "g", body={"model": MODEL})
            exemplars = [{"id": name, "item": item} for name, item in ITEMS.items()]
            await client.gallery("POST", "g", "/exemplars", {"exemplars": exemplars})
            queries = ["planets and their satellites", "how to bake a loaf"]
            answer = await client.gallery("POST", "g", "/search", {"queries": queries, "k": 2})
            found = [[hit["id"] for hit in one["hits"]] for one in answer["results"]]
            return {
                "norm": float(np.linalg.norm(row["embedding"])),
                "found": dict(zip(queries, found, strict=True)),
            }
    finally:
        parts.close()


if __name__ == "__main__":
    sys.meta_path.insert(0, Refusal())
    done_here = {"refused": refused(), **asyncio.run(worked(Path(sys.argv[1])))}
    sys.stdout.write(json.dumps(done_here | {"imported": imported()}))
