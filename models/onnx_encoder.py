"""A bundle, opened: items to features to unit rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.bundle import MODEL_NAME, Bundle, Probe, identity_of
from models.errors import (
    BundleCorrupt,
    BundleUnsupported,
    InputError,
    ProbeMismatch,
)
from models.manifest import Manifest
from models.modality import Array, Features, Item, Modality, Role, open_modality
from models.onnx_session import CUDA, GRAPH_ERRORS, cores, open_session, provider_of
from models.region import REGIONS_NAME, Regions, open_regions
from models.window import Windows, open_windows

OUTPUT_NAME = "embedding"
Read = Callable[[bytes], str]
"""An encoded file to what stands in it in letters; an empty text where nothing does."""


@dataclass(frozen=True, slots=True)
class OnnxEncoder:
    """One encoder, ready to embed; safe to call from several threads at once.

    Args:
        space: name of the space of its embeddings.
        sample: an item that it embeds, the first of its probe; for readiness.
        provider: where the graph runs: `cpu` or `cuda`.
        regions: finds where in a whole item something may be; None where the bundle cannot.
        windows: cuts items that are longer than it takes in; None where there are none.
    """

    manifest: Manifest
    space: str
    sample: Item
    provider: Literal["cpu", "cuda"]
    regions: Regions | None
    windows: Windows | None
    _folder: Path
    _modality: Modality
    _session: Any
    _read: Read | None

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        threads: int = 0,
        provider: Literal["auto", "cpu", "cuda"] = "auto",
        read: Read | None = None,
    ) -> "OnnxEncoder":
        """Verify a bundle, load its graph, and replay its probe.

        Args:
            threads: threads inside one forward pass; 0 takes the cores of this container.
            provider: `auto` takes CUDA when this build of the runtime has it.
            read: reads what stands in an encoded file in letters, for items that ask for it; it is
                called on the threads that decode.

        Raises:
            BundleCorrupt: a file is damaged.
            BundleUnsupported: the bundle asks for something not known here.
            ProviderUnavailable: the device is not there.
            ProbeMismatch: the embeddings are not those the bundle was published with.
        """
        bundle = Bundle.open(folder)
        manifest = bundle.manifest
        modality = open_modality(manifest.modality, manifest.preprocessing, folder)
        wanted = provider_of(provider)
        session = open_session(folder / MODEL_NAME, threads or cores(), wanted)
        _check_graph(session, modality, manifest.dim, folder / MODEL_NAME)
        probe = bundle.probe()
        encoder = cls(
            manifest=manifest,
            space=bundle.space,
            sample=probe.items[0][0],
            provider="cuda" if wanted == CUDA else "cpu",
            windows=open_windows(manifest.modality, manifest.preprocessing),
            regions=_regions(bundle, threads or cores(), wanted),
            _folder=folder,
            _modality=modality,
            _session=session,
            _read=read,
        )
        _replay(encoder, probe, folder)
        return encoder

    @property
    def name(self) -> str:
        """The model's id in the API."""
        return self.manifest.name

    @property
    def dim(self) -> int:
        """The length of an embedding."""
        return self.manifest.dim

    @property
    def modality(self) -> str:
        """The kind of items it reads."""
        return self.manifest.modality

    @property
    def cost_min(self) -> int:
        """The least cost that one item can have."""
        return self._modality.cost_min

    @property
    def cost_max(self) -> int:
        """The largest cost that one item can have."""
        return self._modality.cost_max

    def decode(self, item: Item, *, role: Role | None = None, truncate: bool = True) -> Features:
        """Decode one item, read before where it asks for that; see `Modality.decode`.

        Raises:
            InputError: the item is at fault.
        """
        if item.reads is True and self._read is not None and self._modality.is_lettered:
            assert isinstance(item.content, bytes)
            item = replace(item, reads=self._read(item.content) or None)
        return self._modality.decode(item, role=role, truncate=truncate)

    def forward(self, batch: Sequence[Features]) -> NDArray[np.float32]:
        """Embed one batch.

        Returns:
            Unit rows, float32 (n, dim), in the order given.
        """
        return self.run(self.collate(batch)) if batch else np.empty((0, self.dim), np.float32)

    def collate(self, batch: Sequence[Features]) -> dict[str, Array]:
        """Pad a batch to the feeds of the graph; see `Modality.collate`."""
        return self._modality.collate(batch)

    def run(self, feeds: Mapping[str, Array]) -> NDArray[np.float32]:
        """Embed a collated batch.

        Returns:
            Unit rows, float32 (n, dim), in the order given.
        """
        return _rows(self._session, feeds)

    def on_one_thread(self) -> Callable[[Mapping[str, Array]], NDArray[np.float32]]:
        """Load the graph once more, for passes of one thread that go side by side.

        Returns:
            What is as `run`; any number of threads may be in it at once.

        Raises:
            BundleError: it cannot be loaded any more, or the folder holds another bundle by now.
        """
        if identity_of(Bundle.open(self._folder).manifest) != identity_of(self.manifest):
            raise BundleCorrupt(f"{self._folder}: it was changed since it was opened: load it anew")
        session = open_session(self._folder / MODEL_NAME, 1, provider_of(self.provider))
        return partial(_rows, session)


