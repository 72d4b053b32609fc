"""Windows of a long sound: decoded and resampled once, block by block, each a sound of its own."""

from collections.abc import Iterator, Mapping

import numpy as np

from models.errors import ItemEmpty, ItemTooLarge, ModalityUnsupported
from models.modality import Cut, Item, read_config
from models.sounds.config import AudioConfig
from models.sounds.fitting import SILENT, Mono
from models.sounds.reading import Bounds, blocks
from models.sounds.resampling import resampled
from models.sounds.wav import written
from models.window import Window

HOP_SHARE = 0.5  # of a window, from one to the next, unless it is told
SHORTEST_SECONDS = 0.05
CHANNELS, RATE = 2, 48_000  # of the most samples that a second of a long sound may have


class SoundWindows:
    """Cuts sounds for one encoder: see :class:`models.window.Windows`."""

    def __init__(self, config: AudioConfig) -> None:
        self._config = config

    @property
    def seconds(self) -> float:
        """How much of a sound the encoder hears."""
        return self._config.samples / self._config.sample_rate

    def seconds_of(self, item: Item) -> float:
        """Return how long a sound is, by its header."""
        assert isinstance(item.content, bytes)
        header, _ = blocks(item.content, Bounds(float("inf"), 1 << 62))
        return header.frames / header.rate

    def count(self, seconds: float, cut: Cut) -> int:
        """Return how many windows a sound of so many seconds has at most."""
        hop = self._hop(cut)
        return sum(max(1, 1 + int(np.ceil((seconds - one) / hop))) for one in self._lengths(cut))

    def of(self, item: Item, cut: Cut, *, seconds_max: float, windows_max: int) -> Iterator[Window]:
        """Yield the windows of a sound in which something is heard, in the order of their ends."""
        if item.modality != "audio" or not isinstance(item.content, bytes):
            raise ModalityUnsupported(
                f"windows are of sounds, not of items of modality {item.modality!r}; send a sound"
            )
        if not item.content:
            raise ItemEmpty("the sound has no bytes; send the whole file")
        header, parts = blocks(
            item.content, Bounds(seconds_max, int(seconds_max * RATE * CHANNELS))
        )
        count = self.count(header.frames / header.rate, cut)
        if count > windows_max:
            raise ItemTooLarge(
                f"the sound has {count} windows at a hop of {self._hop(cut):g} s, and the limit is "
                f"{windows_max}; take a larger hop, or send a part"
            )
        return self._cut(resampled(parts, header.rate, self._config.sample_rate), cut)

    def _cut(self, parts: Iterator[Mono], cut: Cut) -> Iterator[Window]:
        """Cut a stream of samples; no more of it is held than the longest window and a block."""
        rate = self._config.sample_rate
        hop = max(1, round(self._hop(cut) * rate))
        lengths = [max(1, round(one * rate)) for one in self._lengths(cut)]
        ends = dict.fromkeys(lengths, 0)  # of the last window of each length
        held, start = np.empty(0, np.float32), 0  # of the sound: what is held begins there
        for part in parts:
            held = np.concatenate([held, part])
            for length in lengths:
                while (at := ends[length] - length + hop if ends[length] else 0) + length <= (
                    start + len(held)
                ):
                    ends[length] = at + length
                    yield from _window(held[at - start : at - start + length], at, rate)
            # The next window of the longest begins last of all that are needed.
            needed = min(ends[one] - one + hop if ends[one] else 0 for one in lengths)
            needed = min(needed, start + len(held) - max(lengths))
            if needed > start:
                held, start = held[needed - start :], needed
        total = start + len(held)
        for length in lengths:  # what stands behind the last whole window
            if total > ends[length]:
                at = max(0, total - length)
                yield from _window(held[at - start :], at, rate)

    def _hop(self, cut: Cut) -> float:
        return cut.hop_seconds or HOP_SHARE * min(self._lengths(cut))

    def _lengths(self, cut: Cut) -> tuple[float, ...]:
        return cut.seconds or (self.seconds,)


def _window(samples: Mono, at: int, rate: int) -> Iterator[Window]:
    """Yield a window, unless it is silent; its peak is brought to that of 16 bits."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < SILENT or len(samples) < SHORTEST_SECONDS * rate:
        return
    power = float(np.square(samples, dtype=np.float64).mean())
    content = written(samples / peak, rate)
    yield Window(at / rate, (at + len(samples)) / rate, Item("audio", content), power**0.5)


def build(config: Mapping[str, object]) -> SoundWindows:
    """Open what cuts sounds for one bundle."""
    return SoundWindows(read_config(AudioConfig, "audio", config))
