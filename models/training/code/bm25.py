"""BM25 over the words of code: the lexical baseline, and who the hard negatives are.

Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009,
equation 3.4, with the idf of Lucene, which is never negative.
"""

from collections.abc import Sequence
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

from models.spelling import words

K1, B = 1.2, 0.75


class Bm25:
    """Scores texts for questions, both by their words in small letters."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.places: dict[str, int] = {}
        counts = self._counts(texts, grow=True)
        lengths = np.asarray(counts.sum(axis=1)).ravel()
        found = np.bincount(counts.indices, minlength=counts.shape[1])
        idf = np.log1p((len(texts) - found + 0.5) / (found + 0.5))
        rows = np.repeat(np.arange(len(texts)), np.diff(counts.indptr))
        damped = K1 * (1 - B + B * lengths / max(lengths.mean(), 1e-9))
        data = idf[counts.indices] * counts.data * (K1 + 1) / (counts.data + damped[rows])
        self.weights = csr_matrix((data, counts.indices, counts.indptr), counts.shape, np.float32)

    def scores(self, questions: Sequence[str]) -> NDArray[np.float32]:
        """Score every text for every question: (questions, texts)."""
        asked = self._counts(questions)
        asked.data[:] = 1.0  # a word that is asked twice is asked once
        return np.asarray((asked @ self.weights.T).todense(), np.float32)

    def _counts(self, texts: Sequence[str], *, grow: bool = False) -> csr_matrix:
        columns, starts = list[int](), [0]
        for text in texts:
            for word in words(text).lower().split():
                place = self.places.setdefault(word, len(self.places)) if grow else None
                place = self.places.get(word) if place is None else place
                if place is not None:
                    columns.append(place)
            starts.append(len(columns))
        ones = np.ones(len(columns), np.float32)
        shape = (len(texts), max(len(self.places), 1))
        counts = csr_matrix((ones, np.array(columns, np.int64), starts), shape)
        counts.sum_duplicates()
        return counts


def neighbours(
    questions: Sequence[str],
    codes: Sequence[str],
    count: int,
    *,
    block: int = 4096,
    seed: int = 0,
    processes: int = 1,
) -> NDArray[np.int32]:
    """Find for each question the codes, not its own, that BM25 takes for its answer.

    It is looked for within blocks drawn at random, so that time grows with the number of pairs and
    not with its square. A pair of which nearly the same is said is no negative.

    Returns:
        Places (n, count); a row's own place where there are not enough.
    """
    order = np.random.default_rng(seed).permutation(len(codes))
    parts = [order[start : start + block] for start in range(0, len(order), block)]
    tasks = [([questions[i] for i in part], [codes[i] for i in part], count) for part in parts]
    if processes > 1:
        with get_context("fork").Pool(processes) as pool:
            blocks = pool.starmap(_near, tasks, chunksize=1)
    else:
        blocks = [_near(*task) for task in tasks]
    found = np.empty((len(codes), count), np.int32)
    for part, near in zip(parts, blocks, strict=True):
        found[part] = part[near]
    return found


def _near(questions: Sequence[str], codes: Sequence[str], count: int) -> NDArray[np.int64]:
    """Find the neighbours within one block, as places in it."""
    scores = Bm25(codes).scores(questions)
    np.fill_diagonal(scores, -1.0)
    some = min(2 * count, len(codes))
    best = np.argpartition(-scores, some - 1, axis=1)[:, :some]
    said = [frozenset(words(question).lower().split()) for question in questions]
    found = np.repeat(np.arange(len(codes))[:, None], count, axis=1)
    for row, near in enumerate(best):
        ranked = near[np.argsort(-scores[row, near], kind="stable")]
        fit = [i for i in ranked if scores[row, i] > 0 and not _alike(said[row], said[i])]
        found[row, : len(fit[:count])] = fit[:count]
    return found


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) > 0.6 * len(one | other)
