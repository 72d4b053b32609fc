"""`semblance link` on files: what it writes, says, refuses and exits with."""

import base64
import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from service.cli import main
from service.linking import evaluate_pairs, merge, merge_knn
from service.records.schema import Field
from service.records.tables import read_table
from tests.lettered import Lettered
from tests.people import people, slipped
from tests.pictures import encoded

LEFT = "id,name,city\n1,Acme Incorporated,Oslo\n2,Zeta Holding,Bergen\n3,,\n4,=SUM(A1),Rome\n"
RIGHT = "key;firm;town\na;ACME Inc.;Oslo\nb;Zetta Holdings;Bergen\nc;Other;Madrid\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMBLANCE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SEMBLANCE_MODELS", "names,crops")
    (tmp_path / "left.csv").write_text(LEFT, "utf-8")
    (tmp_path / "right.csv").write_text(RIGHT, "utf-16")
    return tmp_path


def run(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, ["link", *words])
    assert done.exit_code == code, (done.output, done.exception)
    return done


ON = ("--on", "name=firm", "--on", "city=town", "--left-id", "id", "--right-id", "key")


def rows(path: str = "linked.csv") -> list[dict[str, Any]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_two_tables_become_one_with_scores_and_reasons() -> None:
    done = run("left.csv", "right.csv", *ON, "--threshold", "0.6", "--one-to-one")
    assert "left.csv read as utf-8" in done.stderr
    assert "right.csv read as utf-16" in done.stderr
    assert "compared by name (name, weight 1, by names); city (name" in done.stderr
    assert "2 pairs of 4 left records in linked.csv; threshold 0.600" in done.stdout
    found = rows()
    told = [(one["left_id"], one["right_key"], one["right_firm"]) for one in found]
    assert told[:2] == [("1", "a", "ACME Inc."), ("2", "b", "Zetta Holdings")]
    assert [one["right_key"] for one in found[2:]] == ["", ""]
    assert found[0]["reason"].startswith("city 1.00, name .")
    assert found[2]["reason"] == "no match: nothing to compare by"
    assert found[3]["left_name"] == "'=SUM(A1)"
    assert found[3]["reason"].startswith("no match: ")
    assert float(found[0]["score"]) == pytest.approx(
        (float(found[0]["score_name"]) + float(found[0]["score_city"])) / 2, abs=1e-3
    )


def test_labels_teach_what_fields_weigh(folder: Path) -> None:
    names, owners = people(120, 0.0, 5)
    draw = random.Random(1)
    left = [f"l{at},{name},{draw.choice('abc')}" for at, name in zip(owners, names, strict=True)]
    right = [
        f"r{at},{slipped(name, draw)},{draw.choice('abc')}"
        for at, name in zip(owners, names, strict=True)
    ]
    labels = [f"l{at},r{at},yes" for at in range(30)]
    labels += [f"l{at},r{at + 1},no" for at in range(30)]
    for name, lines in (("one", left), ("two", right)):
        head = "\n".join(["id,name,grade", *lines]) + "\n"
        (folder / f"{name}.csv").write_text(head, "utf-8")
    (folder / "known.csv").write_text("\n".join(["left,right,same", *labels]) + "\n", "utf-8")
    asked = ("one.csv", "two.csv", "--left-id", "id", "--right-id", "id", "--k", "30")
    done = run(*asked, "--labels", "known.csv")
    assert "60 labels: weights and threshold are learnt from them (" in done.stderr
    found = [row for row in rows() if row["right_id"]]
    right_ones = sum(row["left_id"][1:] == row["right_id"][1:] for row in found)
    assert right_ones > 90 and right_ones / len(found) > 0.85
    assert "all together" in found[0]["reason"]
    said = run(*asked[:2], "--labels", "known.csv", code=1).output
    assert "name the column that holds these by --left-id" in said


@pytest.mark.parametrize("suffix", ["parquet", "xlsx", "tsv"])
def test_other_kinds_are_written_and_read(suffix: str) -> None:
    run("left.csv", "right.csv", *ON, "--how", "inner", "--output", f"a.{suffix}",
        "--threshold", "0.6")  # fmt: skip
    table = read_table(Path(f"a.{suffix}"))
    assert table.columns["left_name"] == ["Acme Incorporated", "Zeta Holding"]
    run(
        f"a.{suffix}", f"a.{suffix}", "--on", "left_name", "--output", "b.csv", "--threshold", "0.9"
    )
    assert [one["score"] for one in rows("b.csv")] == ["1.0", "1.0"]


def test_bad_rows_are_told_with_reasons_and_the_others_are_linked(folder: Path) -> None:
    more = LEFT + "5,ragged\n1,Again,Oslo\n6," + "x" * 200_000 + ",Oslo\n"
    (folder / "left.csv").write_text(more, "utf-8")
    done = run("left.csv", "right.csv", *ON, "--threshold", "0.6", code=4)
    assert "3 rows were not read; linked.rejected.jsonl says which, and why" in done.stderr
    lines = [json.loads(line) for line in Path("linked.rejected.jsonl").read_text().splitlines()]
    told = [(one["table"], one["place"], one["column"]) for one in lines]
    assert told == [
        ("left.csv", "line 6", None),
        ("left.csv", "line 8", "name"),
        ("left.csv", "line 7", "id"),
    ]
    assert lines[2]["reason"] == "the id '1' stands at line 2 already"
    assert lines[2]["cells"] == ["1", "Again", "Oslo"]
    assert len(rows()) == 4
    run("right.csv", "right.csv", "--on", "firm", "--threshold", "0.6")
    assert not Path("linked.rejected.jsonl").exists()


def test_a_cell_that_cannot_be_embedded_is_told_and_its_row_stands(folder: Path) -> None:
    (folder / "left.csv").write_text("name,city\n...,Oslo\nZeta,Bergen\n", "utf-8")
    (folder / "right.csv").write_text("name,city\nZeta,Oslo\n", "utf-8")
    done = run("left.csv", "right.csv", "--threshold", "0")
    assert "1 cells could not be read and count as missing" in done.stderr
    (line,) = Path("linked.rejected.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert (told["place"], told["column"]) == ("line 2", "name")
    assert "no letter" in told["reason"]
    assert rows()[0]["reason"] == "city 1.00; no name"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--on", "name"), 1, "right.csv has no column 'name'; it has 'key', 'firm', 'town'"),
        ((), 1, "share no column to compare by"),
        (("--fields", "name:nme"), 1, "kind is 'nme'"),
        (("--on", "name=firm", "--left-id", "key"), 1, "left.csv has no column 'key'"),
        (("--on", "name=firm", "--model", "nobody"), 1, "no model 'nobody'"),
        (("--on", "name=firm", "--output", "a.doc"), 1, "of no kind"),
        (("--on", "name=firm", "--encoding", "utf-16"), 1, "name its encoding"),
        (("--on", "name=firm", "--k", "0"), 2, "range"),
    ],
)
def test_what_cannot_be_is_refused_in_words(words: tuple[str, ...], code: int, said: str) -> None:
    done = run("left.csv", "right.csv", *words, code=code)
    assert said in done.stderr
    assert not Path("linked.csv").exists()


