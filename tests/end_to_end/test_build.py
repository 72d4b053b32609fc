"""`semblance gallery build`, as a person runs it: every source, killed and run again, bad rows."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet
import pytest

from service.imports.reading import BATCH_ITEMS
from service.imports.runner import UNDER_WAY_MAX
from tests.pace import PACE
from tests.server import Server

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
ROWS = [
    {"id": "alien", "label": "horror", "text": "A creature hunts the crew of a spaceship", "n": 1},
    {"id": "jaws", "label": "horror", "text": "A shark attacks the guests of a beach", "n": 2},
    {"id": "babe", "label": "family", "text": "A pig wants to be a sheepdog", "n": 3},
]
MANY = 3000


def write_csv(folder: Path) -> Path:
    path = folder / "films.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    return path


def write_jsonl(folder: Path) -> Path:
    path = folder / "films.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS), "utf-8")
    return path


def write_parquet(folder: Path) -> Path:
    path = folder / "films.parquet"
    pyarrow.parquet.write_table(pa.Table.from_pylist(ROWS), path)
    return path


def write_folder(folder: Path) -> Path:
    for row in ROWS:
        path = folder / "films" / str(row["label"]) / f"{row['id']}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(row["text"]), "utf-8")
    return folder / "films"


SOURCES: Mapping[str, Callable[[Path], Path]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
    "folder": write_folder,
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "served") as server:
        yield server


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "service", "gallery", *map(str, words)]


def environment(folder: Path) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SEMBLANCE_")}
    return {**clean, "PYTHONPATH": str(ROOT), "SEMBLANCE_DATA_DIR": str(folder / "local")}


def ran(*words: object, folder: Path) -> tuple[int, str, str]:
    """Run the command to its end; return exit code, standard output and standard error."""
    done = subprocess.run(
        command(*words),
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120 * PACE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def under_way(*words: object, server: Server, folder: Path) -> subprocess.Popen[str]:
    """Start the command, and wait until the first exemplars of `many` stand."""
    process = subprocess.Popen(
        command(*words),
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not count_of(server, "many"):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process


def many(folder: Path) -> Path:
    """A table that takes long enough to be killed over."""
    path = folder / "many.csv"
    lines = (f"{n},item {n} of a long list of things that are all different\n" for n in range(MANY))
    path.write_text("id,text\n" + "".join(lines), "utf-8")
    return path


def count_of(server: Server, name: str) -> int:
    reply = httpx.get(f"{server.url}/v1/galleries/{name}")
    return int(reply.json()["count"]) if reply.status_code == 200 else 0


def embedded_items(server: Server) -> int:
    """How many items have been through the encoder, by the server's own count."""
    text = httpx.get(f"{server.url}/metrics").text
    return sum(
        int(float(n)) for n in re.findall(r"^semblance_batch_items_sum{.*} (\S+)$", text, re.M)
    )


@pytest.mark.parametrize("kind", SOURCES)
def test_each_source_becomes_the_same_gallery_here_and_on_a_server(
    server: Server, tmp_path: Path, kind: str
) -> None:
    source = SOURCES[kind](tmp_path)
    for where in ([], ["--server", server.url]):
        code, out, err = ran("build", "films", source, "--model", "minilm", *where, folder=tmp_path)
        assert (code, out) == (
            0,
            "films: 3 enrolled, 0 stood already, 0 rejected; 3 exemplars in all\n",
        ), err
        assert re.search(r"building films: 100 %, 3 rows, \d+/s, 0 s left", err)
        code, out, _ = ran(
            "search", "films", "sharks by the sea", "-k", 1, "--json", *where, folder=tmp_path
        )
        (hit,) = json.loads(out)
        assert hit["id"] == ("horror/jaws.txt" if kind == "folder" else "jaws")
        assert hit["label"] == "horror"
        number = "2" if kind == "csv" else 2
        assert hit["payload"] == (None if kind == "folder" else {"n": number})


def test_an_export_builds_the_same_gallery_elsewhere_and_nothing_is_embedded(
    server: Server, tmp_path: Path
) -> None:
    there = ("--server", server.url)
    built = ran("build", "films", write_csv(tmp_path), "--model", "minilm", folder=tmp_path)
    assert built[0] == 0, built
    code, out, err = ran("export", "films", "copy.parquet", folder=tmp_path)
    assert (code, out.startswith("copy.parquet: ")) == (0, True), err
    before = embedded_items(server)
    words = ("build", "again", "copy.parquet", "--model", "minilm", *there)
    assert ran(*words, folder=tmp_path)[0] == 0
    assert embedded_items(server) == before
    assert ran("export", "again", "back.parquet", *there, folder=tmp_path)[0] == 0
    ours, theirs = (
        pyarrow.parquet.read_table(tmp_path / f"{name}.parquet") for name in ("copy", "back")
    )
    assert ours.equals(theirs)
    assert ours.num_rows == len(ROWS)
    code, _, err = ran("export", "none", "none.parquet", *there, folder=tmp_path)
    assert (code, "no gallery 'none'" in err) == (1, True)
    assert sorted(path.name for path in tmp_path.glob("none*")) == []
    other = ("build", "other", "copy.parquet", "--space", "other", "--dim", 384, *there)
    code, _, err = ran(*other, folder=tmp_path)
    assert (code, "and the gallery holds space 'other'" in err) == (1, True)


