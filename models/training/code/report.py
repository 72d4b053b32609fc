"""The code search encoder beside BM25, MiniLM and their fusion, on each trial."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.spelling import content_of
from models.training.code.bm25 import Bm25
from models.training.code.pairs import Pair
from models.training.code.trials import Rows, Trial, docstrings, figures, ranks

WEIGHTS = tuple(np.round(np.arange(0.0, 1.01, 0.05), 2).tolist())  # of BM25 in a fusion
FAILURES = 4

Embed = Callable[[Sequence[str]], Rows]
"""Texts to unit rows (n, dim)."""


@dataclass(frozen=True, slots=True)
class Searcher:
    """An encoder that can be asked.

    Args:
        questions, codes: embed either; a code's content is its language, a line end, and itself.
    """

    questions: Embed
    codes: Embed

    def scores(self, trial: Trial) -> Rows:
        """Score every function for every question of a trial."""
        contents = [content_of(code, language) for code, language in trial.codes]
        rows: Rows = self.questions(trial.questions) @ self.codes(contents).T
        return rows


def by_language(pairs: Sequence[Pair], *, least: int = 100, most: int = 3000) -> list[Trial]:
    """Make a trial of the pairs of each language of which there are enough."""
    order = np.random.default_rng(0).permutation(len(pairs))
    parted: dict[str, list[Pair]] = {}
    for place in order:
        parted.setdefault(pairs[place].language, []).append(pairs[place])
    return [
        docstrings(some[:most], f"held-out-{language}")
        for language, some in sorted(parted.items())
        if len(some) >= least
    ]


def compare(trial: Trial, start: Rows, trained: Rows) -> Mapping[str, Mapping[str, float]]:
    """Tell the figures of every way to find the functions of a trial.

    Args:
        start, trained: scores of MiniLM and of the encoder, (questions, codes).
    """
    lexical = Bm25([code for code, _ in trial.codes]).scores(trial.questions)
    rows = {"BM25": lexical, "MiniLM": start, "code": trained}
    told = {name: figures(ranks(scores, trial.truth)) for name, scores in rows.items()}
    for name, dense in (("MiniLM + BM25", start), ("code + BM25", trained)):
        weight, found = fused(dense, lexical, trial)
        told[name] = {**found, "weight": weight}
    weight, found = best_mixed(trained, start, trial)
    return told | {"code + MiniLM": {**found, "weight": weight}}


def fused(dense: Rows, lexical: Rows, trial: Trial) -> tuple[float, Mapping[str, float]]:
    """Find the weight of BM25 that is the best on this very trial: an upper bound of fusion.

    BM25's scores are divided by the best of their question, so that both lie within 0 and 1.
    """
    level = lexical / np.maximum(lexical.max(axis=1, keepdims=True), 1e-9)
    return best_mixed(dense, level, trial)


def best_mixed(most: Rows, rest: Rows, trial: Trial) -> tuple[float, Mapping[str, float]]:
    """Find the weight of the rest of two scores that is the best on this very trial."""
    found = {w: figures(ranks((1 - w) * most + w * rest, trial.truth)) for w in WEIGHTS}
    best = max(found, key=lambda weight: found[weight]["mrr"])
    return best, found[best]


def failures(trial: Trial, scores: Rows) -> list[Mapping[str, object]]:
    """Show questions whose own function is far from the first, with what was found instead."""
    place = ranks(scores, trial.truth)
    order = np.argsort(-place, kind="stable")
    shown = order[np.linspace(0, (place > 1).sum() // 2, FAILURES, dtype=int)]
    return [
        {
            "asked": trial.questions[i],
            "rank": int(place[i]),
            "own": trial.codes[trial.truth[i]][0][:300],
            "found": trial.codes[int(scores[i].argmax())][0][:300],
        }
        for i in shown
    ]


def unrelated_quantile(scores: Rows, truth: NDArray[np.int64]) -> float:
    """Tell the 99 % quantile of the scores of questions and functions that do not answer them."""
    others = np.ones(scores.shape, bool)
    others[np.arange(len(truth)), truth] = False
    return float(np.quantile(scores[others], 0.99))
