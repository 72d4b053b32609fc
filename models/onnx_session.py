"""A graph, opened on the device there is. The only door to ONNX Runtime."""

import os
import sys
from pathlib import Path
from typing import Any, Literal

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from models.errors import BundleCorrupt, ProviderUnavailable

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


def provider_of(asked: Literal["auto", "cpu", "cuda"]) -> str:
    """Choose the runtime's provider; `auto` takes CUDA where this build has it.

    Raises:
        ProviderUnavailable: the one asked for is not there.
    """
    offered = ort.get_available_providers()
    if asked == "cuda" and CUDA not in offered:
        raise ProviderUnavailable(
            f"provider 'cuda' was asked for, and this onnxruntime offers {', '.join(offered)}; "
            "install onnxruntime-gpu, or ask for 'cpu'"
        )
    return CUDA if asked != "cpu" and CUDA in offered else CPU


def open_session(path: Path, threads: int, provider: str) -> Any:
    """Load a graph; it runs where it was asked to, or not at all.

    Raises:
        BundleCorrupt: the runtime refuses the graph.
        ProviderUnavailable: it would run elsewhere.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 4  # what matters is raised, and logged by its catcher
    # A memory pattern is kept for every shape seen, for good, and batches here have as many shapes
    # as there are lengths. The arena stays, and keeps what the largest batch needed: to give it
    # back after each pass makes the next one map it anew, which takes up to a third longer.
    options.enable_mem_pattern = False
    # Threads that wait for each other's part of an operator spin, for longer than it pays where the
    # event loop needs a core too. Thirty microseconds are enough: a pass alone keeps its speed.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "30")
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
