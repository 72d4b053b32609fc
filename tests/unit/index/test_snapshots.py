"""A snapshot is a gallery at one moment, and back; nothing that it says is believed unchecked."""

import io
import json
import random
import struct
import threading
from dataclasses import asdict, replace
from typing import Any

import apsw
import numpy as np
import pytest

from index import galleries as galleries_module
from index import snapshots as snapshots_module
from index import staging
from index.errors import (
    GalleryExists,
    GalleryFull,
    GalleryPointedAt,
    GalleryReplaced,
    GalleryUnknown,
    NameInvalid,
    SnapshotCorrupt,
    SnapshotTooLarge,
    StoreUnavailable,
)
from index.exemplar import Exemplar
from index.frames import END, HEAD, MAGIC, ROWS, FrameWriter
from index.galleries import Galleries
from index.gallery import Gallery
from index.snapshot import _more_values, checked
from tests.unit.index.test_removals import left, until

ANY_SIZE = 1 << 40


def nothing() -> None:
    pass


def taken(galleries: Galleries, gallery: Gallery, bytes_max: int = ANY_SIZE) -> bytes:
    file = io.BytesIO()
    galleries.snapshots.take(gallery, file, bytes_max=bytes_max, go_on=nothing)
    return file.getvalue()


def restored(galleries: Galleries, name: str, content: bytes, *, replace: bool = False) -> Gallery:
    file = io.BytesIO(content)
    head = checked(file, nothing)
    return galleries.snapshots.restore(name, file, head, replace=replace, go_on=nothing)


def everything(gallery: Gallery) -> list[tuple[Any, ...]]:
    rows = gallery.page(limit=1_000_000, with_vector=True)[0]
    return [
        (one.id, one.label, one.payload, one.item, one.digest, one.seq, one.vector.tobytes())
        for one in rows
    ]


@pytest.fixture
def gallery(galleries, people):
    made, _ = galleries.create("g", space="s", dim=8, index="flat", recall_target=0.9)
    made.enrol(people)
    made.enrol([replace(people[3], label="other"), replace(people[5], payload=None, item=None)])
    made.remove(["e7"])
    made.calibrate(false_accept_rate=0.2)
    return made


def test_there_and_back_is_the_same_gallery(galleries, gallery, people):
    again = restored(galleries, "h", taken(galleries, gallery))
    assert galleries.get("h") is again
    assert everything(again) == everything(gallery)
    assert asdict(again.state()) == asdict(gallery.state()) | {"name": "h"}
    assert again.calibration() == gallery.calibration()
    assert again.digests(["e1", "e3"]) == {"e1": bytes([1]), "e3": bytes([3])}
    queries = [one.vector for one in people]
    found = again.search(queries, 5, with_payload=True, filter={"payload.n": {"lt": 9}})
    assert [[(hit.id, hit.score, hit.payload) for hit in hits] for hits in found.hits] == [
        [(hit.id, hit.score, hit.payload) for hit in hits]
        for hits in gallery.search(
            queries, 5, with_payload=True, filter={"payload.n": {"lt": 9}}
        ).hits
    ]
    # It lives on by itself, and stands after a restart.
    assert again.enrol([people[7]]) == gallery.seq + 1
    assert gallery.count == 29


def test_it_stands_after_a_restart(tmp_path, people):
    first = Galleries.open(tmp_path / "a")
    made, _ = first.create("g", space="s", dim=8, model="m")
    made.enrol(people)
    content, stood = taken(first, made), everything(made)
    first.close()
    second = Galleries.open(tmp_path / "b")
    restored(second, "g", content)
    second.close()
    third = Galleries.open(tmp_path / "b")
    assert everything(third.get("g")) == stood
    assert third.get("g").state().seq == 1
    third.close()


