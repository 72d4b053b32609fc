"""The threshold of scans that keeps a rate of false alarms, and what the evidence is worth."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from index.binomial import poisson_bound
from index.errors import RowsInvalid, TooFewImpostors
from index.hits import Scores
from index.label_scores import LabelScore

ALARMS_PER_HOUR_MAX = 3600.0


@dataclass(frozen=True, slots=True)
class Alarms:
    """A threshold of scans, and the background that it was found on.

    Args:
        upper_per_hour: the one-sided 95 % bound on the true rate.
        hours: of background, in which nothing that is enrolled occurs.
        seconds: lengths of the windows; a rate is of these, and of this hop, alone.
        seq: with `count`, the gallery that was measured.
    """

    space: str
    threshold: float
    false_alarms_per_hour: float
    upper_per_hour: float
    hours: float
    seconds: tuple[float, ...]
    hop_seconds: float
    label_score: LabelScore
    seq: int
    count: int

    def to_json(self) -> str:
        """Write it out."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Alarms":
        """Read it back."""
        told = json.loads(text)
        return cls(**told | {"seconds": tuple(told["seconds"])})


def threshold_of_alarms(peaks: Scores, hours: float, rate: float) -> tuple[float, float]:
    """Return the lowest threshold that lets `rate` false alarms an hour pass, and the 95 % bound.

    Of as many hours of the same kind, with as many peaks, m = floor(rate * hours) are expected
    above the m-th highest, which is the share that exchangeable peaks have; the threshold is the
    float32 next above it.

    Args:
        peaks: (p,) scores of all that would be told of the background, were there no threshold.
        hours: of background.

    Raises: RowsInvalid, TooFewImpostors: so short a background cannot promise so low a rate.
    """
    if not 0.0 < rate <= ALARMS_PER_HOUR_MAX:
        raise RowsInvalid(
            f"false_alarms_per_hour is {rate}: it lies above 0, and at {ALARMS_PER_HOUR_MAX:g} at "
            "most"
        )
    rank = math.floor(rate * hours * (1 + 1e-9))  # 180 times a sixtieth is three
    if rank < 1:
        lowest = f"the lowest is {1 / hours:.3g}" if hours > 0 else "there is none"
        raise TooFewImpostors(
            f"{hours:.3g} hours of background cannot promise {rate:g} false alarms an hour: it "
            f"takes {1 / rate:.3g}, and with these {lowest}; send more background"
        )
    if rank > len(peaks):  # so many do not occur at all
        return -1.0, poisson_bound(len(peaks), hours)
    edge = np.sort(np.asarray(peaks, np.float32))[len(peaks) - rank]
    return float(np.nextafter(edge, np.float32(np.inf))), poisson_bound(rank - 1, hours)


def check_windows(seconds: Sequence[float], hop_seconds: float) -> None:
    """Refuse windows that no scan has.

    Raises: RowsInvalid.
    """
    if not seconds or min(seconds) <= 0.0 or hop_seconds <= 0.0:
        raise RowsInvalid(f"windows of {list(seconds)} s at a hop of {hop_seconds} s are none")
