"""A newcomer's first minutes: the sample gallery, and the commands of the pages as they stand."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.sampling import missing
from service.settings import Settings
from tests.pace import PACE
from tests.server import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 * PACE)]
ROOT = Path(__file__).parents[2]
BUILD_SECONDS_MAX = 900


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has built its samples by itself, from the standard library of this Python."""
    folder = tmp_path_factory.mktemp("data")
    with Server(folder, "--models", "minilm,logo,names", samples=True) as server:
        until = time.monotonic() + BUILD_SECONDS_MAX * PACE
        while missing(Settings(data_dir=folder)):
            assert time.monotonic() < until, "the sample gallery was not built"
            time.sleep(0.5)
        yield server


@pytest.mark.parametrize(
    ("question", "sensible"),
    [
        ("copy a folder with everything in it", {"shutil.copytree"}),
        ("remove accents from a string", {"unicodedata.normalize", "str.translate"}),
        ("run a function in other processes", {"multiprocessing.Process", "multiprocessing.Pool"}),
        ("greatest common divisor", {"math.gcd"}),
        ("pick a random element of a list", {"random.choice"}),
        ("turn an object into json", {"json.dumps"}),
    ],
)
def test_a_question_in_plain_english_finds_sensible_functions(
    server: Server, question: str, sensible: set[str]
) -> None:
    ids = [hit["id"] for hit in asked(server, question)]
    assert sensible & set(ids), ids


def test_every_exemplar_is_a_function_with_its_signature(server: Server) -> None:
    page = httpx.get(f"{server.url}/v1/galleries/python/exemplars?limit=1000").json()
    assert len(page["exemplars"]) == 1000
    assert all(one["label"] == one["id"] for one in page["exemplars"])
    gcd = httpx.get(f"{server.url}/v1/galleries/python/exemplars/math.gcd").json()
    assert gcd["payload"] == {"module": "math"}


@pytest.mark.parametrize("page", ["README.md", "docs/api.md", "docs/models.md"])
def test_the_commands_of_the_pages_work(server: Server, page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.S | re.M)
    ran = 0
    for block in blocks:
        if re.match(r"(make|docker) ", block):
            continue
        script = block.replace("http://127.0.0.1:8080", server.url)
        script = script.replace(".venv/bin/semblance", f"{sys.executable} -m service")
        script = script.replace("@README.md", f"@{ROOT / 'README.md'}")
        script = script.replace("curl -s", "curl -s --show-error --fail-with-body")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120 * PACE,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        ran += 1
    assert ran


def test_the_films_are_told_as_the_readme_says(server: Server) -> None:
    queries = {"queries": ["a monster kills astronauts", "how do I bake bread?"]}
    answer = httpx.post(f"{server.url}/v1/galleries/films/identify", json=queries).json()
    told = [(one["verdict"], one["label"]) for one in answer["results"]]
    assert told == [("match", "Alien"), ("unknown", None)]


def test_the_python_of_the_readme_works(server: Server) -> None:
    (block,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.S | re.M
    )
    names: dict[str, Any] = {}
    exec(block.replace("http://127.0.0.1:8080", server.url), names)
    assert [len(row.embedding) for row in names["reply"].data] == [384, 384]
    names["client"].close()


def test_the_answer_in_the_readme_is_the_one_given(server: Server) -> None:
    (shown,) = re.findall(
        r"^```json\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.S | re.M
    )
    lines = [json.loads(line.strip().rstrip(",")) for line in shown.splitlines()[1:]]
    hits = asked(server, "copy a folder with everything in it", k=len(lines))
    for line, hit in zip(lines, hits, strict=True):
        assert line | {"score": 0} == hit | {"score": 0}
        # Docstrings change a little from one Python to the next.
        assert line["score"] == pytest.approx(hit["score"], abs=0.05)


def asked(server: Server, question: str, k: int = 5) -> list[dict[str, Any]]:
    """Ask the sample gallery."""
    body = {"query": question, "k": k}
    reply = httpx.post(f"{server.url}/v1/galleries/python/search", json=body, timeout=30 * PACE)
    hits: list[dict[str, Any]] = reply.raise_for_status().json()["results"][0]["hits"]
    return hits