def test_strange_words_and_numbers_come_back_as_they_were(galleries, unit):
    strange = ["\n", "\x00", "a\u2028b", "../../etc/passwd", "ü" * 256, '"\\', "\U0001f600", "{}"]
    payload = {"": [1.0, -0.0, 1e-300, 2**63, -(2**63), True, None, "\n", {"a": []}], "1": 10**19}
    made, _ = galleries.create("g", space="s", dim=8)
    made.enrol(
        [
            Exemplar(word, row, word, payload, {"text": word})
            for word, row in zip(strange, unit(len(strange)), strict=True)
        ]
    )
    again = restored(galleries, "h", taken(galleries, made))
    assert everything(again) == everything(made)
    assert [one.id for one in again.page(limit=100)[0]] == strange


def test_an_empty_gallery_and_one_of_many_frames(galleries, unit, monkeypatch):
    monkeypatch.setattr(snapshots_module, "_FRAME_BYTES", 500)
    empty, _ = galleries.create("empty", space="s", dim=8)
    assert restored(galleries, "again", taken(galleries, empty)).count == 0
    many, _ = galleries.create("many", space="s", dim=8)
    many.enrol([Exemplar(str(i), row) for i, row in enumerate(unit(90))])
    content = taken(galleries, many)
    assert len(frames_of(content)) > 6
    assert everything(restored(galleries, "empty", content, replace=True)) == everything(many)


def test_a_snapshot_taken_while_writes_go_on_is_the_state_at_one_seq(tmp_path, monkeypatch, unit):
    monkeypatch.setattr(snapshots_module, "_FRAME_BYTES", 300)  # so that writes fall between
    galleries = Galleries.open(tmp_path)
    made, _ = galleries.create("g", space="s", dim=8)
    rows = unit(40)
    states: dict[int, dict[str, int]] = {0: {}}
    stop = threading.Event()

    def write() -> None:
        chance = random.Random(1)
        standing: dict[str, int] = {}
        number = 0
        while not stop.is_set():
            number += 1
            if number % 3 == 0 and standing:
                gone = chance.sample(sorted(standing), min(5, len(standing)))
                seq, _ = made.remove(gone)
                standing = {k: v for k, v in standing.items() if k not in gone}
            else:
                ids = chance.sample(range(40), 8)
                seq = made.enrol([Exemplar(f"e{i}", rows[i], None, {"n": number}) for i in ids])
                standing = standing | {f"e{i}": number for i in ids}
            states[seq] = standing

    def written() -> None:
        seen = len(states)
        until(lambda: len(states) > seen)

    writer = threading.Thread(target=write)
    writer.start()
    contents = []
    try:
        until(lambda: len(states) > 20)
        for _ in range(12):
            slow = io.BytesIO()

            def written_to() -> None:
                at_first = len(states)
                until(lambda: len(states) > at_first)

            galleries.snapshots.take(made, slow, bytes_max=ANY_SIZE, go_on=written_to)
            contents.append(slow.getvalue())
    finally:
        stop.set()
        writer.join()
    for content in contents:
        again = restored(galleries, "h", content, replace=True)
        told = {one.id: one.payload["n"] for one in again.page(limit=1000)[0]}
        assert told == states[again.seq]
        assert again.count == len(told)
    galleries.close()


# What stands under the name already


def test_one_that_stands_is_replaced_only_when_asked_and_in_one_step(
    galleries, gallery, people, tmp_path, monkeypatch
):
    monkeypatch.setattr(galleries_module, "REPLACED_SECONDS", 0.5)
    content = taken(galleries, gallery)
    stood = everything(gallery)
    galleries.aliases.point("now", "g", lambda _: None)
    other, _ = galleries.create("other", space="s", dim=8)
    galleries.aliases.point("now", "other", lambda _: None)
    gallery.remove(["e1", "e2"])
    with pytest.raises(GalleryExists, match="ask for `replace`"):
        restored(galleries, "g", content)
    assert gallery.count == 27
    until(lambda: left(tmp_path) == (27, 27, 0))
    again = restored(galleries, "g", content, replace=True)
    assert galleries.get("g") is again
    assert again.number > gallery.number
    assert everything(again) == stood
    now = galleries.aliases.get("now")
    assert (now.gallery, now.previous) == (other, again)
    assert galleries.aliases.roll_back("now", lambda _: None).gallery is again
    # A call that had found the old one still sees it whole; what it would write is refused.
    assert gallery.search([people[0].vector], 1).hits[0][0].id == "e0"
    with pytest.raises(GalleryReplaced, match="ask again"):
        gallery.enrol([people[1]])
    until(lambda: left(tmp_path) == (29, 29, 0))
    until(lambda: gallery._published._view is None)  # and its rows are let go of
    assert again.count == 29
    galleries.close()
    reopened = Galleries.open(tmp_path)
    assert reopened.get("now").name == "g"
    assert everything(reopened.get("g")) == stood
    reopened.close()