def test_a_picture_beside_the_table_counts_with_its_name(folder: Path) -> None:
    # Real bundles: whatever the picture shows, the same bytes are the same picture.
    for number, shade in enumerate((0, 120)):
        image = Image.new("RGB", (120, 32), "white")
        image.paste((shade,) * 3, (10 + 20 * number, 8, 90, 24))
        (folder / f"{number}.png").write_bytes(encoded(image, "PNG"))
    packed = base64.b64encode((folder / "1.png").read_bytes()).decode()
    (folder / "left.csv").write_text("name,scan\nAcme,0.png\nZeta,1.png\nBeta,no.png\n", "utf-8")
    (folder / "right.csv").write_text(f"name,scan\n,0.png\nZeta,{packed}\n", "utf-8")
    fields = '[{"name": "name"}, {"name": "scan", "kind": "image", "of": "name"}]'
    run("left.csv", "right.csv", "--fields", fields, "--threshold", "0.2", "--one-to-one",
        "--rerank", "0")  # fmt: skip
    found = rows()
    assert [float(one["score_scan"]) for one in found[:2]] == pytest.approx([1, 1], abs=1e-3)
    assert float(found[1]["score"]) == pytest.approx(1, abs=1e-3)
    (line,) = Path("linked.rejected.jsonl").read_text().splitlines()
    assert "'no.png' is neither a file nor base64" in json.loads(line)["reason"]


def test_the_help_of_the_group_is_that_of_its_usual_command() -> None:
    done = CliRunner().invoke(main, ["link", "--help"])
    assert "LEFT RIGHT" in done.output
    assert "--one-to-one" in done.output


def test_the_verbs_take_lists_and_tables_of_pyarrow() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    left = pyarrow.table({"name": ["Acme", "Zeta", None]})
    right = [{"firm": "Zeta", "n": 1}, {"firm": "Acme", "n": 2}]
    asked: dict[str, Any] = {"on": "name=firm", "encoders": Lettered()}
    made = merge(left, right, threshold=0.9, **asked)
    assert [(one["left_name"], one["right_n"]) for one in made] == [("Acme", 2), ("Zeta", 1)]
    every = merge(left, right, threshold=0.9, how="left", **asked)
    assert [one["right_firm"] for one in every] == ["Acme", "Zeta", None]
    near = merge_knn(left, right, k=2, **asked)
    assert [(one["left_name"], one["right_firm"]) for one in near] == [
        ("Acme", "Acme"),
        ("Acme", "Zeta"),
        ("Zeta", "Zeta"),
        ("Zeta", "Acme"),
    ]
    assert near[0]["score"] == 1.0 > near[1]["score"]


def test_known_pairs_are_scored_side_by_side_and_those_that_share_nothing_are_not() -> None:
    pairs = [({"a": "x", "n": 1}, {"a": "x"}), ({"a": "x"}, {"n": 2}), ({"n": 1}, {"n": 1.0})]
    fields = [{"name": "a"}, Field("n", "number", scale=1.0)]
    assert evaluate_pairs(pairs, fields=fields, encoders=Lettered()) == [1.0, None, 1.0]
    assert evaluate_pairs([]) == []
