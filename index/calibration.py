"""The threshold that keeps a stated false-accept rate, and what the evidence for it is worth."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial

import numpy as np
import numpy.typing as npt

from index.binomial import upper_bound
from index.chunks import Chunks
from index.errors import RowsInvalid, TooFewImpostors
from index.hits import Mask, Positions, Scores, exact_scores
from index.label_scores import MEAN, NEAREST, LabelScore, best_by_mean
from index.vectors import Rows
from index.view import View

RIGHT_MIN = 20  # for a probability; fewer make a slope of chance
STALE_SHARE = 0.2
_ROUGH_BYTES_MAX = 64 * 2**20
_SAMPLE_SEED = 0


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold, and the sample that bounds it.

    `far_upper` is the one-sided 95 % bound on the true false-accept rate; `true_accept_rate` is the
    share of the queries somebody here is that found that one, above the threshold; `slope` and
    `offset` turn a score into a probability, or are None. `seq` and `count` tell the gallery that
    was measured, `label_score` how its labels were scored.
    """

    space: str
    threshold: float
    false_accept_rate: float
    far_upper: float
    impostors: int
    genuine: int
    true_accept_rate: float | None
    slope: float | None
    offset: float | None
    seq: int
    count: int
    label_score: LabelScore = NEAREST

    def probability_of(self, score: float) -> float | None:
        """Return the probability that a best hit of this score is right, in a mix as measured."""
        if self.slope is None or self.offset is None:
            return None
        logit = self.slope * score + self.offset
        # Labels that nearly touch make slopes of millions; e to the thousand is beyond a float.
        return 0.5 * (1.0 + math.tanh(0.5 * logit))

    def stale(self, count: int) -> bool:
        """Return whether the gallery has grown or shrunk by more than a fifth since."""
        return is_stale(self.count, count)

    def to_json(self) -> str:
        """Write the calibration out."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """Read a calibration back."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Best scores among names that are not the query's own (m,), and among those that are (g,).

    `right` (r,) and `wrong` (w,) are the scores of best hits that were of the query's own name and
    those that were not, in the mix of queries that a probability is told for.
    """

    impostors: Scores
    genuine: Scores
    right: Scores
    wrong: Scores


def is_stale(measured_count: int, count: int) -> bool:
    """Tell whether a gallery that was measured has grown or shrunk by more than a fifth."""
    return abs(count - measured_count) > STALE_SHARE * measured_count


def gather(
    rows: Chunks,
    codes: npt.NDArray[np.int32],
    queries: Rows,
    own: npt.NDArray[np.int32],
    itself: Positions | None = None,
    alive: Mask | None = None,
    label_score: LabelScore = NEAREST,
) -> Evidence:
    """Score queries (q, d) against rows (n, d) named by codes (n,).

    `own` (q,) is each query's name, -1 for nobody here; leaving that name out makes the query an
    unknown one. `itself` (q,) is its position among the rows, where they are some of them: these
    say nothing of unknown queries, so that each stands for one as well.
    """
    none = np.empty(0, np.float32)
    others, owns = [none], [none]
    step = max(1, _ROUGH_BYTES_MAX // (4 * max(1, len(rows))))
    for start in range(0, len(queries) if len(rows) else 0, step):
        some = slice(start, start + step)
        rough = rows.products(queries[some])
        if alive is not None:
            rough[:, ~alive] = -np.inf
        if itself is not None:
            rough[np.arange(len(rough)), itself[some]] = -np.inf
        same = codes == own[some, np.newaxis]
        best = partial(_best_mean, codes=codes) if label_score == MEAN else _best
        others.append(best(rows, queries[some], np.where(same, -np.inf, rough)))
        owns.append(best(rows, queries[some], np.where(same, rough, -np.inf)))
    other, its_own = np.concatenate(others), np.concatenate(owns)
    known, rivalled = np.isfinite(its_own), np.isfinite(other)
    right = known & (its_own >= other)
    wrong = [other[rivalled & ~right]]
    if itself is not None:
        wrong.append(other[rivalled & known])
    return Evidence(other[rivalled], its_own[known], its_own[right], np.concatenate(wrong))


def measured(
    view: View,
    queries: Rows | None,
    labels: Sequence[str | None] | None,
    exemplars_max: int,
    false_accept_rate: float,
    space: str,
    rule: LabelScore,
) -> Calibration:
    """Calibrate a view by labelled queries (q, d), or without them by up to so many exemplars.

    Raises: RowsInvalid, TooFewImpostors.
    """
    evidence = (
        own_evidence(view, exemplars_max, rule)
        if queries is None
        else sent_evidence(view, queries, labels, rule)
    )
    return calibrated(
        evidence, false_accept_rate, space=space, seq=view.seq, count=view.count, rule=rule
    )


def own_evidence(view: View, exemplars_max: int, label_score: LabelScore = NEAREST) -> Evidence:
    """Take up to so many exemplars as queries; the same gallery gives the same sample."""
    living = np.arange(view.n) if view.alive is None else np.flatnonzero(view.alive)
    if len(living) > exemplars_max:
        chance = np.random.default_rng(_SAMPLE_SEED)
        living = np.sort(chance.choice(living, exemplars_max, replace=False))
    rows = view.vectors
    queries, own = rows.take(living), view.codes[living]
    return gather(rows, view.codes, queries, own, living, view.alive, label_score)


def sent_evidence(
    view: View,
    queries: Rows,
    labels: Sequence[str | None] | None,
    label_score: LabelScore = NEAREST,
) -> Evidence:
    """Take labelled queries (q, d); a label of None, or one that nobody here has, is nobody's.

    Raises: RowsInvalid.
    """
    if labels is None or len(labels) != len(queries):
        raise RowsInvalid(
            f"{len(queries)} queries came with {len(labels or ())} labels: send one per query, "
            "null for what is nobody's"
        )
    code_of = view.page.code_of
    own = np.array([-1 if one is None else code_of.get(one, -1) for one in labels], np.int32)
    rows, alive = view.vectors, view.alive
    return gather(rows, view.codes, queries, own, alive=alive, label_score=label_score)


def _best(rows: Chunks, queries: Rows, rough: npt.NDArray[np.floating]) -> Scores:
    """Return the fixed score of each query's best row (q,), -inf for those that have none."""
    at = rough.argmax(axis=1)
    scores = np.full(len(queries), -np.inf, np.float32)
    for i in np.flatnonzero(np.isfinite(rough[np.arange(len(rough)), at])):
        scores[i] = exact_scores(rows, at[i : i + 1], queries[i])[0]
    return scores