def test_names_and_bounds_are_those_of_creation(galleries, gallery, tmp_path):
    content = taken(galleries, gallery)
    galleries.aliases.point("now", "g", lambda _: None)
    for name in ("../x", "/etc", "", "a/b", ".x", "a" * 64, "a\x00"):
        with pytest.raises(NameInvalid):
            restored(galleries, name, content)
    with pytest.raises(GalleryPointedAt):
        restored(galleries, "now", content)
    restored(galleries, "two", content)
    restored(galleries, "three", content)
    with pytest.raises(GalleryFull, match="3 galleries stand"):
        restored(galleries, "four", content)
    restored(galleries, "two", content, replace=True)
    until(lambda: left(tmp_path) == (87, 87, 0))
    small = Galleries.open(tmp_path / "small", rows_max=28)
    with pytest.raises(GalleryFull, match=r"29 exemplars, 28 are allowed"):
        restored(small, "g", content)
    small.close()


def test_a_snapshot_is_bounded_in_bytes_and_they_are_bounded_in_number(galleries, gallery):
    size = len(taken(galleries, gallery))
    assert len(taken(galleries, gallery, bytes_max=size)) == size
    with pytest.raises(SnapshotTooLarge, match=f"more than {size - 1} bytes"):
        taken(galleries, gallery, bytes_max=size - 1)
    room = galleries.snapshots.room
    with room(), room(), pytest.raises(StoreUnavailable, match="2 snapshots are"), room():
        pass
    with galleries.snapshots.room():
        pass


def test_a_deleted_gallery_has_no_snapshot(galleries, gallery):
    galleries.delete("g")
    with pytest.raises(GalleryUnknown):
        taken(galleries, gallery)


def test_who_asks_may_end_it_at_any_frame(galleries, gallery, tmp_path):
    content = taken(galleries, gallery)

    class Enough(Exception):
        pass

    file = io.BytesIO(content)
    head = checked(file, nothing)
    for calls in range(2):
        left_over = [nothing] * calls

        def go_on(left_over=left_over) -> None:
            if not left_over:
                raise Enough
            left_over.pop()

        with pytest.raises(Enough):
            galleries.snapshots.restore("h", file, head, replace=True, go_on=go_on)
    until(lambda: left(tmp_path) == (29, 29, 0))
    assert [state.name for state in galleries.states()] == ["g"]


# Hostile and broken snapshots

Frame = tuple[bytes, bytes]


def frames_of(content: bytes) -> list[Frame]:
    """Take a snapshot apart without the code under test."""
    frames, at = [], len(MAGIC)
    while at < len(content):
        kind, size = struct.unpack_from("<cI", content, at)
        frames.append((kind, content[at + 5 : at + 5 + size]))
        at += 5 + size + 32
    return frames


def signed(frames: list[Frame]) -> bytes:
    """Put frames together with right hashes, as somebody who means harm would."""
    file = io.BytesIO()
    writer = FrameWriter(file, ANY_SIZE)
    for frame in frames:
        writer.write(*frame)
    return file.getvalue()


def rows_frame(lines: list[Any], vectors: Any) -> Frame:
    text = "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines)
    counts = struct.pack("<II", len(lines), len(text.encode()))
    return ROWS, counts + text.encode() + np.asarray(vectors, "<f4").tobytes()


