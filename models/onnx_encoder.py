"""A bundle, opened: items to features to unit rows. The only door to ONNX Runtime."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from models.bundle import MODEL_NAME, Bundle, Probe
from models.errors import (
    BundleCorrupt,
    BundleUnsupported,
    InputError,
    ProbeMismatch,
    ProviderUnavailable,
)
from models.manifest import Manifest
from models.modality import Array, Features, Item, Modality, Role, open_modality

OUTPUT_NAME = "embedding"
CGROUP = Path("/sys/fs/cgroup")
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

# What the runtime raises for a graph that it cannot read, or reads and will not run.
GRAPH_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


@dataclass(frozen=True, slots=True)
class OnnxEncoder:
    """One encoder, ready to embed; safe to call from several threads at once.

    Args:
        space: name of the space of its embeddings.
        sample: an item that it embeds, the first of its probe; for readiness.
        provider: where the graph runs: `cpu` or `cuda`.
    """

    manifest: Manifest
    space: str
    sample: Item
    provider: str
    _modality: Modality
    _session: Any

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        threads: int = 0,
        provider: Literal["auto", "cpu", "cuda"] = "auto",
    ) -> "OnnxEncoder":
        """Verify a bundle, load its graph, and replay its probe.

        Args:
            threads: threads inside one forward pass; 0 takes the cores of this container.
            provider: `auto` takes CUDA when this build of the runtime has it.

        Raises:
            BundleCorrupt: a file is damaged.
            BundleUnsupported: the bundle asks for something not known here.
            ProviderUnavailable: the device is not there.
            ProbeMismatch: the embeddings are not those the bundle was published with.
        """
        bundle = Bundle.open(folder)
        manifest = bundle.manifest
        modality = open_modality(manifest.modality, manifest.preprocessing, folder)
        wanted = _provider(provider)
        session = _session(folder / MODEL_NAME, threads or cores(), wanted)
        _check_graph(session, modality, manifest.dim, folder / MODEL_NAME)
        probe = bundle.probe()
        encoder = cls(
            manifest=manifest,
            space=bundle.space,
            sample=probe.items[0][0],
            provider="cuda" if wanted == CUDA else "cpu",
            _modality=modality,
            _session=session,
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
        """Decode one item; see `Modality.decode`.

        Raises:
            InputError: the item is at fault.
        """
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
        (rows,) = self._session.run([OUTPUT_NAME], feeds)
        return np.asarray(rows, np.float32)


def cores(cgroup: Path = CGROUP) -> int:
    """Count the cores this process may use: its affinity, bounded by the container's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # Rounded down: a thread more than the quota stalls all of them at the end of each period.
    return max(1, min(allowed or 1, int(_quota(cgroup))))


def _quota(cgroup: Path) -> float:
    """Read how many cores a container may fill: from cgroup v2, else v1, else any number."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            words = " ".join((cgroup / file).read_text(encoding="ascii") for file in files)
            quota, period = map(int, words.split())
        except (OSError, ValueError):  # another version, or "max": no quota
            continue
        if quota > 0 and period > 0:  # v1 says -1 where there is none
            return quota / period
    return sys.maxsize


def _provider(asked: Literal["auto", "cpu", "cuda"]) -> str:
    offered = ort.get_available_providers()
    if asked == "cuda" and CUDA not in offered:
        raise ProviderUnavailable(
            f"provider 'cuda' was asked for, and this onnxruntime offers {', '.join(offered)}; "
            "install onnxruntime-gpu, or ask for 'cpu'"
        )
    return CUDA if asked != "cpu" and CUDA in offered else CPU


def _session(path: Path, threads: int, provider: str) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 4  # what matters is raised, and logged by its catcher
    # A memory pattern is kept for every shape seen, for good, and batches here have as many shapes
    # as there are lengths. The arena stays, and keeps what the largest batch needed: to give it
    # back after each pass makes the next one map it anew, which takes up to a third longer.
    options.enable_mem_pattern = False
    # Threads that wait for each other's part of an operator spin, for longer than it pays where the
    # event loop needs a core too. Ten microseconds are enough: a pass alone keeps its speed.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "10")
    try:
        session = ort.InferenceSession(str(path), options, providers=[provider])
    except GRAPH_ERRORS as error:
        if provider == CUDA:
            raise ProviderUnavailable(f"{path}: CUDA: {error}; ask for provider 'cpu'") from None
        raise BundleCorrupt(f"{path}: ONNX Runtime refuses it: {error}") from None
    if session.get_providers()[0] != provider:
        raise ProviderUnavailable(
            f"{path}: {provider} was asked for and the runtime fell back to "
            f"{session.get_providers()[0]}; look for its libraries and driver, or ask for 'cpu'"
        )
    return session


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
