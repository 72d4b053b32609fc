"""How alike two records are: the weighted mean over the things that both have, and why.

With w_t the weight of a thing and s_t its score in [-1, 1], the score of a pair is the sum of
w_t s_t over the things t that both records have, divided by the sum of those w_t. A pair with no
thing in common has no score. `shared` is that second sum as a share of all weights: a score that
rests on little is told to.

s_t is the cosine of the pooled rows, of a number or a date its likeness. Where strings count too
(`rerank` r), a thing whose first field is a text on both sides has (1 - r) cosine + r similarity,
the latter the normalised Levenshtein similarity of the texts in small Latin letters and digits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.hits import Positions
from index.linking.pairs import Pairs
from index.vectors import Rows
from service.records.pooling import Part, Pooled, Thing
from service.records.values import Values, likeness

PAIRS_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True)
class Scored:
    """Pairs with their scores, and how much of the weights each rests on (n,), 0 to 1."""

    pairs: Pairs
    shared: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FieldScore:
    """What one field has to do with a pair.

    Args:
        score: how alike the two values are; None where one is missing.
        weight: of the field's thing, as a share of those that both records have; 0 where they have
            not.
        contribution: to the score of the pair; those of all fields sum to it.
    """

    field: str
    score: float | None
    weight: float
    contribution: float


def scored(
    left: Pooled, right: Pooled, pairs: Pairs, *, rerank: float = 0.0, shared_min: float = 0.0
) -> Scored:
    """Score pairs of records by their things; pairs that share nothing are left out.

    Args:
        rerank: what the distance of strings weighs, 0 to 1.
        shared_min: pairs that rest on a smaller share of the weights are left out, too.
    """
    scores = np.empty(len(pairs), np.float64)
    shared = np.empty(len(pairs), np.float64)
    for some in _slices(len(pairs)):
        at = pairs.left[some], pairs.right[some]
        total, weights = np.zeros(len(at[0])), np.zeros(len(at[0]))
        for one, other in zip(left.things, right.things, strict=True):
            found = thing_scores(one, other, *at, rerank=rerank)
            there = ~np.isnan(found)
            total[there] += one.weight * found[there]
            weights[there] += one.weight
        scores[some] = total / np.where(weights > 0, weights, np.nan)
        shared[some] = weights / sum(thing.weight for thing in left.things)
    kept = (shared > 0) & (shared >= shared_min)
    known = Pairs(pairs.left, pairs.right, scores.clip(-1, 1).astype(np.float32)).take(kept)
    return Scored(known, shared[kept].astype(np.float32))


def thing_scores(
    left: Thing, right: Thing, at: Positions, other: Positions, *, rerank: float = 0.0
) -> Values:
    """Score one thing of records side by side (n,); NaN where one of the two has it not."""
    if left.values is not None and right.values is not None:
        return likeness(left.values[at], right.values[other], left.scale)
    scores = _cosines(left.rows, left.at[at], right.rows, right.at[other])
    strings = _string_scores(left, right, at, other) if rerank else None
    if strings is not None:
        both = ~np.isnan(strings)
        scores[both] = (1 - rerank) * scores[both] + rerank * strings[both]
    return scores


def explained(
    left: Pooled, right: Pooled, pairs: Pairs, *, rerank: float = 0.0
) -> list[list[FieldScore]]:
    """Tell field by field why pairs have their scores, in the schema's order of things.

    Of a thing that several fields show, a field's contribution is the mean of two: what its part on
    the left has of the inner product with the whole right row, and the other way round.
    """
    found: list[list[FieldScore]] = [[] for _ in range(len(pairs))]
    every = [
        thing_scores(one, other, pairs.left, pairs.right, rerank=rerank)
        for one, other in zip(left.things, right.things, strict=True)
    ]
    weights = np.sum(
        [np.where(np.isnan(s), 0, one.weight) for s, one in zip(every, left.things, strict=True)],
        axis=0,
    )
    for one, other, scores in zip(left.things, right.things, every, strict=True):
        share = np.where(np.isnan(scores), 0, one.weight) / np.where(weights > 0, weights, 1)
        fields = _of_fields(one, other, pairs, scores, rerank)
        for number in range(len(pairs)):
            for name, own, part in fields:
                is_own = not np.isnan(own[number])
                told = FieldScore(
                    name,
                    float(own[number]) if is_own else None,
                    float(share[number]),
                    float(share[number] * np.nan_to_num(part[number])),
                )
                found[number].append(told)
    return found


def _of_fields(
    left: Thing, right: Thing, pairs: Pairs, scores: Values, rerank: float
) -> list[tuple[str, Values, Values]]:
    """Return each field's own score, and what it has of the thing's (n,).

    A side that has no such part, as a gallery has none, is compared as a whole.
    """
    names = list(dict.fromkeys(one.field.name for one in (*left.parts, *right.parts)))
    if len(names) < 2:
        return [(left.name, scores, scores)]
    whole_left, whole_right = left.row_of(pairs.left), right.row_of(pairs.right)
    strings = _string_scores(left, right, pairs.left, pairs.right) if rerank else None
    has_strings = np.zeros(len(pairs), np.bool_) if strings is None else ~np.isnan(strings)
    parts = []
    for number, name in enumerate(names):
        one, other = left.part(name), right.part(name)
        mine, theirs = one or left, other or right
        own = _cosines(mine.rows, mine.at[pairs.left], theirs.rows, theirs.at[pairs.right])
        shares = [
            _shares(part, thing, records, whole)
            for part, thing, records, whole in (
                (one, left, pairs.left, whole_right),
                (other, right, pairs.right, whole_left),
            )
            if len(thing.parts) == len(names)
        ]
        part = np.mean(shares, axis=0)
        part[has_strings] *= 1 - rerank
        if strings is not None and number == 0:
            own[has_strings] = (1 - rerank) * own[has_strings] + rerank * strings[has_strings]
            part[has_strings] += rerank * strings[has_strings]
        parts.append((name, own, part))
    return parts


def _shares(part: Part | None, thing: Thing, records: Positions, other: Rows) -> Values:
    """Return what a part has of the inner product of its thing's row with others (n,)."""
    total = np.zeros((len(records), other.shape[1]))
    mine = np.zeros_like(total)
    for one in thing.parts:
        there = one.at[records] >= 0
        rows = one.field.weight * one.rows[one.at[records[there]]].astype(np.float64)
        total[there] += rows
        if one is part:
            mine[there] = rows
    norms = np.linalg.norm(total, axis=1)
    found: Values = np.einsum("ij,ij->i", mine, other) / np.where(norms > 0, norms, 1)
    return found


