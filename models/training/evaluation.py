"""Figures of an encoder: identification among references, and verification of pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.training.recipe import Embed, Encoded

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trial:
    """One-shot identification: references of which one is right, and what is asked of them.

    Args:
        references: encoded items, one per class.
        queries: encoded items.
        truth: for each query, the place of its reference.
        names: of the references, where they are known.
    """

    references: Sequence[Encoded]
    queries: Sequence[Encoded]
    truth: Sequence[int]
    names: Sequence[str] = ()


def scores_of(trial: Trial, embed: Embed) -> Rows:
    """Return (queries, references), the inner products."""
    return embed(trial.queries) @ embed(trial.references).T


def recall(scores: Rows, truth: Sequence[int], k: int) -> float:
    """Tell the share of queries whose reference is among the k nearest; a tie counts against it.

    >>> recall(np.array([[0.9, 0.1], [0.8, 0.3]], np.float32), [0, 1], 1)
    0.5
    """
    own = scores[np.arange(len(truth)), list(truth)]
    return float(((scores >= own[:, None]).sum(1) <= k).mean())


def auc(positives: Rows, negatives: Rows) -> float:
    """Tell how likely a pair of one class scores above a pair of two; a tie counts half.

    Source: Mann and Whitney, "On a Test of Whether one of Two Random Variables is Stochastically
    Larger than the Other", 1947: the area under the ROC curve is their statistic.

    >>> auc(np.array([0.9, 0.4], np.float32), np.array([0.5, 0.1], np.float32))
    0.75
    """
    ranked = np.sort(negatives)
    below = np.searchsorted(ranked, positives, "left")
    up_to = np.searchsorted(ranked, positives, "right")
    return float((below + up_to).mean() / 2 / len(ranked))


def verification(scores: Rows, truth: Sequence[int]) -> float:
    """Tell the AUC of all (query, reference) pairs."""
    same = np.zeros(scores.shape, bool)
    same[np.arange(len(truth)), list(truth)] = True
    return auc(scores[same], scores[~same])


def unrelated(scores: Rows, truth: Sequence[int]) -> float:
    """Tell the score that one in a hundred pairs of two classes exceeds.

    >>> round(unrelated(np.array([[0.9, 0.1], [0.3, 0.8]], np.float32), [0, 1]), 3)
    0.298
    """
    others = np.ones(scores.shape, bool)
    others[np.arange(len(truth)), list(truth)] = False
    return float(np.quantile(scores[others], 0.99))


@dataclass(frozen=True, slots=True)
class Told:
    """What queries whose reference is enrolled are told; the three shares make one."""

    right: float
    wrong: float
    unknown: float


def told_at(scores: Rows, truth: Sequence[int], unknown: Rows, false_accepts: float) -> Told:
    """Tell what becomes of queries, above what refuses strangers.

    Args:
        unknown: (m, references), scores of queries that have no reference.
        false_accepts: the share of those that may be given a name.

    Source: Phillips, Grother and Micheals, "Evaluation Methods in Face Recognition", Handbook of
    Face Recognition, 2011: the detection and identification rate of an open-set watch list.
    """
    cut = np.quantile(unknown.max(1), 1 - false_accepts)
    accepted = scores.max(1) >= cut
    right = accepted & (scores.argmax(1) == np.array(truth))
    return Told(float(right.mean()), float((accepted & ~right).mean()), float((~accepted).mean()))


def strangers(scores: Rows, truth: Sequence[int]) -> Rows:
    """Return the scores as if no query's own reference were enrolled: there they are -inf.

    >>> strangers(np.array([[0.75, 0.25], [0.5, 0.375]], np.float32), [0, 1]).max(1).tolist()
    [0.25, 0.5]
    """
    left = scores.copy()
    left[np.arange(len(truth)), list(truth)] = -np.inf
    return left
