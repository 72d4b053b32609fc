"""`semblance gallery snapshot | restore | reembed`, as a person runs them, here and on a server."""

import signal
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.test_build import (
    MANY,
    count_of,
    embedded_items,
    many,
    ran,
    under_way,
    write_jsonl,
)
from tests.server import Server

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("here", [True, False])
def test_a_gallery_to_a_file_and_back(tmp_path: Path, here: bool) -> None:
    with Server(tmp_path / "served") as server:
        where = [] if here else ["--server", server.url]
        source = write_jsonl(tmp_path)
        assert ran("build", "films", source, "--model", "minilm", *where, folder=tmp_path)[0] == 0
        code, out, _ = ran("snapshot", "films", *where, folder=tmp_path)
        size = (tmp_path / "films.snapshot").stat().st_size
        assert (code, out) == (
            0,
            f"films.snapshot: 3 exemplars of films at seq 1, {size} bytes\n",
        )
        code, out, _ = ran("restore", "again", "films.snapshot", *where, folder=tmp_path)
        assert (code, out) == (0, "again: 3 exemplars, seq 1\n")
        found = [
            ran("search", name, "sharks by the sea", "--json", *where, folder=tmp_path)[1]
            for name in ("films", "again")
        ]
        assert found[0] == found[1]
        assert '"jaws"' in found[0]
        code, out, err = ran("restore", "again", "films.snapshot", *where, folder=tmp_path)
        assert (code, "ask for `replace`" in err) == (1, True)
        code, _, err = ran("restore", "x", source, *where, folder=tmp_path)
        assert (code, "no snapshot of a gallery" in err) == (1, True)


def test_a_change_of_encoder_killed_in_the_middle_and_gone_on_with(tmp_path: Path) -> None:
    with Server(tmp_path / "served", "--cache-bytes-max", "0") as server:
        at = ["--server", server.url]
        assert (
            ran("build", "old", many(tmp_path), "--model", "minilm", *at, folder=tmp_path)[0] == 0
        )
        assert ran("alias", "live", "old", *at, folder=tmp_path)[0] == 0
        before = embedded_items(server)
        words = ("reembed", "old", "many", "--model", "minilm", "--alias", "live", *at)
        process = under_way(*words, server=server, folder=tmp_path)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        stood = count_of(server, "many")
        assert 0 < stood < MANY
        assert httpx.get(f"{server.url}/v1/galleries/live").json()["name"] == "old"
        code, out, err = ran(*words, folder=tmp_path)
        assert code == 0, err
        first, same, switched, late = out.splitlines()
        assert first.endswith(f"0 rejected; {MANY} exemplars in all")
        assert int(first.split(" stood already")[0].split()[-1]) >= stood
        assert same == "the same ids as old; 100 of 100 found first by their own items"
        assert switched.startswith("live points at many (before: old); back: ")
        assert late.startswith("0 writes to old were copied after the switch")
        assert f"embedding old as many: 100 %, {MANY} rows" in err
        # Each once, the batch that was under way at the kill, and the questions of the check.
        assert embedded_items(server) - before <= MANY + 256 + 100
        assert httpx.get(f"{server.url}/v1/galleries/live").json()["name"] == "many"
        code, out, _ = ran("alias", "live", "--rollback", *at, folder=tmp_path)
        assert (code, out) == (0, "live points at old (before: many)\n")
        code, _, err = ran(*words[:4], "no", *words[5:], folder=tmp_path)
        assert (code, "no loaded encoder" in err or "'no'" in err) == (1, True)
