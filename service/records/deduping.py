"""Deduplication as a use case: a table joined with itself, cut, and put together to clusters.

Records that read the same in every field that is compared are one beforehand, so that a thousand
copies of one are not each other's only candidates. The others' candidates are their nearest by the
one row of each (`pooling`), scored field by field (`weighing`); a threshold is taken, or found from
labels, or from the scores; what reaches it is put together (`index.linking.clusters`, `average`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from index.errors import ScoresInseparable
from index.hits import Positions
from index.linking.average import absent_within, average_linkage
from index.linking.blocking import self_candidates
from index.linking.clusters import single_linkage
from index.linking.curves import Curves, Threshold
from index.linking.forest import Clustering, numbered
from index.linking.held import Cluster, Link, clusters_of
from index.linking.pairs import Pairs
from index.linking.threshold import without_labels
from index.vectors import Rows
from service.records.learning import Label, Taught, taught
from service.records.linking import RERANK, K
from service.records.pooling import Pooled
from service.records.scoring import FieldScore
from service.records.weighing import MISSING, weighed, why_weighed

Linkage = Literal["single", "average"]
LINKAGES: tuple[Linkage, ...] = get_args(Linkage)


@dataclass(frozen=True, slots=True)
class DedupeTerms:
    """On what terms records are deduplicated.

    Args:
        k: candidates of a record.
        threshold: the least score of a link; None has it found.
        false_match_rate: where the threshold is found: the share of the pairs above it that may be
            wrong. None: the threshold of the best F1.
        linkage: `single`: whoever is linked, from member to member; `average`: whose mean score,
            over all pairs of two clusters, reaches the threshold.
        members_max: a cluster of single linkage that holds more different records is cut at its
            weakest links; None: no bound.
        rerank: what the distance of strings weighs in the score of names and texts, 0 to 1.
        missing: what a field counts that one of the two lacks, see `weighing`.
        labels: pairs of which somebody said whether they are of one thing.
    """

    k: int = K
    threshold: float | None = None
    false_match_rate: float | None = None
    linkage: Linkage = "average"
    members_max: int | None = None
    rerank: float = RERANK
    missing: float = MISSING
    labels: Sequence[Label] = ()


@dataclass(frozen=True, slots=True)
class Deduped:
    """What became of the records.

    Args:
        of: the cluster of each record (n,), numbered in the order of their first records.
        clusters: those of two and more, the largest first; members, links and all.
        pairs: of one cluster each, at or above the threshold, by left record; those that read the
            same, with the first of them.
        probabilities: of each pair that it is right (n,); None where nothing tells.
        threshold: at which was cut.
        expected: what may be expected of it among the candidates; None where nothing tells.
        candidates: all that were scored; none reads the same as its other.
        taught: what the labels taught; None where there are none.
    """

    of: Clustering
    clusters: Sequence[Cluster]
    pairs: Pairs
    probabilities: NDArray[np.float64] | None
    threshold: float
    expected: Threshold | None
    candidates: Pairs
    taught: Taught | None = None


def dedupe(records: Pooled, terms: DedupeTerms) -> Deduped:
    """Put records together that are of one thing; takes long, and every core.

    Raises:
        ScoresInseparable: no threshold was given, and the scores do not tell one.
        RowsInvalid: no threshold can promise the rate of false matches that is asked for.
    """
    first = first_alike(records)
    candidates, rows = candidates_of(records, first, terms)
    learnt = taught_of(records, terms)
    if learnt is not None and len(candidates):
        candidates = learnt.rescored(candidates)
    curves, why = curves_of(candidates, learnt)
    threshold, expected = _threshold(curves, why, candidates, terms)
    same = np.flatnonzero(first != np.arange(records.n))
    alike = Pairs.of(first[same], same, np.ones(len(same)))
    if terms.linkage == "average":
        more = absent_within(records.n, candidates, threshold)
        held = _joined(candidates, _scored(records, more, terms, learnt))
    else:
        held = candidates
    of = _linked(records.n, held, threshold, terms)
    of = numbered(of[first])
    within = held.take(of[held.left] == of[held.right])
    held = _joined(within, alike)
    pairs = _joined(within.above(threshold), alike).ordered()
    found = list(clusters_of(of, held, rows))
    return Deduped(
        of=of,
        clusters=_measured(records, found, terms, learnt),
        pairs=pairs,
        probabilities=None if curves is None else curves.probabilities(pairs.scores),
        threshold=threshold,
        expected=expected,
        candidates=candidates,
        taught=learnt,
    )


def why_deduped(
    records: Pooled, pairs: Pairs, terms: DedupeTerms, learnt: Taught | None
) -> list[list[FieldScore]]:
    """Tell field by field why pairs have their scores."""
    fields = why_weighed(records, pairs, terms.rerank, terms.missing)
    judge = None if learnt is None else learnt.judge
    return fields if judge is None else judge.explained(pairs, fields)


def first_alike(records: Pooled) -> Positions:
    """Return for each record (n,) the first that has the same in every field; itself, mostly.

    A record that has nothing is like no other.
    """
    first = np.arange(records.n)
    columns = []
    there = np.zeros(records.n, np.bool_)
    for thing in records.things:
        there |= thing.is_there
        if thing.values is None:
            columns += [part.at for part in thing.parts]
        else:
            columns.append(np.unique(thing.values, return_inverse=True)[1])
    having = np.flatnonzero(there)
    if len(having):
        table = np.stack(columns, axis=1)[having]
        _, at, code = np.unique(table, axis=0, return_index=True, return_inverse=True)
        first[having] = having[at[code.ravel()]]
    return first


def candidates_of(
    records: Pooled, first: Positions, terms: DedupeTerms
) -> tuple[Pairs, "PlacedRows"]:
    """Return the scored candidates, each pair once, and the row of every record."""
    rows, at = records.rows()
    place = np.full(records.n, -1, np.int64)
    place[at] = np.arange(len(at))
    alone = first[at] == at
    found = self_candidates(np.ascontiguousarray(rows[alone]), terms.k).placed(at[alone], at[alone])
    return weighed(records, found, terms.rerank, terms.missing), PlacedRows(rows, place)


def taught_of(records: Pooled, terms: DedupeTerms) -> Taught | None:
    """Learn from the labels that there are."""

    def score(pairs: Pairs) -> Pairs:
        return weighed(records, pairs, terms.rerank, terms.missing)

    return taught(records, records, terms.labels, score)


def curves_of(candidates: Pairs, learnt: Taught | None) -> tuple[Curves | None, str | None]:
    """Tell how likely a pair of each score is of one thing, or why that cannot be told."""
    if learnt is not None and len(candidates):
        return learnt.curves(candidates), None
    try:
        return without_labels(candidates), None
    except ScoresInseparable as error:
        return None, str(error)


class PlacedRows:
    """The unit rows of records, of which some have none.

    Args:
        rows: (m, d).
        place: of each record's row (n,), -1 where it has none.
    """

    def __init__(self, rows: Rows, place: Positions) -> None:
        self._rows, self._place = rows, place

    def take(self, positions: Positions) -> Rows:
        """Return the rows of records (m,), as (m, d); zeros where one has none."""
        at = self._place[positions]
        found = self._rows[np.maximum(at, 0)]
        found[at < 0] = 0.0
        return found


def _threshold(
    curves: Curves | None, why: str | None, candidates: Pairs, terms: DedupeTerms
) -> tuple[float, Threshold | None]:
    if curves is None:
        if terms.threshold is not None:
            return terms.threshold, None
        if len(candidates):
            raise ScoresInseparable(str(why))
        return 1.0, None  # only what reads the same is put together
    scores = candidates.scores
    if terms.threshold is not None:
        return terms.threshold, curves.at(scores, terms.threshold)
    if terms.false_match_rate is not None:
        expected = curves.at_rate(scores, terms.false_match_rate)
    else:
        expected = curves.best(scores)
    return expected.threshold, expected


def _linked(n: int, candidates: Pairs, threshold: float, terms: DedupeTerms) -> Clustering:
    if terms.linkage == "average":
        # Strangers count as nothing, unless the threshold is lower still.
        return average_linkage(n, candidates, threshold, absent=min(0.0, threshold - 1.0))
    return single_linkage(n, candidates, threshold, terms.members_max)


def _measured(
    records: Pooled, found: Sequence[Cluster], terms: DedupeTerms, learnt: Taught | None
) -> list[Cluster]:
    """Tell the diameters as pairs are scored; the two that lie farthest apart are known by rows."""
    farthest = Pairs.of(
        [one.diameter.left for one in found],
        [one.diameter.right for one in found],
        np.zeros(len(found)),
    )
    known = _scored(records, farthest, terms, learnt)
    places = zip(known.left.tolist(), known.right.tolist(), strict=True)
    scores = dict(zip(places, known.scores.tolist(), strict=True))
    return [replace(one, diameter=_rescored(one.diameter, scores)) for one in found]


def _scored(records: Pooled, pairs: Pairs, terms: DedupeTerms, learnt: Taught | None) -> Pairs:
    """Score pairs as candidates are; those that share nothing are left out."""
    known = weighed(records, pairs, terms.rerank, terms.missing)
    return known if learnt is None or not len(known) else learnt.rescored(known)


def _rescored(link: Link, scores: dict[tuple[int, int], float]) -> Link:
    """Return a link with its score; two that have no field in common are strangers."""
    return Link(link.left, link.right, scores.get((link.left, link.right), 0.0))


def _joined(one: Pairs, other: Pairs) -> Pairs:
    return Pairs(
        np.concatenate([one.left, other.left]),
        np.concatenate([one.right, other.right]),
        np.concatenate([one.scores, other.scores]),
    )