def head(**more: Any) -> Frame:
    told = {
        "gallery": "g", "model": None, "space": "s", "dim": 4, "index": "auto",
        "recall_target": 0.9, "seq": 9, "count": 1, "created_at": "2026-01-01T00:00:00+00:00",
        "taken_at": "2026-01-01T00:00:00+00:00", "calibration": None,
    }  # fmt: skip
    return HEAD, json.dumps(told | more).encode()


def line(**more: Any) -> dict[str, Any]:
    told = {"id": "a", "label": None, "payload": None, "item": None, "digest": "00", "seq": 1}
    return told | more


UNIT = [1.0, 0.0, 0.0, 0.0]
NAN, INF = float("nan"), float("inf")
CALIBRATED = {
    "space": "s", "threshold": 0.5, "false_accept_rate": 0.1, "far_upper": 0.2, "impostors": 9,
    "genuine": 9, "true_accept_rate": None, "slope": 1.0, "offset": None, "seq": 1, "count": 9,
}  # fmt: skip
GOOD = [head(), rows_frame([line()], [UNIT]), (END, b"")]


def one(told: Any, vector: Any = UNIT, **about: Any) -> list[Frame]:
    return [head(**about), rows_frame([told], [vector]), (END, b"")]


HOSTILE: dict[str, list[Frame]] = {
    "no head": GOOD[1:],
    "two heads": [GOOD[0], *GOOD],
    "rows behind the end": [*GOOD, GOOD[1]],
    "an end that says something": [*GOOD[:2], (END, b"x")],
    "an unknown kind": [GOOD[0], (b"X", b""), *GOOD[1:]],
    "fewer than counted": [head(count=2), *GOOD[1:]],
    "more than counted": [head(count=0), *GOOD[1:]],
    "a huge count": [head(count=10**12), *GOOD[1:]],
    "a huge count in a frame": [
        head(count=2**32 - 1),
        (ROWS, struct.pack("<II", 2**32 - 1, 0)),
        (END, b""),
    ],
    "no row in a frame": [head(count=0), (ROWS, struct.pack("<II", 0, 0)), (END, b"")],
    "an empty frame": [head(count=0), (ROWS, b""), (END, b"")],
    "too many rows in a frame": [
        head(dim=1, count=5000),
        rows_frame([line(id=str(n)) for n in range(5000)], [[1.0]] * 5000),
        (END, b""),
    ],
    "another dimension": one(line(), UNIT, dim=2),
    "no dimension": one(line(), [], dim=0),
    "a huge dimension": one(line(), UNIT, dim=10**9),
    "a dimension below nothing": one(line(), UNIT, dim=-4),
    "NaN in a vector": one(line(), [NAN, 0, 0, 0]),
    "infinity in a vector": one(line(), [INF, 0, 0, 0]),
    "a vector of zeros": one(line(), [0, 0, 0, 0]),
    "a vector that is no unit": one(line(), [1.0, 0.1, 0, 0]),
    "an id twice in a frame": [
        head(count=2),
        rows_frame([line(), line()], [UNIT, UNIT]),
        (END, b""),
    ],
    "an id twice in two frames": [head(count=2), GOOD[1], GOOD[1], (END, b"")],
    "an id that is empty": one(line(id="")),
    "an id that is too long": one(line(id="x" * 513)),
    "an id that is a number": one(line(id=1)),
    "an id of half a character": one(json.dumps(line(id="\ud800"))),
    "a label that is too long": one(line(label="x" * 513)),
    "a label that is a list": one(line(label=[])),
    "a payload that is a list": one(line(payload=[1])),
    "a payload that is too large": one(line(payload={"a": "x" * 262_144})),
    "a payload that is too deep": one(line(payload={"a": json.loads("[" * 70 + "]" * 70)})),
    "a payload of half a character": one(line(payload={"a": "\ud800"})),
    "a payload with NaN": one(line(payload={"a": NAN})),
    "a payload with infinity": one(json.dumps(line()).replace('d": null', 'd": {"a": 1e999}')),
    "a number of 500 digits": one(line(payload={"a": 10**500})),
    "a number of 5000 digits": one(json.dumps(line(payload={"a": "N"})).replace('"N"', "9" * 5000)),
    "an item that is a text": one(line(item="x")),
    "an item that is too deep": one(line(item={"a": json.loads("[" * 70 + "]" * 70)})),
    "an item without bottom": one('{"id":' + "[" * 100_000),
    "an item of millions of values": one(json.dumps(line()) + "[]," * 3_000_000),
    "items of millions of values together": [
        head(count=4),
        rows_frame(
            [
                json.dumps(line(id=str(n), item={"a": 0})).replace("0}", f"[{'[],' * 800_000}0]}}")
                for n in range(4)
            ],
            [UNIT] * 4,
        ),
        (END, b""),
    ],
    "a digest that is none": one(line(digest="0")),
    "a digest that is long": one(line(digest="00" * 65)),
    "a digest that is a number": one(line(digest=7)),
    "a seq that was never": one(line(seq=10)),
    "a seq below nothing": one(line(seq=-1)),
    "a seq that is a fraction": one(line(seq=1.5)),
    "a seq that is true": one(line(seq=True)),
    "seqs that fall": [
        head(count=2),
        rows_frame([line(seq=5), line(id="b", seq=4)], [UNIT, UNIT]),
        (END, b""),
    ],
    "seqs that fall from frame to frame": [
        head(count=2),
        rows_frame([line(seq=5)], [UNIT]),
        rows_frame([line(id="b", seq=4)], [UNIT]),
        (END, b""),
    ],
    "a seq beyond what is counted": one(line(), UNIT, seq=2**63),
    "a line too many": [head(), rows_frame([json.dumps(line()) + "\n"], [UNIT]), (END, b"")],
    "a line that is no object": one("[]"),
    "a line that is no JSON": one("x"),
    "a line of another kind": one({"id": "a"}),
    "a line with more": one(line(row=1)),
    "a line with half a character as a key": one('{"\\ud800": 1}'),
    "a line that is no UTF-8": [
        head(),
        (ROWS, struct.pack("<II", 1, 2) + b"\xff\n" + np.float32(UNIT).tobytes()),
        (END, b""),
    ],
    "a head that is no JSON": [(HEAD, b"\x00"), *GOOD[1:]],
    "a head that is a list": [(HEAD, b"[]"), *GOOD[1:]],
    "a head with more": [head(rows=1), *GOOD[1:]],
    "a head that is long": [head(space="s" * 70_000), *GOOD[1:]],
    "a space that is long": one(line(), space="s" * 600),
    "a model that is a number": one(line(), model=1),
    "a model of half a character": one(line(), model="\ud800"),
    "an unknown index": one(line(), index="../../index.bin"),
    "a recall_target beyond all": one(line(), recall_target=1.5),
    "a recall_target that is NaN": one(line(), recall_target=NAN),
    "a recall_target that is true": one(line(), recall_target=True),
    "a moment that is none": one(line(), created_at="yesterday"),
    "a calibration that is half": one(line(), calibration={"space": "s"}),
    "a calibration of another space": one(line(), calibration=CALIBRATED | {"space": "t"}),
    "a calibration without a threshold": one(line(), calibration=CALIBRATED | {"threshold": None}),
    "a calibration that is not finite": one(line(), calibration=CALIBRATED | {"slope": INF}),
    "a calibration of words": one(line(), calibration=CALIBRATED | {"offset": "x"}),
}


