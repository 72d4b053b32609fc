"""Linking as a use case: candidates, scores, who gets whom, how sure that is, and why.

Candidates of a record are its nearest by the one row of each (`pooling`); they are scored field by
field (`scoring`), a threshold is taken or found from the scores of all candidates, and pairs are
chosen among those at or above it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from index.errors import ScoresInseparable
from index.hits import Positions
from index.linking.assignment import best, one_to_one
from index.linking.blocking import candidates
from index.linking.curves import Curves, Threshold
from index.linking.pairs import Pairs
from index.linking.rivals import TIED, borne_out, by_rivals, rivals_at
from index.linking.threshold import without_labels
from service.errors import SchemaInvalid
from service.records.learning import Label, Taught, taught
from service.records.pooling import Pooled
from service.records.scoring import FieldScore, Scored, explained, scored

Pairing = Literal["best", "one_to_one", "one_to_many"]
PAIRINGS: tuple[Pairing, ...] = get_args(Pairing)
RERANK = 0.3
K = 10
UNCUT = -1.0


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms records are linked.

    Args:
        k: candidates of a record.
        pairing: `best`: each left record its best right one, which others may have too;
            `one_to_one`: no record twice, worth most in all; `one_to_many`: each right record its
            best left one, which may have others.
        threshold: the least score of a pair; None has it found from the scores.
        rerank: what the distance of strings weighs in the score of names and texts, 0 to 1.
        shared_min: the share of all weights that a pair must rest on, 0 to 1.
        labels: pairs of which somebody said whether they are of one thing.
    """

    k: int = K
    pairing: Pairing = "best"
    threshold: float | None = None
    rerank: float = RERANK
    shared_min: float = 0.0
    labels: Sequence[Label] = ()


@dataclass(frozen=True, slots=True)
class Linked:
    """What became of the records.

    Args:
        pairs: that were chosen, by left record.
        shared: the share of all weights that each rests on (n,).
        probabilities: of each pair that it is right (n,); None where the scores do not tell.
        nearest: of each left record that has a candidate its best pair, chosen or not.
        threshold: at which was cut; None where nothing was.
        expected: what may be expected of the threshold; None where the scores do not tell.
        why: the scores do not tell.
        candidates: all of them, with their scores.
        curves: how likely a pair of a score is right; None where the scores do not tell.
        of_bests: whether the curves are of the best pair of each record alone.
        taught: what the labels taught; None where there are none.
    """

    pairs: Pairs
    shared: NDArray[np.float32]
    probabilities: NDArray[np.float64] | None
    nearest: Pairs
    threshold: float | None
    expected: Threshold | None
    why: str | None
    candidates: Scored
    curves: Curves | None
    of_bests: bool = False
    taught: Taught | None = None

    def choosing(self, pairs: Pairs) -> "Linked":
        """Return the same with others of the candidates as the pairs that were chosen."""
        likely = None
        if self.curves is not None:
            tell = likely_of_bests if self.of_bests else likely_of
            likely = tell(pairs, self.candidates.pairs, self.curves)
        shared = _shared_of(pairs, self.candidates)
        return replace(self, pairs=pairs, shared=shared, probabilities=likely)


def link(left: Pooled, right: Pooled, terms: Terms) -> Linked:
    """Link records; takes long, and every core.

    Raises:
        SchemaInvalid: the two were not made by one schema, or their vectors are of two dimensions.
    """
    found = _candidates(left, right, terms)

    def score(pairs: Pairs) -> Pairs:
        return scored(left, right, pairs, rerank=terms.rerank).pairs

    learnt = taught(left, right, terms.labels, score)
    if learnt is not None and len(found.pairs):
        found = Scored(learnt.rescored(found.pairs), found.shared)
    return decided(found, terms, learnt)


def decided(found: Scored, terms: Terms, learnt: Taught | None = None) -> Linked:
    """Choose pairs among scored candidates; takes long.

    Args:
        learnt: what labels taught, by which the candidates are scored.
    """
    turned = terms.pairing == "one_to_many"
    of_bests, curves, expected, why = _told(
        found.pairs.swapped() if turned else found.pairs, terms, learnt
    )
    threshold = terms.threshold if expected is None else expected.threshold
    cut = UNCUT if threshold is None else threshold
    chosen = _chosen(found.pairs, cut, terms.pairing)
    likely = None
    if curves is not None:
        rivals = (found.pairs.swapped(), chosen.swapped()) if turned else (found.pairs, chosen)
        likely = (likely_of_bests if of_bests else likely_of)(rivals[1], rivals[0], curves)
    return Linked(
        pairs=chosen,
        shared=_shared_of(chosen, found),
        probabilities=likely,
        nearest=best(found.pairs),
        threshold=threshold,
        expected=expected,
        why=why,
        candidates=found,
        curves=curves,
        of_bests=of_bests,
        taught=learnt,
    )


