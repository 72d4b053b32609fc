"""Many short sounds as one array, and on disk as one stream."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16_000  # of all that is learnt from, in samples a second
# How a stream is kept, and may have been made smaller to be carried to another machine.
KINDS = (".flac", ".opus")

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Clips:
    """Mono sounds of 16 bits at `RATE`.

    Args:
        samples: int16 (total,), one after the other.
        starts: int64 (n + 1,): clip i is `samples[starts[i]:starts[i + 1]]`.
        labels: int64 (n,): clips of one label say the same.
    """

    samples: Samples
    starts: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, at: int) -> Samples:
        return self.samples[self.starts[at] : self.starts[at + 1]]

    def __iter__(self) -> Iterator[Samples]:
        return (self[at] for at in range(len(self)))

    @property
    def seconds(self) -> float:
        """Seconds in all."""
        return len(self.samples) / RATE


def gathered(sounds: Iterable[tuple[int, Samples]]) -> Clips:
    """Put labelled sounds together, in their order."""
    pairs = list(sounds)
    lengths = [len(one) for _, one in pairs]
    samples = np.concatenate([one for _, one in pairs]) if pairs else np.zeros(0, np.int16)
    return Clips(
        samples.astype(np.int16, copy=False),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array([label for label, _ in pairs], np.int64),
    )


def joined(parts: Iterable[Clips]) -> Clips:
    """Put collections together; labels stay."""
    return gathered(
        (int(label), one) for part in parts for label, one in zip(part.labels, part, strict=True)
    )


def save_clips(path: Path, clips: Clips) -> None:
    """Keep clips as `PATH.flac` and `PATH.json`."""
    soundfile.write(path.with_suffix(KINDS[0]), clips.samples, RATE, "PCM_16")
    lengths = np.diff(clips.starts).tolist()
    told = {"lengths": lengths, "labels": clips.labels.tolist()}
    path.with_suffix(".json").write_text(json.dumps(told), encoding="utf-8")


def are_kept(path: Path) -> bool:
    """Tell whether clips were kept at a path."""
    return path.with_suffix(".json").exists()


def load_clips(path: Path) -> Clips:
    """Read what `save_clips` kept, or what it was made to."""
    told = json.loads(path.with_suffix(".json").read_text("utf-8"))
    (stream,) = (path.with_suffix(kind) for kind in KINDS if path.with_suffix(kind).exists())
    samples, rate = soundfile.read(stream, dtype="int16")
    assert rate == RATE, stream
    starts = np.concatenate([[0], np.cumsum(told["lengths"])]).astype(np.int64)
    # A codec may give some samples more or fewer at the end.
    whole = np.zeros(int(starts[-1]), np.int16)
    whole[: len(samples)] = samples[: len(whole)]
    return Clips(whole, starts, np.array(told["labels"], np.int64))