def test_what_the_hostile_ones_are_made_of_is_good(galleries):
    restored(galleries, "a", signed(GOOD))
    assert everything(galleries.get("a")) == [
        ("a", None, None, None, "00", 1, np.float32(UNIT).tobytes())
    ]
    restored(galleries, "b", signed(one(line(), calibration=CALIBRATED)))
    assert galleries.get("b").calibration().threshold == 0.5


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_snapshot_is_refused_and_leaves_nothing(galleries, gallery, tmp_path, what):
    stood = everything(gallery)
    content = signed(HOSTILE[what])
    with pytest.raises(SnapshotCorrupt) as told:
        restored(galleries, "g", content, replace=True)
    assert len(str(told.value).encode()) < 1000  # and it can be sent: no half characters
    assert galleries.get("g") is gallery
    assert everything(gallery) == stood
    until(lambda: left(tmp_path) == (29, 29, 0))
    with galleries._database.reading() as connection:
        assert staging.staged(connection) == []


def test_a_damaged_snapshot_is_refused_before_anything_is_written(galleries, gallery):
    content = taken(galleries, gallery)
    galleries.snapshots._write = None  # type: ignore[assignment] - a write would be a TypeError
    chance = random.Random(0)
    for at in [*range(len(MAGIC) + 5), *chance.sample(range(len(content)), 400)]:
        flipped = bytearray(content)
        flipped[at] ^= 1 << chance.randrange(8)
        with pytest.raises(SnapshotCorrupt):
            restored(galleries, "h", bytes(flipped))
    for size in [0, 1, len(MAGIC), len(content) - 1, *chance.sample(range(len(content)), 100)]:
        with pytest.raises(SnapshotCorrupt):
            restored(galleries, "h", content[:size])
    with pytest.raises(SnapshotCorrupt, match="more behind its end"):
        restored(galleries, "h", content + b"\x00")
    frames = frames_of(content)
    for other in (frames[:1] + frames[2:], [*frames[:2], frames[1], *frames[2:]]):
        with pytest.raises(SnapshotCorrupt):
            restored(galleries, "h", signed(other))


