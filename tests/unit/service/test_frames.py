"""What the reading process tells comes over as it was, files decoded and items written out."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from index.exemplar import Exemplar, Written, entries
from models.modality import Cut, Item
from service.candidates import Fit, candidate_of
from service.imports.frames import Batch, Order, Unreadable, read_batch, write_batch, write_end
from service.imports.reading import BATCH_ITEMS, FIRST_ITEMS, batches, opened
from service.intake import Vector
from service.record import Record

DIM = 3
FILE = b"RIFF of no matter \x00\xff" * 3
BASE64 = base64.b64encode(FILE).decode()
ITEMS: dict[str, dict[str, Any]] = {
    "sound": {"audio": BASE64},
    "long": {"audio": f"data:audio/wav;base64,{BASE64}", "windows": {"hop_seconds": 0.5}},
    "mark": {"image": BASE64, "reads": "Zéta"},
    "words": {"text": "häuser, \U0001f600"},
    "both": {"record": {"name": "Zeta", "image": {"image": BASE64}}},
    "row": {"vector": [1.0, 0.0, 0.0]},
}


def order_of(path: Path) -> Order:
    return Order(str(path), {}, 0, "s", DIM, 1 << 20, 1 << 16)


def read_from(path: Path, rows: list[dict[str, Any]]) -> list[Batch]:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return list(batches(opened(order_of(path)), order_of(path)))


def over(batch: Batch) -> Batch:
    """Send a batch through a pipe."""
    pipe = io.BytesIO()
    write_batch(pipe, batch)
    write_end(pipe)
    pipe.seek(0)
    found = read_batch(pipe, DIM)
    assert found is not None
    assert read_batch(pipe, DIM) is None
    return found


def test_candidates_come_over_as_a_call_would_have_them(tmp_path: Path) -> None:
    rows = [{"id": name, "label": "L", "item": item} for name, item in ITEMS.items()]
    (batch,) = read_from(tmp_path / "rows.jsonl", [*rows, {"id": "none", "item": {"audio": 5}}])
    found = over(batch)
    assert [one.code for one in found.failures] == ["item_undecodable"]
    assert found.places == batch.places
    for at, (one, row) in enumerate(zip(found.candidates, rows, strict=True)):
        called = candidate_of(at, row | {"payload": None}, Fit(DIM, 1 << 20, 1 << 16))
        assert (one.position, one.id, one.label, one.digest) == (at, row["id"], "L", called.digest)
        if isinstance(called.item, Vector):
            assert isinstance(one.item, Vector)
            np.testing.assert_array_equal(one.item.row, called.item.row)
            assert one.kept is None
        else:
            assert one.item == batch.candidates[at].item
            if not isinstance(called.item, Record):  # whose fields the file's reader sorts
                assert one.item == called.item
            assert isinstance(one.kept, Written)
            assert json.loads(one.kept) == row["item"]
    heard, long = found.candidates[0].item, found.candidates[1].item
    assert isinstance(heard, Item)
    assert isinstance(long, Item)
    assert (heard.content, long.cut) == (FILE, Cut((), 0.5))


def test_an_item_that_was_written_is_stored_as_one_that_was_not() -> None:
    vector = np.eye(DIM, dtype=np.float32)
    plain = [
        Exemplar(str(at), vector[0], "L", None, ITEMS[n]) for at, n in enumerate(("mark", "words"))
    ]
    text = [json.dumps(one.item, ensure_ascii=False, separators=(",", ":")) for one in plain]
    written = [
        Exemplar(one.id, one.vector, one.label, None, Written(words))
        for one, words in zip(plain, text, strict=True)
    ]
    rows = vector[[0, 0]]
    assert entries(written, rows, worded=True) == entries(plain, rows, worded=True)
    assert [one.item for one in entries(written, rows)] == text


def test_an_item_that_is_nested_too_deep_fails_alone(tmp_path: Path) -> None:
    deep: object = "text"
    for _ in range(80):
        deep = [deep]
    good: dict[str, Any] = {"id": "good", "item": {"vector": [0.0, 1.0, 0.0]}}
    bad: dict[str, Any] = {
        "id": "bad",
        "vector": [0.0, 1.0, 0.0],
        "item": {"text": "t", "more": deep},
    }
    (batch,) = read_from(tmp_path / "rows.jsonl", [good, bad])
    assert [one.id for one in batch.candidates] == ["good"]
    assert [(one.id, one.position) for one in batch.failures] == [("bad", 1)]


def test_the_first_batch_of_items_is_small_and_later_ones_are_not(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": str(at), "item": {"text": f"text {at}"}} for at in range(4 * BATCH_ITEMS)
    ]
    sizes = [len(one.candidates) for one in read_from(tmp_path / "rows.jsonl", rows)]
    assert sizes[0] == FIRST_ITEMS
    assert max(sizes) == BATCH_ITEMS
    assert sum(sizes) == len(rows)


def test_what_cannot_be_read_is_told() -> None:
    pipe = io.BytesIO()
    write_end(pipe, "no table")
    pipe.seek(0)
    with pytest.raises(Unreadable, match="no table"):
        read_batch(pipe, DIM)