def why_linked(
    left: Pooled, right: Pooled, pairs: Pairs, terms: Terms, learnt: Taught | None = None
) -> list[list[FieldScore]]:
    """Tell field by field why pairs have their scores."""
    fields = explained(left, right, pairs, rerank=terms.rerank)
    judge = None if learnt is None else learnt.judge
    return fields if judge is None else judge.explained(pairs, fields)


def _candidates(left: Pooled, right: Pooled, terms: Terms) -> Scored:
    """Find the nearest of each record, and score them; none twice, by left record."""
    rows, at = left.rows()
    others, other_at = right.rows()
    if rows.shape[1] != others.shape[1]:
        raise SchemaInvalid(
            f"the rows of the two sides have {rows.shape[1]} and {others.shape[1]} numbers: their "
            "vectors are of two dimensions, or they were made by two schemas",
            param="fields",
        )
    if terms.pairing == "one_to_many":
        found = candidates(others, rows, terms.k).swapped()
    else:
        found = candidates(rows, others, terms.k)
    placed = found.placed(at, other_at)
    return scored(left, right, placed, rerank=terms.rerank, shared_min=terms.shared_min)


def likely_of(chosen: Pairs, rivals: Pairs, curves: Curves) -> NDArray[np.float64]:
    """Tell how likely chosen pairs (n,) are right, where of a left record's candidates one is.

    The odds of a pair are those of its score; with o_j the odds of the candidates of one left
    record, of which at most one is right, that is o / (1 + sum of o_j) (Bayes): two candidates as
    good as each other share what is likely.

    Args:
        rivals: all candidates, the chosen among them.
    """
    most = 1.0 - 1e-6

    def odds(pairs: Pairs) -> NDArray[np.float64]:
        likely = np.clip(curves.probabilities(pairs.scores), 0.0, most)
        found: NDArray[np.float64] = likely / (1.0 - likely)
        return found

    sums = np.bincount(rivals.left, odds(rivals))
    likely: NDArray[np.float64] = odds(chosen) / (1.0 + sums[chosen.left])
    return likely


def likely_of_bests(chosen: Pairs, rivals: Pairs, curves: Curves) -> NDArray[np.float64]:
    """Tell how likely chosen pairs (n,) are right, by curves of the best pair of each record.

    Bests as good as each other share what is likely; one that is not the best is right at most
    where the best is not.

    Args:
        rivals: all candidates, the chosen among them.
    """
    top = np.full(int(rivals.left.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(top, rivals.left, rivals.scores)
    tied = np.bincount(rivals.left, rivals.scores >= top[rivals.left] - TIED, len(top))
    own, best_one = chosen.scores.astype(np.float64), top[chosen.left]
    likely = curves.probabilities(own)
    shared: NDArray[np.float64] = np.where(
        own >= best_one - TIED,
        likely / np.maximum(tied[chosen.left], 1.0),
        np.minimum(likely, 1.0 - curves.probabilities(best_one)),
    )
    return shared


def _told(
    pairs: Pairs, terms: Terms, learnt: Taught | None
) -> tuple[bool, Curves | None, Threshold | None, str | None]:
    """Find how likely pairs of a score are right, and where to cut; or why that cannot be told.

    The first that is returned tells whether the curves are of the best pair of each record.

    By labels where there are some; else by second bests, which know strangers that are nearly
    alike; else by the scores of all, promising no more than second bests bear out.
    """
    if not len(pairs):
        return False, None, None, "no two records have anything in common"
    wanted = terms.threshold
    try:
        if learnt is not None:
            curves, scores = learnt.curves(pairs), pairs.scores
            told = curves.best(scores) if wanted is None else curves.at(scores, wanted)
            return False, curves, told, None
        try:
            curves, told = by_rivals(pairs)
            return True, curves, told if wanted is None else rivals_at(told, pairs, wanted), None
        except ScoresInseparable:
            curves = without_labels(pairs)
            told = curves.best(pairs.scores) if wanted is None else curves.at(pairs.scores, wanted)
            return False, curves, borne_out(told, pairs), None
    except ScoresInseparable as error:
        return False, None, None, str(error)


def _chosen(pairs: Pairs, threshold: float, pairing: Pairing) -> Pairs:
    if pairing == "one_to_one":
        return one_to_one(pairs, threshold).ordered()
    if pairing == "one_to_many":
        return best(pairs.swapped(), threshold).swapped().ordered()
    return best(pairs, threshold)


def _shared_of(chosen: Pairs, found: Scored) -> NDArray[np.float32]:
    """Find again what the chosen of the candidates rest on."""
    width = int(found.pairs.right.max(initial=0)) + 1
    keys, wanted = _keys(found.pairs, width), _keys(chosen, width)
    order = np.argsort(keys, kind="stable")
    shared: NDArray[np.float32] = found.shared[order[np.searchsorted(keys, wanted, sorter=order)]]
    return shared


def _keys(pairs: Pairs, width: int) -> Positions:
    keys: Positions = pairs.left * width + pairs.right
    return keys