@pytest.mark.parametrize(
    "content", [b"SQLite format 3\x00" + b"\x00" * 5000, b"PAR1", b"IxF2" * 9, b"\x80\x04", b""]
)
def test_what_is_no_snapshot_is_told_so(galleries, content):
    with pytest.raises(SnapshotCorrupt, match="no snapshot of a gallery"):
        restored(galleries, "h", content)


def test_a_length_that_is_a_lie_takes_no_memory(galleries):
    import tracemalloc

    content = MAGIC + struct.pack("<cI", HEAD, 2**32 - 1) + b"{"
    tracemalloc.start()
    with pytest.raises(SnapshotCorrupt):
        restored(galleries, "h", content)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_disk_that_refuses_leaves_the_old_gallery(galleries, gallery, monkeypatch, tmp_path):
    content, stood = taken(galleries, gallery), everything(gallery)

    def full(*_: Any) -> None:
        raise apsw.FullError("full")

    for name in ("begin", "add", "show"):
        with monkeypatch.context() as patched:
            patched.setattr(staging, name, lambda *a, **k: full())
            with pytest.raises(StoreUnavailable):
                restored(galleries, "g", content, replace=True)
        assert everything(galleries.get("g")) == stood
        until(lambda: left(tmp_path) == (29, 29, 0))


def test_reading_one_is_all_it_takes_to_see_whether_it_is_whole(galleries, gallery):
    told = checked(io.BytesIO(taken(galleries, gallery)), nothing)
    assert (told.gallery, told.count, told.seq) == ("g", 29, gallery.seq)


@pytest.mark.parametrize("sign", [",", "[", '"[', '\\"[', "\\"])
def test_a_text_of_signs_is_no_crowd_of_values(galleries, unit, sign):
    made, _ = galleries.create("g", space="s", dim=8)
    item = {"text": sign * 6_000_000}
    made.enrol([Exemplar(sign, unit(1)[0], sign, {sign: sign}, item)])
    assert everything(restored(galleries, "h", taken(galleries, made))) == everything(made)


def test_values_are_counted_as_a_parser_would():
    def values(told: Any) -> int:
        if isinstance(told, dict):
            return len(told) + sum(map(values, told.values())) + max(1, len(told))
        return sum(map(values, told)) + max(1, len(told)) if isinstance(told, list) else 0

    for told in ([], [1, [2, {}], {"a": [3]}], ['",[', "\\", '\\",', "\\\\"], {'"\\": [': ',"\\{'}):
        text = json.dumps(told, ensure_ascii=False).encode()
        most = values(told)
        padded = b"[" * (100 - most) + text  # so that signs in strings decide
        assert not _more_values(padded, 100)
        assert _more_values(padded, 99)