def _rows(session: Any, feeds: Mapping[str, Array]) -> NDArray[np.float32]:
    (rows,) = session.run([OUTPUT_NAME], feeds)
    return np.asarray(rows, np.float32)


def _check_graph(session: Any, modality: Modality, dim: int, path: Path) -> None:
    """Compare the graph's inputs and output with what the manifest says of them."""
    takes = sorted(node.name for node in session.get_inputs())
    if takes != sorted(modality.inputs):
        raise BundleUnsupported(
            f"{path}: the graph takes {takes} and the preprocessing makes {sorted(modality.inputs)}"
        )
    gives = {node.name: node for node in session.get_outputs()}
    if OUTPUT_NAME not in gives:
        raise BundleUnsupported(f"{path}: the graph gives {sorted(gives)}, not {OUTPUT_NAME!r}")
    output = gives[OUTPUT_NAME]
    if output.type != "tensor(float)" or len(output.shape) != 2 or output.shape[1] != dim:
        raise BundleUnsupported(
            f"{path}: the graph gives {output.type} {output.shape} and the manifest says "
            f"float32 (n, {dim})"
        )


def _regions(bundle: Bundle, threads: int, provider: str) -> Regions | None:
    """Open the graph that proposes regions, where the bundle has one, and try it."""
    if REGIONS_NAME not in bundle.manifest.files:
        return None
    path = bundle.folder / REGIONS_NAME
    session = open_session(path, threads, provider)

    def propose(pixels: Array) -> tuple[Array, Array]:
        boxes, scores = session.run(["boxes", "scores"], {"pixels": pixels})
        return boxes, scores

    shape = session.get_inputs()[0].shape
    side = shape[-1]
    try:
        boxes, scores = propose(np.full((1, 3, side, side), 128, np.uint8))
    except (*GRAPH_ERRORS, TypeError, ValueError) as error:
        raise BundleUnsupported(f"{path}: it proposes no regions: {error}") from None
    if boxes.ndim != 3 or boxes.shape[2] != 4 or scores.shape != boxes.shape[:2]:
        raise BundleUnsupported(
            f"{path}: it gives boxes {boxes.shape} and scores {scores.shape}, not (n, k, 4), (n, k)"
        )
    return open_regions(bundle.manifest.modality, propose, side, bundle.manifest.preprocessing)


def _replay(encoder: OnnxEncoder, probe: Probe, folder: Path) -> None:
    """Embed the probe one by one and as a batch, on this very device, and compare."""
    try:
        features = [encoder.decode(item, role=role) for item, role in probe.items]
    except InputError as error:
        raise ProbeMismatch(f"{folder}: its own probe cannot be decoded: {error}") from None
    floor = encoder.manifest.probe_floor
    try:
        batched = encoder.forward(features)
        single = np.concatenate([encoder.forward([one]) for one in features])
    except GRAPH_ERRORS as error:
        raise ProbeMismatch(f"{folder}: the graph fails on its own probe: {error}") from None
    for rows in (batched, single):
        cosine = (rows * probe.embeddings).sum(axis=1)
        if not np.all(cosine >= floor):  # written so that NaN fails
            raise ProbeMismatch(
                f"{folder}: the probe's cosine is {cosine.min():.6f} on {encoder.provider} and the "
                f"floor is {floor}; this device or runtime computes something else"
            )