def test_again_costs_nothing_and_what_changed_is_replaced(server: Server, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path)
    words = ("build", "films", source, "--model", "minilm", "--server", server.url)
    assert ran(*words, folder=tmp_path)[0] == 0
    before = embedded_items(server)
    code, out, _ = ran(*words, folder=tmp_path)
    assert (code, out[:38]) == (0, "films: 0 enrolled, 3 stood already, 0 ")
    assert embedded_items(server) == before
    changed = [{**ROWS[0], "text": "A ship finds a cat"}, *ROWS[1:], {"id": "new", "text": "A dog"}]
    source.write_text("".join(f"{json.dumps(row)}\n" for row in changed), "utf-8")
    code, out, _ = ran(*words, folder=tmp_path)
    assert out == "films: 2 enrolled, 2 stood already, 0 rejected; 4 exemplars in all\n"
    assert embedded_items(server) == before + 2
    alien = httpx.get(f"{server.url}/v1/galleries/films/exemplars/alien").json()
    assert alien["item"] == {"text": "A ship finds a cat"}


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_build_goes_on_where_it_was(
    server: Server, tmp_path: Path, blow: signal.Signals
) -> None:
    words = ("build", "many", many(tmp_path), "--model", "minilm", "--server", server.url)
    process = under_way(*words, server=server, folder=tmp_path)
    process.send_signal(blow)
    _, err = process.communicate(timeout=30 * PACE)
    if blow == signal.SIGINT:
        assert process.returncode == 3
        assert err.splitlines()[-1] == "Error: stopped; run the same command again to go on"
    stood = count_of(server, "many")
    assert 0 < stood < MANY
    code, out, err = ran(*words, folder=tmp_path)
    assert code == 0, err
    enrolled, unchanged, rejected, in_all = map(int, re.findall(r"\d+", out))
    assert (enrolled + unchanged, rejected, in_all) == (MANY, 0, MANY)
    assert unchanged >= stood
    # At most the batches that were under way were worked on twice.
    assert embedded_items(server) <= MANY + UNDER_WAY_MAX * BATCH_ITEMS


def test_a_server_that_dies_stops_the_build_and_nothing_acknowledged_is_lost(
    tmp_path: Path,
) -> None:
    source, data = many(tmp_path), tmp_path / "served"
    with Server(data) as server:
        words = ("build", "many", source, "--model", "minilm", "--server", server.url)
        process = under_way(*words, server=server, folder=tmp_path)
        stood = count_of(server, "many")
        server.kill()
        _, err = process.communicate(timeout=60 * PACE)
        assert process.returncode == 3, err
        assert "what was acknowledged stands: run the same command again to go on" in err
    with Server(data) as server:
        assert count_of(server, "many") >= stood
        again = ("build", "many", source, "--model", "minilm", "--server", server.url)
        code, out, err = ran(*again, folder=tmp_path)
        assert code == 0, err
        assert f"; {MANY} exemplars in all" in out


def test_bad_rows_go_to_a_file_with_their_reasons(server: Server, tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    good = '{"id": "a", "text": "a good row"}\n'
    bad = '{"id": "b", "text": ""}\nno json\n{"id": "a", "text": "again"}\n{"id": "c", "text": 7}\n'
    source.write_text(good + bad, "utf-8")
    words = ("build", "rows", source, "--model", "minilm", "--server", server.url)
    code, out, err = ran(*words, folder=tmp_path)
    assert code == 4
    assert out == "rows: 1 enrolled, 0 stood already, 4 rejected; 1 exemplars in all\n"
    assert err.splitlines()[-1] == "Error: 4 rows were rejected; rows.rejected.jsonl says why"
    rejects = tmp_path / "rows.rejected.jsonl"
    lines = map(json.loads, rejects.read_text("utf-8").splitlines())
    told = {line["place"]: (line["id"], line["reason"]) for line in lines}
    assert set(told) == {"line 2", "line 3", "line 4", "line 5"}
    assert (told["line 2"][0], told["line 2"][1][:10]) == ("b", "item_empty")
    assert told["line 3"][1].startswith("exemplar_invalid: not JSON")
    assert told["line 4"] == ("a", "id_repeated: id 'a' stands earlier in this source already")
    assert (told["line 5"][0], told["line 5"][1][:16]) == ("c", "item_undecodable")
    source.write_text(good, "utf-8")
    assert ran(*words, folder=tmp_path)[0] == 0
    assert not rejects.exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("build", "films", "films.csv"), 2, "name its encoder with --model"),
        (("build", "films", "none.csv", "--model", "minilm"), 2, "does not exist"),
        (("build", "films", "films.csv", "--model", "gpt"), 1, "no model 'gpt' is loaded"),
        (("build", "films", "films.csv", "--model", "minilm", "--text-column", "plot"), 1, "plot"),
        (("build", "films", "films.csv", "--rejected", "no/where"), 2, "name another file"),
        (("list", "--server", "http://127.0.0.1:9"), 1, "no answer from http://127.0.0.1:9"),
        (("list", "--server", "http://[::1"), 1, "cannot be used"),
        (("list", "--server", ""), 2, "--server is empty"),
        (("--key", "é", "list", "--server", "http://127.0.0.1:9"), 1, "cannot be used"),
        (("identify", "films", "a", "--threshold", "nan"), 1, "cannot be sent"),
        (("search", "films", "\udcff"), 1, "cannot be sent"),
        (("show", "\udcff"), 1, "no gallery"),
    ],
)
def test_what_cannot_be_done_is_said_with_an_exit_code(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    write_csv(tmp_path)
    got, _, err = ran(*words, folder=tmp_path)
    assert (got, said in err) == (code, True), err
    assert "Traceback" not in err
