"""MP3: its frames, one by one, without the texts and pictures before, between and behind them."""

import struct
from dataclasses import dataclass

from models.sounds.header import Damaged, Header

ID3 = b"ID3"
# The first two bytes of a frame of layer III without and with a checksum, of MPEG 1, 2 and 2.5.
MAGICS = tuple(bytes([0xFF, kind]) for kind in (0xFB, 0xFA, 0xF3, 0xF2, 0xE3, 0xE2))
KILOBITS = (
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),  # MPEG 2 and 2.5
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),  # MPEG 1
)
RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
TAGS_MAX = 8
ONE_CHANNEL = 3
# A frame that tells of the others, in place of sound, begins so behind what is empty of it.
TELLING, TELLING_WITHIN = (b"Xing", b"Info", b"VBRI"), 48
TELLING_BITRATE = 8  # 64 or 112 kbit/s, at which there is room for it
FRAMES_MIN = 2
GAPS_MAX = 64  # stretches between frames that are something else


@dataclass(frozen=True, slots=True)
class Frame:
    """The head of a frame: bytes of it, samples in each channel, and what must not change."""

    size: int
    samples: int
    rate: int
    channels: int


def look(content: bytes) -> Header:
    """Read an MP3: how long it is, and a file of its frames alone.

    What libsndfile's decoder (mpg123) finds out of place it tells on standard error, so it finds
    nothing out of place.

    Source: ISO/IEC 11172-3, section 2.4.1.3, and 13818-3; ID3v2.4.0, section 3.1.

    Raises:
        Damaged: no two frames follow each other.
    """
    at, first, gaps = _behind_tags(content), None, 0
    kept: list[bytes] = []
    while 0 <= at < len(content) - 4 and gaps <= GAPS_MAX:
        frame = _frame(content, at)
        ends = at + frame.size if frame else 0
        if frame is None or ends > len(content) or not (kept or _frame(content, ends)):
            at, gaps = _next(content, at + 1), gaps + 1
            continue
        first = first or frame
        if (frame.rate, frame.channels) != (first.rate, first.channels):
            raise Damaged("its rate or its channels change within it")
        body = content[at:ends]
        if kept or not any(name in body[:TELLING_WITHIN] for name in TELLING):
            kept.append(body)
        at = ends
    if first is None or len(kept) < FRAMES_MIN:
        raise Damaged("no frames of it are found that follow each other")
    content = _telling(kept[0], len(kept)) + b"".join(kept)
    return Header(content, first.channels, first.rate, len(kept) * first.samples)


def _telling(frame: bytes, count: int) -> bytes:
    """Make a frame that tells how many there are, without which the bitrate of the first is asked.

    Source: the "Xing" header, as LAME writes it: behind the side information, which is empty here.
    """
    head = bytes([frame[0], frame[1] | 1, TELLING_BITRATE << 4 | frame[2] & 0x0C, frame[3]])
    told = _frame(head, 0)
    assert told is not None
    first = told.samples == 1152
    empty = (17 if first else 9) if told.channels == 1 else (32 if first else 17)
    return (head + bytes(empty) + TELLING[0] + struct.pack(">II", 1, count)).ljust(told.size, b"\0")


def _behind_tags(content: bytes) -> int:
    """Find where the ID3 tags end that it begins with."""
    at = 0
    for _ in range(TAGS_MAX):
        if content[at : at + 3] != ID3 or len(content) < at + 10:
            break
        parts = content[at + 6 : at + 10]
        at += 10 + sum((byte & 0x7F) << 7 * (3 - place) for place, byte in enumerate(parts))
    return at


def _next(content: bytes, at: int) -> int:
    """Find the next bytes that may be the head of a frame; -1 where there are none."""
    found = [place for magic in MAGICS if (place := content.find(magic, at)) >= 0]
    return min(found, default=-1)


def _frame(content: bytes, at: int) -> Frame | None:
    """Read the head of a frame, and None where it is none."""
    if content[at : at + 2] not in MAGICS or len(content) < at + 4:
        return None
    second, third, fourth = content[at + 1 : at + 4]
    version, which = second >> 3 & 3, third >> 2 & 3
    if which == 3:
        return None
    first = version == 3
    kilobits, rate = KILOBITS[first][third >> 4], RATES[version][which]
    if not kilobits:
        return None
    samples = 1152 if first else 576
    size = samples // 8 * kilobits * 1000 // rate + (third >> 1 & 1)
    return Frame(size, samples, rate, 1 if fourth >> 6 == ONE_CHANNEL else 2)
