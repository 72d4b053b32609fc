"""Hybrid search by its definition: every exemplar is scored, then all are sorted."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from index.exemplar import Exemplar
from index.hits import Mask, pair_scores
from index.lexicon import K1, B
from index.words import split

Found = tuple[str, str | None, float, tuple[float, float]]
"""Id, label, score, and its parts: dense and lexical."""


def bm25(texts: Sequence[list[str]], query: list[str]) -> list[float]:
    """Score texts by the equation, as a share of the most that could be."""
    query = list(dict.fromkeys(query))
    mean = sum(map(len, texts)) / max(1, len(texts))
    having = [sum(word in text for text in texts) for word in query]
    gains = [
        (K1 + 1) * math.log1p((len(texts) - n + 0.5) / (n + 0.5)) if n else 0.0 for n in having
    ]

    def scored(text: list[str]) -> float:
        counts, score = Counter(text), 0.0
        for word, gain in zip(query, gains, strict=True):
            if counts[word]:
                slack = K1 * (1 - B + B * len(text) / mean)
                score += gain * (counts[word] / (counts[word] + slack))
        return score / sum(gains) if score else 0.0

    return [scored(text) for text in texts]


def said(one: Exemplar) -> list[str]:
    """Return the words of an exemplar's label and text."""
    return split(f"{one.label or ''}\n{(one.item or {}).get('text', '')}")


def fused(
    exemplars: Sequence[Exemplar],
    query: np.ndarray,
    text: str,
    weight: float,
    *,
    allowed: Mask | None = None,
    line: float | None = None,
) -> list[Found]:
    """Return all that are allowed, in the order of hits; `exemplars` stand in that of rows."""
    if not exemplars:
        return []
    lexical = bm25([said(one) for one in exemplars], split(text))
    dense = pair_scores(np.stack([one.vector for one in exemplars]), query).astype(float).tolist()
    found = [
        (one.id, one.label, (1 - weight) * near + weight * words, (near, words))
        for at, (one, near, words) in enumerate(zip(exemplars, dense, lexical, strict=True))
        if allowed is None or allowed[at]
    ]
    return sorted(
        found, key=lambda one: (line is not None and one[3][0] < line, -one[2], -one[3][0])
    )


def first_of_each(found: Sequence[Found]) -> list[Found]:
    """Return the first of each label; what has none goes by its id."""
    best: dict[str, Found] = {}
    for one in found:
        best.setdefault(one[1] or one[0], one)
    return list(best.values())
