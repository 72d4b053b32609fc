"""What a snapshot says of a gallery and its exemplars: written out, and read with mistrust."""

import json
import math
import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np

from index.alarms import Alarms, check_windows
from index.backend import check_index
from index.calibration import Calibration
from index.errors import GalleryError, SnapshotCorrupt
from index.exemplar import Entry, Exemplar, check_name, entries, rows_of
from index.frames import END, HEAD, read_frames
from index.label_scores import NEAREST, check_label_score
from index.store import WholeRow
from index.vectors import DIM_MAX, Rows

FRAME_ROWS_MAX = 4096  # in one frame, and so in one write of a restoration
_HEAD_BYTES_MAX = 64 << 10
# As many values as a JSON body has by default, by its signs: to parse more takes gigabytes.
_FRAME_VALUES_MAX = 5_000_000
_SIGNS = b",:[{"
_SEQ_MAX = 2**62  # half of what SQLite counts to
Types = Mapping[str, tuple[type, ...]]
_COUNTS = struct.Struct("<II")
_DIGEST = re.compile(r"([0-9a-f]{2}){0,64}")
_NUMBER = (int, float)
_NONE = type(None)
_ANY = (object,)  # looked at elsewhere


@dataclass(frozen=True, slots=True)
class Head:
    """A gallery as it stood at `seq`; times are ISO 8601 in UTC."""

    gallery: str
    model: str | None
    space: str
    dim: int
    index: str
    recall_target: float
    seq: int
    count: int
    created_at: str
    taken_at: str
    calibration: Calibration | None
    lexical: float | None = None
    label_score: str = NEAREST
    alarms: Alarms | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The exemplars of one frame, checked and written out, with the seq of each."""

    entries: list[Entry]
    seqs: list[int]


_LINE_TYPES = dict.fromkeys(("id", "label", "payload", "item", "digest", "seq"), _ANY)
_HEAD_TYPES: Types = {
    "gallery": (str,),
    "model": (str, _NONE),
    "space": (str,),
    "dim": (int,),
    "index": (str,),
    "recall_target": _NUMBER,
    "seq": (int,),
    "count": (int,),
    "created_at": (str,),
    "taken_at": (str,),
    "calibration": (dict, _NONE),
}
_BESIDE: Types = {"lexical": (float,), "label_score": (str,), "alarms": (dict,)}
_CALIBRATION_TYPES: Types = {
    "space": (str,),
    "threshold": _NUMBER,
    "false_accept_rate": _NUMBER,
    "far_upper": _NUMBER,
    "impostors": (int,),
    "genuine": (int,),
    "true_accept_rate": (*_NUMBER, _NONE),
    "slope": (*_NUMBER, _NONE),
    "offset": (*_NUMBER, _NONE),
    "seq": (int,),
    "count": (int,),
}


_ALARMS_TYPES: Types = {
    "space": (str,),
    "threshold": _NUMBER,
    "false_alarms_per_hour": _NUMBER,
    "upper_per_hour": _NUMBER,
    "hours": _NUMBER,
    "seconds": (list,),
    "hop_seconds": _NUMBER,
    "label_score": (str,),
    "seq": (int,),
    "count": (int,),
}


def packed_head(head: Head) -> bytes:
    """Write the head out."""
    told = asdict(head)
    if head.lexical is None:  # so that what knows no words can read it
        del told["lexical"]
    if head.alarms is None:  # as above
        del told["alarms"]
    if head.label_score == NEAREST:  # as above
        del told["label_score"]
    if head.calibration is not None and head.calibration.label_score == NEAREST:
        del told["calibration"]["label_score"]
    return json.dumps(told).encode()


def packed(rows: Sequence[WholeRow]) -> bytes:
    """Write exemplars out: their number, the length of the lines, a line of JSON each, vectors."""
    lines = "".join(
        f'{{"id":{_string(row.id)},"label":{"null" if row.label is None else _string(row.label)},'
        f'"payload":{row.payload or "null"},"item":{row.item or "null"},'
        f'"digest":"{row.digest.hex()}","seq":{row.seq}}}\n'
        for row in rows
    ).encode()
    return b"".join([_COUNTS.pack(len(rows), len(lines)), lines, *(row.vector for row in rows)])


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def checked(file: BinaryIO, go_on: Callable[[], None]) -> Head:
    """Hold every frame of a snapshot against its hash, and the counts of all against the head.

    Raises: SnapshotCorrupt, and what `go_on` raises, which is called before each frame.
    """
    head: Head | None = None
    found = 0
    for kind, content in read_frames(file):
        go_on()
        if kind == HEAD:
            head = _head(content)
        elif kind != END:
            found += _counts(content, head.dim if head else 0)[0]
        elif content:
            raise SnapshotCorrupt("the snapshot is damaged: its end has a content")
    assert head is not None
    if found != head.count:
        raise SnapshotCorrupt(f"the snapshot holds {found} exemplars, and tells of {head.count}")
    return head


def batches(file: BinaryIO, head: Head) -> Iterator[Batch]:
    """Read the exemplars of a snapshot, frame by frame, and check all that they say.

    Raises: SnapshotCorrupt, naming the frame and the exemplar in it.
    """
    seq = 0
    for number, (kind, content) in enumerate(read_frames(file)):
        if kind in HEAD + END:
            continue
        try:
            batch = _batch(content, head.dim, worded=head.lexical is not None)
        except GalleryError as error:
            raise SnapshotCorrupt(f"the snapshot is damaged: frame {number}: {error}") from None
        for one in batch.seqs:
            if not seq <= one <= head.seq:
                raise SnapshotCorrupt(f"the snapshot is damaged: frame {number}: seq {one}")
            seq = one
        yield batch


def _batch(content: bytes, dim: int, *, worded: bool) -> Batch:
    count, size = _counts(content, dim)
    text = content[_COUNTS.size : _COUNTS.size + size]
    if _more_values(text, _FRAME_VALUES_MAX):
        raise SnapshotCorrupt(f"more than {_FRAME_VALUES_MAX} values in one frame")
    lines = text.split(b"\n", count)
    if len(lines) != count + 1 or lines.pop():
        raise SnapshotCorrupt(f"{count} lines were promised")
    vectors = np.frombuffer(content, "<f4", offset=_COUNTS.size + size).reshape(count, dim)
    told = [_object(line, _LINE_TYPES) for line in lines]
    exemplars = [_exemplar(one, row) for one, row in zip(told, vectors, strict=True)]
    rows = rows_of(exemplars, dim)
    if not np.array_equal(rows, vectors):
        raise SnapshotCorrupt("a vector is not of unit length")
    return Batch(entries(exemplars, rows, worded=worded), [_seq(one["seq"]) for one in told])


def _counts(content: bytes, dim: int) -> tuple[int, int]:
    """Return the rows of a frame and the bytes of its lines, which make its whole length."""
    if len(content) >= _COUNTS.size:
        count, size = _COUNTS.unpack_from(content)
        if 1 <= count <= FRAME_ROWS_MAX and _COUNTS.size + size + 4 * dim * count == len(content):
            return count, size
    raise SnapshotCorrupt("the snapshot is damaged: a frame is not as long as it says")


def _exemplar(told: dict[str, Any], row: Rows) -> Exemplar:
    digest = told["digest"]
    if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
        raise SnapshotCorrupt("a digest is not hexadecimal")
    return Exemplar(
        told["id"],
        row.astype(np.float32),
        told["label"],
        told["payload"],
        told["item"],
        bytes.fromhex(digest),
    )


def _seq(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _SEQ_MAX:
        raise SnapshotCorrupt("a seq is not one")
    return value


def _head(content: bytes) -> Head:
    """Read the head of a snapshot, and check that a gallery can be such a one."""
    if len(content) > _HEAD_BYTES_MAX:
        raise SnapshotCorrupt("the snapshot is damaged: its head is too long")
    try:
        told = _object(content, _HEAD_TYPES, _BESIDE)
        told["calibration"] = _calibration(told["calibration"], told["space"])
        if "alarms" in told:
            told["alarms"] = _alarms(told["alarms"], told["space"])
        head = Head(**told)
        for name in ("gallery", "space", "model"):
            if (value := getattr(head, name)) is not None:
                check_name(value, name)
        check_index(head.index)
        check_label_score(head.label_score)
        _seq(head.seq)
        for moment in (head.created_at, head.taken_at):
            datetime.fromisoformat(moment)
    except (GalleryError, ValueError) as error:
        raise SnapshotCorrupt(f"the snapshot's head is wrong: {error}") from None
    shares = [head.recall_target, 1.0 if head.lexical is None else head.lexical]
    if not (1 <= head.dim <= DIM_MAX and all(0.0 < one <= 1.0 for one in shares)):
        raise SnapshotCorrupt("the snapshot's head is wrong: dim, recall_target or lexical")
    if head.count < 0:
        raise SnapshotCorrupt("the snapshot's head is wrong: count")
    return head


def _calibration(told: dict[str, Any] | None, space: str) -> Calibration | None:
    if told is None:
        return None
    rule = {"label_score": (str,)} if "label_score" in told else {}
    _check_types(told, {**_CALIBRATION_TYPES, **rule})
    check_label_score(told.get("label_score", NEAREST))
    if told["space"] != space:
        raise SnapshotCorrupt(f"its calibration is of space {told['space']!r}")
    return Calibration(**told)


def _alarms(told: dict[str, Any], space: str) -> Alarms:
    _check_types(told, _ALARMS_TYPES)
    seconds = told["seconds"]
    if not all(type(one) in _NUMBER and _finite(one) for one in seconds) or len(seconds) > 16:
        raise SnapshotCorrupt("the windows of its scans are none")
    if told["space"] != space:
        raise SnapshotCorrupt(f"the threshold of its scans is of space {told['space']!r}")
    check_windows(seconds, told["hop_seconds"])
    check_label_score(told["label_score"])
    return Alarms(**told | {"seconds": tuple(seconds)})


def _more_values(text: bytes, most: int) -> bool:
    """Tell whether JSON holds more values, by its signs: at the speed of memory.

    Signs in strings do not count: whoever enrols a text of commas would spoil the snapshot.
    """
    if sum(map(text.count, _SIGNS)) <= most:
        return False
    bare = np.frombuffer(text.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    inside = np.logical_xor.accumulate(bare == ord('"'))
    return sum(int(np.count_nonzero((bare == sign) & ~inside)) for sign in _SIGNS) > most


def _object(line: bytes, types: Types, beside: Types = MappingProxyType({})) -> dict[str, Any]:
    """Read a JSON object of exactly these keys and types, and what of `beside` is there."""
    try:
        told = json.loads(line.decode(), parse_int=_whole, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise SnapshotCorrupt(f"not JSON: {error}") from None
    if not isinstance(told, dict):
        raise SnapshotCorrupt("not a JSON object")
    _check_types(told, {**types, **{name: beside[name] for name in beside if name in told}})
    return told


def _whole(digits: str) -> int:
    """Read a whole number; one beyond 64 bits could not be sent to anybody."""
    value = int(digits)
    if not -(2**63) <= value < 2**64:
        raise ValueError("a whole number beyond 64 bits")
    return value


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _check_types(told: dict[str, Any], types: Types) -> None:
    if told.keys() != types.keys():
        raise SnapshotCorrupt(f"its keys are {str(sorted(told))[:200]}")
    for name, value in told.items():
        if types[name] != _ANY and (type(value) not in types[name] or not _finite(value)):
            raise SnapshotCorrupt(f"its {name} is not one")


def _finite(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
