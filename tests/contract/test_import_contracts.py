"""Every import contract is seen to fail: a violation of each is planted in a copy."""

import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.pace import PACE

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LINTER = PROJECT["tool"]["importlinter"]
CONTRACTS: dict[str, dict[str, Any]] = {one["id"]: one for one in LINTER["contracts"]}
PLUG_INS = [pattern.removesuffix(".*") for pattern in CONTRACTS["plug-ins"]["protected_modules"]]

# Each breaks its own contract and no other.
PLANTED = [
    ("layers", "service.lane", "from models.training import parity"),
    ("layers", "service.lane", "def late(): from models.training import card"),
    ("layers", "models.onnx_encoder", "from index import vectors"),
    ("layers", "models.modalities.text", "from models.bundle import Bundle"),
    ("layers", "models.manifest", "from models.modality import Item"),
    ("no-torch", "service.embedder", "def late(): import torch"),
    ("no-torch", "models.modalities.text", "from transformers import AutoTokenizer"),
    ("no-torch", "models.modalities.planted", "import sentence_transformers"),
    ("no-torch", "models.onnx_encoder", "import onnx"),
    ("no-torch", "index.vectors", "import onnxscript"),
    ("index-alone", "index.view", "from models.errors import InputError"),
    ("index-alone", "index.store", "import tokenizers"),
    ("below-the-service", "models.bundle", "import httpx"),
    ("below-the-service", "models.training.texts", "import httpx"),
    ("below-the-service", "index.galleries", "import httpx"),
    ("web-at-the-edge", "service.searcher", "from fastapi import HTTPException"),
    ("web-at-the-edge", "service.assembly", "from starlette.types import ASGIApp"),
    ("edge-apart", "service.numbers", "from service.replies import Json"),
    ("edge-apart", "service.heap", "def late(): from service.app import create_app"),
    ("reader-apart", "service.imports.repeats", "from index.gallery import Gallery"),
    ("reader-apart", "service.candidates", "from service.embedder import Embedder"),
    ("server-door", "service.edge", "import uvicorn"),
    ("server-door", "service.serving", "def late(): import uvicorn"),
    ("traces-door", "service.lane", "from opentelemetry import trace"),
    ("faiss-door", "index.view", "import faiss"),
    ("sqlite-door", "index.store", "import apsw"),
    ("runtime-door", "models.modality", "import onnxruntime"),
    ("runtime-door", "service.lane", "def late(): import onnxruntime"),
    ("pillow-door", "models.modalities.image", "from PIL import Image"),
    ("pillow-door", "service.lane", "def late(): import PIL"),
    ("sndfile-door", "models.modalities.audio", "import soundfile"),
    ("sndfile-door", "service.lane", "def late(): from soundfile import SoundFile"),
    ("ocr-door", "models.modalities.image", "import rapidocr"),
    ("ocr-door", "service.lane", "def late(): from rapidocr import RapidOCR"),
    ("code-aside", "service.reembedding", "from service.repository import files"),
    ("code-aside", "models.modalities.text", "def late(): from models.functions import naming"),
    ("parsers-door", "service.repository.reading", "import tree_sitter"),
    ("parsers-door", "models.modalities.text", "def late(): import tree_sitter"),
    ("workbook-door", "service.records.tables", "def late(): import openpyxl"),
    ("redis-door", "service.recall", "import redis"),
    ("redis-door", "service.keys", "def late(): from redis.asyncio import Redis"),
    ("concrete-encoder", "service.lane", "from models.onnx_encoder import OnnxEncoder"),
    ("plug-ins", "index.view", "from index.scans import scan"),
    ("no-circles", "index.hits", "from index.view import View"),
    ("no-circles", "models.training.texts", "from models.training import parity"),
    ("no-circles", "service.batcher", "def late(): from service.lane import Lane"),
]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is linted, with its contracts."""
    folder = tmp_path_factory.mktemp("sources")
    for package in LINTER["root_packages"]:
        unwanted = shutil.ignore_patterns("__pycache__", "bundles")
        shutil.copytree(ROOT / package, folder / package, ignore=unwanted)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def broken(sources: Path) -> set[str]:
    """Return the names of the contracts that the sources break."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=sources,
        env=os.environ | {"COLUMNS": "200"},  # a name is never wrapped
        capture_output=True,
        text=True,
        timeout=60 * PACE,
        check=False,
    )
    names = set(re.findall(r"^(.+) BROKEN\b", done.stdout, re.MULTILINE))
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    assert done.returncode == bool(names)
    return names


@contextmanager
def planted(sources: Path, module: str, statement: str) -> Iterator[None]:
    """Add a statement to a module, which may be a new one, for a while."""
    file = sources / f"{module.replace('.', '/')}.py"
    before = file.read_text("utf-8") if file.exists() else None
    file.write_text(f"{before or ''}\n{statement}\n", "utf-8")
    try:
        yield
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_text(before, "utf-8")


def test_the_sources_keep_every_contract(sources: Path) -> None:
    assert broken(sources) == set()


def test_every_contract_has_a_planted_violation() -> None:
    assert {contract for contract, _, _ in PLANTED} == set(CONTRACTS)


@pytest.mark.parametrize(("contract", "module", "statement"), PLANTED)
def test_a_violation_breaks_its_contract_alone(
    sources: Path, contract: str, module: str, statement: str
) -> None:
    with planted(sources, module, statement):
        assert broken(sources) == {CONTRACTS[contract]["name"]}


@pytest.mark.parametrize("folder", PLUG_INS)
def test_a_plug_in_that_knows_its_neighbour_is_caught(sources: Path, folder: str) -> None:
    """A pattern that matches nothing would keep the peace, hence one violation for each."""
    neighbour = next(pkgutil.iter_modules([str(sources / folder.replace(".", "/"))])).name
    with planted(sources, f"{folder}.planted", f"from {folder} import {neighbour}"):
        assert broken(sources) == {CONTRACTS["plug-ins"]["name"]}
