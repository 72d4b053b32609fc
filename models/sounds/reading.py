"""An encoded sound to one channel of samples, or a reason why not; any bytes may come."""

import io
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import soundfile

from models.errors import ItemEmpty, ItemTooLarge, ItemUndecodable, ModalityUnsupported
from models.sounds import flac, mp3, ogg, wav
from models.sounds.fitting import Mono
from models.sounds.header import Damaged, Header

Look = Callable[[bytes], Header]
# The first bytes of what is read, what the words call it, libsndfile's name, and what looks at it.
FORMATS: tuple[tuple[bytes, str, str, Look], ...] = (
    (wav.MAGIC, "WAV", "WAV", wav.look),
    (flac.MAGIC, "FLAC", "FLAC", flac.look),
    (ogg.MAGIC, "Ogg", "OGG", ogg.look),
    (mp3.ID3, "MP3", "MP3", mp3.look),
    *((magic, "MP3", "MP3", mp3.look) for magic in mp3.MAGICS),
)
READ = "wav, flac, ogg (Vorbis), opus or mp3"
FOREIGN = {
    b"FORM": "AIFF",
    b".snd": "AU",
    b"caff": "a Core Audio file",
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"0&\xb2u": "Windows Media",
    b"#!AMR": "AMR",
    b"\xff\xf1": "AAC",
    b"\xff\xf9": "AAC",
    b"RF64": "RF64, a WAV of more than 4 GB",
    b"MThd": "MIDI, which has no sound of its own",
}
CHANNELS_MAX = 8
RATE_MIN, RATE_MAX = 2_000, 384_000
BLOCK = 1 << 16  # frames that are decoded at once
# Larger ones take turns, so that memory stays bounded.
LARGE_FRAMES = 4_000_000
_turn = threading.Lock()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is decoded at most.

    Args:
        seconds: of a sound.
        samples: of all its channels.
    """

    seconds: float
    samples: int


def read(content: bytes, bounds: Bounds) -> tuple[Mono, int]:
    """Decode a sound, once its header says that it is not too large.

    Returns:
        the mean of its channels, float32 (t,), and its rate in samples a second.

    Raises:
        ModalityUnsupported: it is none of the formats that are read.
        ItemTooLarge: it is too long, or has too many channels.
        ItemUndecodable: it is damaged, or of a kind that is not read.
        ItemEmpty: it has no samples.
    """
    words, name, look = format_of(content)
    with _undecodable(words):
        header = look(content)
        _judge(header, bounds)
        with _turn if header.frames > LARGE_FRAMES else nullcontext():
            return np.concatenate(list(_decoded(name, header, bounds))), header.rate


def blocks(content: bytes, bounds: Bounds) -> tuple[Header, Iterator[Mono]]:
    """Judge a sound by its header, and decode it block by block as the blocks are asked for.

    Returns:
        its header, and the mean of its channels, float32 (t,), up to `BLOCK` frames at once.

    Raises:
        InputError: as :func:`read` does; also while blocks are asked for.
    """
    words, name, look = format_of(content)
    with _undecodable(words):
        header = look(content)
        _judge(header, bounds)

    def decoded() -> Iterator[Mono]:
        with _undecodable(words):
            yield from _decoded(name, header, bounds)

    return header, decoded()


@contextmanager
def _undecodable(words: str) -> Iterator[None]:
    """Turn what decoders raise into words; `words` is what the bytes begin as."""
    try:
        yield
    except (Damaged, soundfile.SoundFileError, struct.error, ValueError, MemoryError) as error:
        # A decoder's own words may tell of its inside, and are for the log.
        told = str(error) if isinstance(error, Damaged) else "it is damaged or cut off"
        raise ItemUndecodable(
            f"the bytes begin as {words} and cannot be decoded: {told}; save the sound again"
        ) from error


def format_of(content: bytes) -> tuple[str, str, Look]:
    """Tell the format by the first bytes: its name here and in libsndfile, and what looks at it.

    Raises:
        ModalityUnsupported: it is none of those that are read.
    """
    for magic, words, name, look in FORMATS:
        if content.startswith(magic) and (magic != wav.MAGIC or content[8:12] == b"WAVE"):
            return words, name, look
    known = (words for magic, words in FOREIGN.items() if content.startswith(magic))
    told = "MPEG-4 (m4a)" if content[4:8] == b"ftyp" else next(known, None)
    raise ModalityUnsupported(
        f"the bytes are {told or 'of no sound that is read here'}; send {READ}"
    )


def _judge(header: Header, bounds: Bounds) -> None:
    """Refuse what is too large by its header."""
    if not 1 <= header.channels <= CHANNELS_MAX:
        raise Damaged(f"it has {header.channels} channels, and 1 to {CHANNELS_MAX} are read")
    if not RATE_MIN <= header.rate <= RATE_MAX:
        raise Damaged(f"its rate is {header.rate} Hz, and {RATE_MIN} to {RATE_MAX} are read")
    seconds = header.frames / header.rate
    if seconds > bounds.seconds:
        raise ItemTooLarge(
            f"the sound has {seconds:.1f} seconds and the limit is {bounds.seconds:g}; send a part"
        )
    if header.frames * header.channels > bounds.samples:
        raise ItemTooLarge(
            f"the sound has {header.frames} samples in each of {header.channels} channels and the "
            f"limit is {bounds.samples} in all; send a part, in one channel, at a lower rate"
        )


def _decoded(name: str, header: Header, bounds: Bounds) -> Iterator[Mono]:
    """Decode by blocks, whatever the header says, up to the bounds."""
    most = min(int(bounds.seconds * header.rate), bounds.samples // header.channels)
    count = 0
    with soundfile.SoundFile(io.BytesIO(header.content)) as file:
        if (file.format, file.channels, file.samplerate) != (name, header.channels, header.rate):
            raise Damaged("its header tells of another sound than it holds")
        while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
            count += len(block)
            if count > most:
                raise ItemTooLarge(
                    f"the sound goes on after {count / header.rate:.1f} seconds, and the limit is "
                    f"{bounds.seconds:g} seconds and {bounds.samples} samples; send a part"
                )
            mixed = block.mean(axis=1, dtype=np.float32)
            if not np.isfinite(mixed).all():
                raise Damaged("some of its samples are no numbers")
            yield mixed
    if not count:
        raise ItemEmpty("the sound has no samples; send the whole file")
