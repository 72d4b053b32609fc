"""Sounds: wav, flac, ogg, opus, mp3, of any rate and up to eight channels; told by their bytes."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from models.errors import ItemEmpty, ItemTooLarge, ItemUndecodable, ModalityUnsupported
from models.modality import (
    HOP_MIN,
    SECONDS_MAX,
    SECONDS_MIN,
    Array,
    Cut,
    Features,
    Item,
    Role,
    read_config,
)
from models.sounds.config import AudioConfig
from models.sounds.fitting import SILENT, levelled, trimmed, windowed
from models.sounds.reading import Bounds, read

INPUT = "samples"
COST_UNIT = "samples"
WINDOWS = (
    f"'windows' is true, or an object of seconds ({SECONDS_MIN} to {SECONDS_MAX}) and hop_seconds "
    f"({HOP_MIN} to {SECONDS_MAX});"
)
MEDIA_TYPES = (
    "audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/flac", "audio/x-flac",
    "audio/ogg", "audio/opus", "audio/mpeg", "audio/mp3",
)  # fmt: skip
SCHEMA = {
    "type": "object",
    "description": "A sound: wav, flac, ogg, opus or mp3, as base64 or as a data: URI.",
    "properties": {
        "audio": {"type": "string", "minLength": 1},
        "windows": {
            "description": "A long sound: cut into windows, of which all are embedded.",
            "anyOf": [
                {"type": "boolean"},
                {
                    "type": "object",
                    "properties": {
                        "seconds": {"type": "number", "minimum": SECONDS_MIN},
                        "hop_seconds": {"type": "number", "minimum": HOP_MIN},
                    },
                    "additionalProperties": False,
                },
            ],
        },
    },
    "required": ["audio"],
    "additionalProperties": False,
}
DATA_URI = re.compile(r"data:(?:audio/[a-z0-9.+-]+|application/ogg);base64,", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sound:
    """The audio modality of one bundle."""

    config: AudioConfig

    @property
    def cost_min(self) -> int:
        """The samples of the window: every sound costs as much."""
        return self.config.samples

    @property
    def cost_max(self) -> int:
        """The samples of the window."""
        return self.config.samples

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the graph's inputs."""
        return (INPUT,)

    @property
    def is_lettered(self) -> bool:
        """Whether it takes what a sound reads: no."""
        return False

    def decode(self, item: Item, *, role: Role | None = None, truncate: bool = True) -> Features:
        """Decode one encoded sound; roles mean nothing to it.

        Of what is longer than the window, silence apart, the middle is heard.
        """
        if item.modality != "audio" or not isinstance(item.content, bytes):
            raise ModalityUnsupported(
                f"this encoder hears sounds as bytes, not items of modality {item.modality!r}; "
                "send a sound, or choose a model that lists that modality"
            )
        config, size = self.config, len(item.content)
        if not size:
            raise ItemEmpty("the sound has no bytes; send the whole file")
        if size > config.item_bytes_max:
            raise ItemTooLarge(
                f"the sound has {size} bytes and the limit is {config.item_bytes_max}; send a part "
                "of it, or save it as opus"
            )
        bounds = Bounds(config.seconds_max, config.samples_max)
        sound, rate = read(item.content, bounds)
        heard = trimmed(sound, rate, config.trim_db)
        if not len(heard) or np.abs(heard).max() < SILENT:
            raise ItemEmpty("the sound is silent all over; send one in which something is heard")
        seconds = config.samples / config.sample_rate
        cut = len(heard) / rate > seconds
        if cut and not truncate:
            raise ItemTooLarge(
                f"the sound has {len(heard) / rate:.2f} seconds without the silence at its ends, "
                f"and this encoder hears {seconds:.2f}; send a part, or allow it to be cut"
            )
        return Features(
            arrays={INPUT: self._fitted(heard, rate)}, cost=config.samples, truncated=cut
        )

    def collate(self, batch: Sequence[Features]) -> dict[str, Array]:
        """Stack the sounds of a batch, int16 (n, samples)."""
        if not batch:
            return {INPUT: np.empty((0, self.config.samples), np.int16)}
        return {INPUT: np.stack([one.arrays[INPUT] for one in batch])}

    def _fitted(self, heard: Array, rate: int) -> Array:
        """Make what is heard of a sound as long, as fast and as loud as the encoder takes it."""
        config = self.config
        # No more is resampled than is heard, with a little beside.
        enough = round(config.samples / config.sample_rate * rate) + rate // 50
        part = windowed(heard, enough, "silence") if len(heard) > enough else heard
        same = part if rate == config.sample_rate else soxr.resample(part, rate, config.sample_rate)
        window = windowed(same, config.samples, config.fill)
        filled = config.fill == "repeat" or len(same) > config.samples
        return levelled(window, config.samples if filled else len(same))


def item_of(item: Mapping[str, object]) -> Item:
    """Read the wire's item object `{"audio": ...}`, with `windows` where it is to be cut.

    Raises:
        InputError: it holds something else, or something more.
    """
    extra = ", ".join(repr(key) for key in item if key not in ("audio", "windows"))[:200]
    if extra:
        raise ItemUndecodable(f'an audio item has no field {extra}; send {{"audio": "..."}}')
    audio = item.get("audio")
    if not isinstance(audio, str):
        raise ItemUndecodable('\'audio\' is not a string; send {"audio": "<base64>"}')
    if audio[:8].lower().startswith(("http://", "https://")):
        raise ItemUndecodable(
            "'audio' is a URL, and this service fetches none; send the bytes as base64, or have "
            "its host allowed (SEMBLANCE_FETCH_HOSTS)"
        )
    uri = DATA_URI.match(audio)
    try:
        content = base64.b64decode(audio[uri.end() :] if uri else audio, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ItemUndecodable(
            f"'audio' is neither base64 nor a data: URI of base64: {error}"
        ) from None
    return Item("audio", content, cut=_cut(item.get("windows")))


def _cut(windows: object) -> Cut | None:
    """Read how a sound is to be cut into windows.

    Raises:
        ItemUndecodable: it says no such thing.
    """
    if windows is None or isinstance(windows, bool):
        return Cut() if windows else None
    told = dict(windows) if isinstance(windows, Mapping) else {"": windows}
    seconds = _number(told.pop("seconds", None), SECONDS_MIN)
    hop = _number(told.pop("hop_seconds", None), HOP_MIN)
    if told:
        raise ItemUndecodable(f"{WINDOWS} it has no field {str(next(iter(told)))[:50]!r}")
    return Cut(() if seconds is None else (seconds,), hop)


def _number(value: object, least: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ItemUndecodable(WINDOWS)
    if not least <= value <= SECONDS_MAX:
        raise ItemUndecodable(WINDOWS)
    return float(value)


def build(config: Mapping[str, object], folder: Path) -> Sound:
    """Open the audio modality of a bundle; it needs no file."""
    return Sound(read_config(AudioConfig, "audio", config))