def _best_mean(
    rows: Chunks,
    queries: Rows,
    rough: npt.NDArray[np.floating],
    codes: npt.NDArray[np.int32],
) -> Scores:
    """Return the fixed mean of each query's best label (q,), -inf for those that have none."""
    scores = np.full(len(queries), -np.inf, np.float32)
    for i, (query, some) in enumerate(zip(queries, rough, strict=True)):
        means, _ = best_by_mean(rows, codes, query, some, 1, np.isfinite(some))
        scores[i] = means[0] if len(means) else -np.inf
    return scores


def calibrated(
    evidence: Evidence,
    false_accept_rate: float,
    *,
    space: str,
    seq: int,
    count: int,
    rule: LabelScore = NEAREST,
) -> Calibration:
    """Return the calibration that the evidence supports at this rate.

    Raises: RowsInvalid for a rate outside (0, 1), TooFewImpostors.
    """
    threshold, rank = conformal_threshold(evidence.impostors, false_accept_rate)
    impostors, genuine = len(evidence.impostors), len(evidence.genuine)
    line = platt(evidence.right, evidence.wrong) if len(evidence.right) >= RIGHT_MIN else None
    return Calibration(
        space=space,
        threshold=threshold,
        false_accept_rate=false_accept_rate,
        far_upper=upper_bound(rank - 1, impostors),
        impostors=impostors,
        genuine=genuine,
        true_accept_rate=int(np.sum(evidence.right >= threshold)) / genuine if genuine else None,
        slope=None if line is None else line[0],
        offset=None if line is None else line[1],
        seq=seq,
        count=count,
        label_score=rule,
    )


def conformal_threshold(impostors: Scores, rate: float) -> tuple[float, int]:
    """Return the lowest threshold that keeps P(false accept) <= rate, and the rank it is above.

    A new impostor exchangeable with the n of the sample is accepted only when it would rank among
    the highest m = floor(rate * (n + 1)) of the n + 1, which has probability m / (n + 1) at most.
    So the threshold is the float32 next above the m-th highest. Source: Vovk, Gammerman and
    Shafer, Algorithmic Learning in a Random World, prop. 2.3.

    >>> conformal_threshold(np.linspace(0, 0.5, 99, dtype=np.float32), 0.01)[1]
    1

    Raises: RowsInvalid, TooFewImpostors.
    """
    if not 0.0 < rate < 1.0:
        raise RowsInvalid(f"false_accept_rate is {rate}: it lies between 0 and 1, both excluded")
    n = len(impostors)
    exact = Fraction(str(rate))  # the decimal that was written: 0.07 * 100 is not 7 in floats
    rank = math.floor(exact * (n + 1))
    if rank < 1:
        needed = math.ceil(1 / exact) - 1
        raise TooFewImpostors(
            f"{n} impostor scores cannot promise a false_accept_rate of {rate}: it takes {needed}, "
            f"and with these the lowest is {1 / (n + 1):.3g}; enrol or send more"
        )
    edge = np.sort(impostors)[n - rank]
    return float(np.nextafter(edge, np.float32(np.inf))), rank


def platt(right: Scores, wrong: Scores) -> tuple[float, float] | None:
    """Fit a rising curve of P(right | score), or return None where it does not rise.

    P = 1 / (1 + exp(-(slope * score + offset))). Where nothing was wrong, nothing rises.
    Source: Platt 1999 with its smoothed targets; Newton's method as in Lin, Lin and Weng 2007.
    """
    if not len(wrong):
        return None  # the sign of the slope would be that of a rounding
    scores = np.concatenate([right, wrong]).astype(np.float64)
    targets = np.concatenate(
        [
            np.full(len(right), (len(right) + 1.0) / (len(right) + 2.0)),
            np.full(len(wrong), 1.0 / (len(wrong) + 2.0)),
        ]
    )
    columns = np.stack([scores, np.ones_like(scores)], axis=1)
    weights = np.array([0.0, math.log((len(right) + 1.0) / (len(wrong) + 1.0))])
    loss = _loss(columns @ weights, targets)
    for _ in range(100):
        logits = columns @ weights
        chance = 1.0 / (1.0 + np.exp(-logits))
        slope = columns.T @ (chance - targets)
        curve = (columns * (chance * (1.0 - chance))[:, np.newaxis]).T @ columns
        step = np.linalg.solve(curve + 1e-10 * np.eye(2), slope)
        size = 1.0
        while (
            new_loss := _loss(columns @ (weights - size * step), targets)
        ) > loss and size > 1e-8:
            size /= 2.0
        gained, loss, weights = loss - new_loss, new_loss, weights - size * step
        if gained < 1e-10:
            break
    return (float(weights[0]), float(weights[1])) if weights[0] > 0.0 else None


def _loss(logits: npt.NDArray[np.float64], targets: npt.NDArray[np.float64]) -> float:
    return float(np.sum(np.logaddexp(0.0, logits) - targets * logits))
