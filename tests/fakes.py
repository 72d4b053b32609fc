"""Stand-ins for what tests must control: an encoder that can be told to fail."""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.errors import ItemEmpty, ItemTooLarge, ModalityUnsupported
from models.manifest import Manifest
from models.modality import Features, Item, Role
from tests.pace import PACE


class Poisoned(RuntimeError):
    """What a fake forward pass dies of."""


def row_of(text: str, dim: int) -> NDArray[np.float32]:
    """Make a unit row that depends on the text alone."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    row = np.random.default_rng(seed).normal(size=dim).astype(np.float32)
    unit: NDArray[np.float32] = row / np.linalg.norm(row)
    return unit


class FakeEncoder:
    """Embeds a text to a row that depends on it alone; a word costs one.

    Texts holding "poison" fail the forward pass, "nan" gives a row that is not finite, and "deadly"
    ends the thread that runs it; "undecodable" breaks the decoder, and
    "panic" its thread. ``fails`` makes every pass fail,
    ``gate`` holds every forward pass back while it is cleared.
    """

    modality = "text"
    regions = None
    windows = None
    cost_min = 1
    cost_max = 16
    sample = Item("text", "ready?")

    def __init__(self, name: str = "fake", dim: int = 8, space: str = "fake-space") -> None:
        self.name, self.dim, self.space = name, dim, space
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.inside = False
        self.fails = False
        self.decode_seconds = 0.0
        self.manifest = Manifest(
            name=name,
            version="1",
            description="A fake.",
            modality="text",
            preprocessing={},
            dim=dim,
            precision="fp32",
            licence="Apache-2.0",
            source="tests",
            training_data="none",
            unrelated_score_q99=0.9,
            probe_floor=0.999,
            files={},
        )

    def decode(self, item: Item, *, role: Role | None = None, truncate: bool = True) -> Features:
        if item.modality != "text":
            raise ModalityUnsupported(f"not {item.modality}")
        text = item.content if isinstance(item.content, str) else repr(item.content)
        words = text.split()
        if self.decode_seconds:
            time.sleep(self.decode_seconds)
        if words == ["panic"]:
            raise SystemExit
        if words == ["undecodable"]:
            raise Poisoned
        if not words:
            raise ItemEmpty("the text is empty")
        truncated = len(words) > self.cost_max
        if truncated and not truncate:
            raise ItemTooLarge(f"{len(words)} words; the limit is {self.cost_max}")
        words = words[: self.cost_max]
        codes = np.array([ord(c) for c in " ".join(words)])
        return Features({"codes": codes}, len(words), truncated)

    def collate(self, batch: Sequence[Features]) -> list[str]:
        return ["".join(chr(code) for code in features.arrays["codes"]) for features in batch]

    def run(self, feeds: list[str]) -> NDArray[np.float32]:
        texts = feeds
        self.inside = True
        self.gate.wait(10 * PACE)
        self.inside = False
        self.batches.append(texts)
        if any("deadly" in text for text in texts):
            raise SystemExit  # no Exception: it ends the lane's thread, as a bug in the lane would
        if self.fails or any("poison" in text for text in texts):
            raise Poisoned
        rows = np.stack([row_of(text, self.dim) for text in texts])
        rows[[at for at, text in enumerate(texts) if "nan" in text]] = np.nan
        return rows

    def on_one_thread(self) -> Callable[[list[str]], NDArray[np.float32]]:
        return self.run


class FakeCrops(FakeEncoder):
    """Embeds a picture's bytes, which are a text, to that text's row, in the space of another."""

    modality = "image"
    sample = Item("image", b"ready?")

    def __init__(self, name: str = "crops", dim: int = 8, space: str = "fake-space") -> None:
        super().__init__(name, dim, space)
        update = {"modality": "image", "space": "fake-0123456789ab"}
        self.manifest = self.manifest.model_copy(update=update)

    def decode(self, item: Item, *, role: Role | None = None, truncate: bool = True) -> Features:
        if item.modality != "image":
            raise ModalityUnsupported(f"not {item.modality}")
        assert isinstance(item.content, bytes)
        return super().decode(Item("text", item.content.decode()), role=role, truncate=truncate)