def _cosines(left: Rows, at: Positions, right: Rows, other: Positions) -> Values:
    scores = np.full(len(at), np.nan)
    both = np.flatnonzero((at >= 0) & (other >= 0))
    for some in _slices(len(both)):
        here = both[some]
        products = left[at[here]].astype(np.float64) * right[other[here]].astype(np.float64)
        scores[here] = products.sum(axis=1)
    return scores


def _string_scores(left: Thing, right: Thing, at: Positions, other: Positions) -> Values | None:
    """Return how alike the texts of the first fields are (n,); NaN where one is missing."""
    one, two = (thing.parts[0] if thing.parts else None for thing in (left, right))
    if one is None or two is None or one.texts is None or two.texts is None:
        return None
    mine = [one.texts[place] if place >= 0 else None for place in one.at[at]]
    theirs = [two.texts[place] if place >= 0 else None for place in two.at[other]]
    scores = np.full(len(at), np.nan)
    both = [n for n, two in enumerate(zip(mine, theirs, strict=True)) if None not in two]
    scores[both] = similarities([mine[n] or "" for n in both], [theirs[n] or "" for n in both])
    return scores


def similarities(left: list[str], right: list[str]) -> NDArray[np.float32]:
    """Return the normalised Levenshtein similarity of texts side by side (n,), 0 to 1.

    >>> similarities(["smith", "acme"], ["smyth", "zzzz"]).round(2).tolist()
    [0.800000011920929, 0.0]
    """
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415 - where strings count
    from rapidfuzz.process import cpdist  # noqa: PLC0415

    found: NDArray[Any] = cpdist(
        left, right, scorer=Levenshtein.normalized_similarity, dtype=np.float32, workers=-1
    )
    return found


def _slices(n: int) -> Iterator[slice]:
    for start in range(0, n, PAIRS_AT_ONCE):
        yield slice(start, start + PAIRS_AT_ONCE)
