"""Laws of imports: export and back is the same, a file is the same read in any number of goes."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from index.exemplar import NAME_BYTES_MAX, Exemplar, StoredExemplar
from index.galleries import Galleries
from index.gallery import Gallery
from service.exporting import parquet_parts
from service.imports.frames import Batch, Order
from service.imports.reading import batches, opened
from service.imports.repeats import Repeats
from service.intake import Vector

DIM = 5
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NAMES = TEXT.filter(lambda one: len(one.encode()) <= NAME_BYTES_MAX)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.dictionaries(TEXT | st.sampled_from(["payload", "item", "id"]), VALUES, max_size=4)
ROW = st.tuples(st.none() | NAMES, st.none() | OBJECTS, st.none() | TEXT, st.integers(0, 2**32 - 1))
ROWS = st.dictionaries(NAMES, ROW, max_size=6)


def order_of(path: Path, rows: int = 0) -> Order:
    return Order(str(path), {}, rows, "s", DIM, 1 << 20, 1 << 16)


def unit(seed: int) -> Any:
    row = np.random.default_rng(seed).standard_normal(DIM)
    return (row / np.linalg.norm(row)).astype(np.float32)


def enrolled(gallery: Gallery, batch: Batch) -> None:
    """Enrol a batch as the service does where nothing need be embedded."""
    assert not batch.failures
    exemplars = []
    for one in batch.candidates:
        assert isinstance(one.item, Vector)
        exemplars.append(
            Exemplar(one.id, one.item.row, one.label, one.payload, one.kept, one.digest)
        )
    gallery.enrol(exemplars)


def standing(gallery: Gallery) -> list[Any]:
    def told(row: StoredExemplar) -> tuple[Any, ...]:
        assert row.vector is not None
        return row.id, row.label, row.payload, row.item, row.vector.tobytes()

    rows, _ = gallery.page(limit=1000, with_vector=True)
    return [told(row) for row in rows]


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_export_and_import_give_the_same_gallery_bit_for_bit(
    rows: dict[str, tuple[str | None, dict[str, Any] | None, str | None, int]],
) -> None:
    with TemporaryDirectory() as name:
        galleries = Galleries.open(Path(name) / "data")
        try:
            ours, _ = galleries.create("ours", space="s", dim=DIM)
            theirs, _ = galleries.create("theirs", space="s", dim=DIM)
            ours.enrol(
                [
                    Exemplar(one, unit(seed), label, payload, text and {"text": text}, b"")
                    for one, (label, payload, text, seed) in rows.items()
                ]
            )
            path = Path(name) / "ours.parquet"
            path.write_bytes(b"".join(parquet_parts(ours)))
            order = order_of(path)
            for batch in batches(opened(order), order):
                enrolled(theirs, batch)
            assert standing(theirs) == standing(ours)
            assert len(standing(ours)) == len(rows)
        finally:
            galleries.close()


LINES = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["good", "bad", "none"])), max_size=60
)


@settings(max_examples=100, deadline=None)
@given(LINES, st.data())
def test_a_file_read_in_two_goes_is_the_file_read_in_one(
    lines: list[tuple[int, str]], data: st.DataObject
) -> None:
    """Where a row stands, and whether its id came before, does not depend on a restart."""
    contents = {"good": [1] * DIM, "bad": [0] * DIM, "none": None}
    with TemporaryDirectory() as name:
        path = Path(name) / "rows.ndjson"
        rows = [{"id": str(one), "vector": contents[kind]} for one, kind in lines]
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
        whole = told(path, 0)
        border = data.draw(st.integers(0, len(lines)))
        assert told(path, border) == [one for one in whole if one[0] >= border]
    seen: set[int] = set()
    for (at, one, code), (number, kind) in zip(whole, lines, strict=True):
        if kind == "none":
            assert (one, code) == (None, "exemplar_invalid")
            continue
        again = number in seen
        seen.add(number)
        want = "id_repeated" if again else {"good": None, "bad": "rows_invalid"}[kind]
        assert (one, code) == (str(number), want), at


def told(path: Path, behind: int) -> list[tuple[int, str | None, str | None]]:
    """Read the rows behind so many: position, id, and the code of a failure."""
    order = order_of(path, behind)
    found: list[tuple[int, str | None, str | None]] = []
    last = behind
    for batch in batches(opened(order), order):
        assert batch.behind == last
        last = batch.rows
        found += [(one.position, one.id, None) for one in batch.candidates]
        found += [(one.position, one.id, one.code) for one in batch.failures]
    return sorted(found, key=lambda one: one[0])


@given(st.lists(st.lists(st.integers(0, 50).map(str), max_size=12), max_size=20))
def test_repeats_are_those_of_a_set(groups: list[list[str]]) -> None:
    repeats, seen = Repeats(), set[str]()
    for group in groups:
        want = []
        for one in group:
            want.append(one in seen)
            seen.add(one)
        assert repeats.add(group) == want
