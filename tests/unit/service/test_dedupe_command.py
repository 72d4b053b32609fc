"""`semblance dedupe` and its labels, on files: what it writes, says, asks and refuses."""

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from service.cli import main
from service.linking import cluster, dedup
from service.records.deduping import DedupeTerms, candidates_of, dedupe, first_alike
from service.records.labelling import Dialogue
from service.records.labels import hashes_of, placed, read_answers
from service.records.output import Side
from service.records.pooling import pooled
from service.records.schema import Field, Schema
from service.records.tables import read_table
from tests.lettered import Lettered
from tests.people import people

TABLE = "id,name,cluster\n1,Acme Incorporated,x\n2,Zeta Holding,\n3,Acme Incorporatd,\n4,=1+1,\n"
SLOW_TABLE = 240


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMBLANCE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SEMBLANCE_MODELS", "names")
    (tmp_path / "table.csv").write_text(TABLE, "utf-8")
    names, owners = people(SLOW_TABLE, 0.25, 3)
    lines = [f"{name},{owner}" for name, owner in zip(names, owners, strict=True)]
    (tmp_path / "people.csv").write_text("\n".join(["name,owner", *lines]) + "\n", "utf-8")
    return tmp_path


def run(*words: str, code: int = 0, said: str = "", command: str = "dedupe") -> Result:
    done = CliRunner().invoke(main, [command, *words], input=said)
    assert done.exit_code == code, (done.output, done.exception)
    return done


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_comes_back_whole_with_its_clusters() -> None:
    done = run("table.csv", "--on", "name", "--id", "id", "--threshold", "0.8",
               "--golden", "golden.csv", "--report", "report.json")  # fmt: skip
    assert "4 records in 3 clusters; threshold 0.800" in done.output
    rows = rows_of("deduped.csv")
    assert [row["id"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["cluster_2"] for row in rows] == ["1", "2", "1", "3"]  # `cluster` is the table's
    assert [row["linked_to"] for row in rows] == ["3", "", "1", ""]
    assert rows[0]["cluster"] == "x" and rows[0]["reason"].startswith("name .9")
    assert rows[3]["name"].lstrip("'") == "=1+1" and not rows[3]["name"].startswith("=")
    golden = rows_of("golden.csv")
    assert [row["name"].lstrip("'") for row in golden] == [
        "Acme Incorporated",
        "Zeta Holding",
        "=1+1",
    ]
    assert golden[0]["taken_from"].startswith("id: 1 (medoid, 1 of 2); name: 1 (longest, 1 of 2)")
    report = json.loads(Path("report.json").read_text("utf-8"))
    assert (report["records"], report["clusters"], report["repeated"]) == (4, 3, 1)
    assert report["held"][0]["members"] == ["1", "3"]
    assert report["sizes"] == [{"members": 2, "clusters": 1}, {"members": 1, "clusters": 2}]


def test_a_table_without_duplicates_comes_back_whole() -> None:
    done = run("table.csv", "--on", "name", "--id", "id", "--threshold", "1",
               "--golden", "golden.csv", "--report", "report.json")  # fmt: skip
    assert "4 records in 4 clusters" in done.output
    assert [row["linked_to"] for row in rows_of("deduped.csv")] == [""] * 4
    assert len(rows_of("golden.csv")) == 4
    assert json.loads(Path("report.json").read_text("utf-8"))["held"] == []


def test_without_a_threshold_it_is_found_or_the_command_says_how_to_go_on() -> None:
    done = run("table.csv", "--on", "name", code=1)
    assert "give a threshold, or label some pairs" in done.output
    assert not Path("deduped.csv").exists()


def test_junk_is_refused_in_words() -> None:
    Path("empty.csv").write_text("", "utf-8")
    Path("noise.csv").write_bytes(bytes(range(256)) * 20)
    Path("labels.jsonl").write_text('{"left": 1}\n{"left": 2}\n', "utf-8")
    assert "is empty" in run("empty.csv", code=1).output
    assert run("noise.csv", code=1).output
    assert "no column 'nane'" in run("table.csv", "--on", "nane", code=1).output
    assert "of no kind" in run("table.csv", "--output", "out.doc", code=1).output
    said = run("table.csv", "--on", "name", "--labels", "labels.jsonl", code=1).output
    assert "labels.jsonl, line 1: no answer" in said
    run("table.csv", "--linkage", "complete", code=2)


def test_a_dialogue_is_kept_resumed_and_undone() -> None:
    ask = ("label", "people.csv", "--on", "name", "--labels", "answers.jsonl")
    first = run(*ask, said="y\nwhat\nn\nu\ns\nq\n")
    assert "answer with y, n, s, u or q" in first.output
    assert "name" in first.output and "the same? [y]es" in first.output
    lines = [json.loads(line) for line in Path("answers.jsonl").read_text("utf-8").splitlines()]
    assert [line["answer"] for line in lines] == ["same", "different", "undone", "unknown"]
    assert "1 labels (1 the same): threshold" in first.output
    # A crash cut the last line short: what was whole counts, and the next line stands by itself.
    with Path("answers.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"left": "')
    second = run(*ask, "--most", "2", said="n\n")
    assert "2 labels (1 the same)" in second.output
    again = [line for line in Path("answers.jsonl").read_text("utf-8").splitlines() if line]
    assert json.loads(again[-1])["answer"] == "different"


def test_labels_by_the_truth_tell_a_threshold_that_dedupe_takes() -> None:
    table = read_table(Path("people.csv"))
    owners = table.columns["owner"]
    schema = Schema((Field("name", "name"),))
    side = Side(table, asyncio.run(pooled(table, schema, Lettered())))
    terms = DedupeTerms()
    pairs, _ = candidates_of(side.pooled, first_alike(side.pooled), terms)

    def knows(_: str) -> str:
        pair = dialogue.asking.next()  # the one that was shown
        assert pair is not None
        return "y" if owners[pairs.left[pair]] == owners[pairs.right[pair]] else "n"

    console = Console(file=io.StringIO())
    path = Path("answers.jsonl")
    dialogue = Dialogue(side, side, pairs, path, rerank=terms.rerank, console=console, ask=knows)
    done = dialogue.run(40)
    assert (done.labels, done.asked) == (40, 40)
    hashes = hashes_of(table, ["name"])
    found, lost = placed(read_answers(path), hashes, hashes)
    assert (len(found), lost) == (40, 0)
    labels = [(left, right, same) for left, right, same in found if same is not None]
    made = dedupe(side.pooled, DedupeTerms(labels=labels))
    assert done.threshold is not None
    assert made.threshold == pytest.approx(done.threshold.threshold, abs=0.05)
    right = [owners[one] == owners[other] for one, other in zip(made.pairs.left, made.pairs.right,
                                                                strict=True)]  # fmt: skip
    assert sum(right) > 0.8 * len(right) > 20


def test_links_between_two_tables_are_asked_about_too() -> None:
    Path("other.csv").write_text("firm\nACME Inc\nZeta Holdings\n", "utf-8")
    done = run("label", "table.csv", "other.csv", "--on", "name=firm", said="y\nn\nq\n",
               command="link")  # fmt: skip
    assert "2 labels (1 the same)" in done.output
    assert len(Path("table.csv.labels.jsonl").read_text("utf-8").splitlines()) == 2


def test_the_verbs_of_python_do_the_same() -> None:
    records = [{"name": "Acme Limited", "city": None}, {"name": "Zeta"},
               {"name": "Acme Limitd", "city": "Oslo"}]  # fmt: skip
    found = cluster(records, "name", threshold=0.6, encoders=Lettered())
    assert [row["cluster"] for row in found] == [1, 2, 1]
    assert [row["linked_to"] for row in found] == ["record 2", None, "record 0"]
    golden = dedup(records, "name", threshold=0.6, encoders=Lettered())
    assert [(row["name"], row["city"], row["cluster_size"]) for row in golden] == [
        ("Acme Limited", "Oslo", 2),
        ("Zeta", None, 1),
    ]
