"""What a benchmark gives back, and how it is printed."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, sleep


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Args:
        value: as measured, with its unit.
        baseline: what it stands beside, measured in the same run.
        ratio: of the two, where there are two.
        target: what the project holds itself to.
    """

    what: str
    value: str
    baseline: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        verdict = "" if self.met is None else ("met" if self.met else "MISSED")
        return (
            f"{self.what:42} {self.value:>12} {self.baseline:>24} {ratio:>6} "
            f"{self.target:>10} {verdict}"
        )


HEADER = f"{'figure':42} {'measured':>12} {'beside':>24} {'ratio':>6} {'target':>10}"


def resident_bytes(pid: int) -> int:
    """Read how much memory a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def seconds_of(call: Callable[[], object]) -> float:
    """Time one call."""
    started = perf_counter()
    call()
    return perf_counter() - started


def in_turn(
    ours: Callable[[], object],
    bare: Callable[[], object],
    rounds: int,
    rest_seconds: float = 0.0,
) -> tuple[float, float, float]:
    """Time two things in turn, so that the machine's moods meet both, with a rest before each.

    Returns:
        Median seconds of each, and the median over rounds of the ratio ours / bare.
    """

    def timed(call: Callable[[], object]) -> float:
        sleep(rest_seconds)
        return seconds_of(call)

    pairs = [(timed(ours), timed(bare)) for _ in range(rounds)]
    mine, theirs = zip(*pairs, strict=True)
    return median(mine), median(theirs), median(a / b for a, b in pairs)
