"""The open-set answer: what it is, that two answers stand too close, or that nobody here is it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from index.hits import Hit

MARGIN = 0.02

Verdict = Literal["match", "ambiguous", "unknown"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict; `label` is None when unknown, `score` None when there was no hit."""

    verdict: Verdict
    label: str | None
    score: float | None
    probability: float | None
    threshold: float


def decide(
    hits: Sequence[Hit],
    threshold: float,
    margin: float = MARGIN,
    probability_of: Callable[[float], float | None] | None = None,
) -> Decision:
    """Judge the hits of one query, which `group_by_label` found, so that rivals are among them.

    Unknown when the best lies below the threshold; ambiguous when another label at or above the
    threshold lies within `margin` of the best; else a match. An exemplar without a label goes by
    its id. Where words counted too, a threshold is about the dense scores, of which the best is
    told, and the margin about the scores of both, in whose order the hits stand.

    >>> decide([Hit("a1", "A", 0.9, 1), Hit("b1", "B", 0.89, 2)], threshold=0.5).verdict
    'ambiguous'
    """
    if not hits:
        return Decision("unknown", None, None, None, threshold)
    best = hits[0]
    probability = None if probability_of is None else probability_of(best.dense)
    if best.dense < threshold:
        return Decision("unknown", None, best.dense, probability, threshold)
    rival = next((hit for hit in hits if name_of(hit) != name_of(best)), None)
    close = rival is not None and rival.dense >= threshold and best.score - rival.score <= margin
    verdict: Verdict = "ambiguous" if close else "match"
    return Decision(verdict, name_of(best), best.dense, probability, threshold)


def name_of(hit: Hit) -> str:
    """Return the label of a hit, or its id where it has none."""
    return hit.id if hit.label is None else hit.label
