"""Two kinds of pairs told apart by their scores alone: strangers, and the same."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from index.errors import ScoresInseparable
from index.linking.curves import Numbers

STEPS = 128
IDENTICAL = 0.9995
"""Pairs from this score on are the same whatever else is found: they read the same."""
Shape = Literal["beta", "normal"]
SHAPES: Final[tuple[Shape, ...]] = ("beta", "normal")
_NEARLY = 2  # steps at the top, which nearly identical ones may fill beyond any shape
_ROUNDS = 300
_ENOUGH = 0.01  # nats that another round must add
_STARTS = (0.3, 0.5, 0.7)  # where, between the strangers' peak and 1, the two may part
_NEAR_PEAK = 0.1  # of the highest peak, what counts as one


@dataclass(frozen=True, slots=True)
class Mixture:
    """What was found of the scores above the strangers' peak.

    Args:
        shape: of the scores of the same.
        peak: the score at which strangers are most frequent.
        chance: P(same) (s,) over equal steps from there to 1, rising.
        share: of the pairs above the peak, not counting identical ones, those that are the same.
        gain: by how much two kinds fit better than strangers alone, in nats.
    """

    shape: Shape
    peak: float
    chance: Numbers
    share: float
    gain: float


def peak_of(scores: Numbers) -> float:
    """Return the score at which strangers are most frequent: the lowest peak worth the name."""
    counts, edges = np.histogram(scores, bins=100)
    at = np.arange(-9, 10) / 3.0
    smooth = np.convolve(counts, np.exp(-0.5 * at * at), "same")
    high = _NEAR_PEAK * smooth.max()
    for place, height in enumerate(smooth):
        if height >= high and height >= smooth[max(0, place - 6) : place + 7].max():
            return float(edges[place] + edges[place + 1]) / 2.0
    raise AssertionError("the highest is a peak")


def parted(
    scores: Numbers, weights: Numbers, peak: float, shape: Shape, start: Mixture | None = None
) -> Mixture:
    """Part the scores (n,) above the peak, by how much each counts (n,), into two kinds.

    From the peak on, strangers fall off as exp(-a u - b u^2) does, a, b >= 0 (the tail of a maximum
    of many is between exponential and Gaussian), with u from 0 at the peak to 1 at a score of 1;
    the scores of the same have a shape, and more or less of what is nearly identical. Both, and
    their shares, are fitted by expectation and maximisation; both are exponential families, for
    which maximising is a convex matter.

    Args:
        start: what was found of nearly the same scores: begins there.

    Source: Dempster, Laird and Rubin 1977; the strangers by themselves, from their bulk, as in
    Efron 2004, "Large-Scale Simultaneous Hypothesis Testing: the choice of a null hypothesis".

    Raises:
        ScoresInseparable: too little lies above the peak.
    """
    within = (scores >= peak) & (scores < IDENTICAL)
    counts = np.histogram(scores[within], STEPS, (peak, 1.0), weights=weights[within])[0]
    if np.count_nonzero(counts) < 8:
        raise ScoresInseparable(
            f"the scores of {len(scores)} candidate pairs are too few or too alike to tell two "
            "kinds of pairs apart; label some pairs, or give a threshold"
        )
    u = (np.arange(STEPS) + 0.5) / STEPS
    sides = (np.log(u), np.log1p(-u)) if shape == "beta" else (u, -u * u)
    statistics = np.stack([*sides, np.arange(STEPS) >= STEPS - _NEARLY], axis=1)
    firsts = (
        [1.0 / (1.0 + np.exp(-20.0 * (u - at))) for at in _STARTS]
        if start is None
        else [start.chance]
    )
    alone = _log_likelihood(counts, _Falling(u).fitted(counts))
    found = [_settled(u, statistics, counts, first) for first in firsts]
    best, chance, share = max(found, key=lambda one: one[0])
    return Mixture(shape, peak, np.maximum.accumulate(chance), share, best - alone)


def _settled(
    u: Numbers, statistics: Numbers, counts: Numbers, chance: Numbers
) -> tuple[float, Numbers, float]:
    """Run expectation and maximisation from a first guess of P(same) to the end."""
    falls, same = _Falling(u), _Family(statistics)
    last, share = -np.inf, 0.0
    for _ in range(_ROUNDS):
        share = float((counts * chance).sum() / counts.sum())
        part = share * same.fitted(counts * chance)
        both = part + (1.0 - share) * falls.fitted(counts * (1.0 - chance))
        now = _log_likelihood(counts, both)
        chance = part / np.maximum(both, 1e-300)
        if now - last < _ENOUGH:
            break
        last = now
    return now, chance, share


class _Family:
    """Densities exp(statistics @ parameters) over steps; remembers the one fitted last.

    Args:
        statistics: (s, p).
    """

    def __init__(self, statistics: Numbers) -> None:
        self._statistics = statistics
        self.parameters = np.zeros(statistics.shape[1])

    def fitted(self, counts: Numbers) -> Numbers:
        """Return the likeliest density (s,) of counts (s,): its means are those observed.

        By Newton's method, from the one fitted last.
        """
        counts = counts + 1e-9
        observed = counts @ self._statistics / counts.sum()
        density = self._density()
        for _ in range(40):
            mean = density @ self._statistics
            spread = (self._statistics.T * density) @ self._statistics - np.outer(mean, mean)
            spread[np.diag_indices_from(spread)] += 1e-9
            step = np.linalg.solve(spread, observed - mean)
            far = float(np.abs(step / (1.0 + np.abs(self.parameters))).max())
            self.parameters = self.parameters + step * min(1.0, 1.0 / max(far, 1e-300))
            density = self._density()
            if far < 1e-3:  # the next step would be of a millionth
                break
        return density

    def _density(self) -> Numbers:
        logs = self._statistics @ self.parameters
        density: Numbers = np.exp(logs - logs.max())
        density /= density.sum()
        return density


class _Falling:
    """Densities exp(-a u - b u^2), a and b not below 0."""

    def __init__(self, u: Numbers) -> None:
        self._both = _Family(np.stack([-u, -u * u], axis=1))
        self._sides = [_Family(-u[:, None]), _Family(-(u * u)[:, None])]

    def fitted(self, counts: Numbers) -> Numbers:
        """Return the likeliest density of counts (s,)."""
        density = self._both.fitted(counts)
        a, b = self._both.parameters
        if a >= 0.0 and b >= 0.0:
            return density
        return self._sides[0 if b < 0.0 else 1].fitted(counts)


def _log_likelihood(counts: Numbers, density: Numbers) -> float:
    return float(counts @ np.log(np.maximum(density, 1e-300)))
