"""Generated calls of everything in `/openapi.json`, good and bad: answered as it says, no 500."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from service.key_file import add_key
from tests.pace import PACE
from tests.server import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 * PACE)]
# Not `negative_data_rejection`: enrolment takes a call with bad exemplars, and names them.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
)
# Names that generated paths hit.
GALLERIES = ("0", "a")
EXEMPLAR = {"id": "0", "label": "A", "item": "a text", "payload": {"year": 1950}}


@dataclass(frozen=True, slots=True)
class Keyed:
    """A server that asks for a key, as the schema says, and one that opens everything."""

    url: str
    key: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("data")
    file = folder / "keys.json"
    key = f"Bearer {add_key(file, 'all', scopes=('admin',))}"
    with (
        Server(folder, "--keys-file", str(file)) as server,
        httpx.Client(base_url=server.url, headers={"authorization": key}) as client,
    ):
        for name in GALLERIES:
            gallery = f"/v1/galleries/{name}"
            client.put(gallery, json={"model": "minilm"}).raise_for_status()
            client.post(f"{gallery}/exemplars", json={"exemplars": [EXEMPLAR]}).raise_for_status()
        yield Keyed(server.url, key)


def test_generated_calls_are_answered_as_documented(server: Keyed, tmp_path: Path) -> None:
    """The command line of schemathesis: its plug-in for pytest does not know this pytest."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run"]
    command += [f"{server.url}/openapi.json", "--checks", ",".join(CHECKS), "--no-color"]
    command += ["--header", f"authorization: {server.key}"]
    command += ["--phases", "coverage,fuzzing,stateful", "--max-examples", "30"]
    command += ["--seed", "1", "--continue-on-failure"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=900 * PACE, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_every_reference_of_the_schema_leads_somewhere(server: Keyed) -> None:
    schema = httpx.get(f"{server.url}/openapi.json").json()

    def references(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    found = set(references(schema))
    assert found
    for reference in found:
        place = schema
        for part in reference.removeprefix("#/").split("/"):
            assert part in place, reference
            place = place[part]
