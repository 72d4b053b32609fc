"""Logistic regression by Newton's method, held back towards what is known, and told by others."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.errors import RowsInvalid
from index.hits import Mask
from index.linking.curves import Numbers

FOLDS = 5
_ROUNDS = 100
_ENOUGH = 1e-7
_FAR = 30.0  # log odds beyond which a chance is as good as sure


@dataclass(frozen=True, slots=True)
class Logit:
    """Weights (f,) of features, and what is added to all: together the log odds.

    Source: Cox, "The Regression Analysis of Binary Sequences", 1958; the ridge: le Cessie and
    van Houwelingen, "Ridge Estimators in Logistic Regression", 1992.
    """

    weights: Numbers
    bias: float

    @classmethod
    def fitted(cls, features: Numbers, same: Mask, ridge: Numbers) -> "Logit":
        """Find the weights of the least penalised loss, by iteratively reweighted least squares.

        Args:
            features: (n, f), of about unit spread.
            same: the labels (n,), of both kinds.
            ridge: half the square of each weight costs so much (f,), above 0.

        Raises:
            RowsInvalid: the labels are all alike, or not as many as rows.
        """
        if len(same) != len(features) or same.all() or not same.any():
            raise RowsInvalid(
                f"{len(features)} rows came with {len(same)} labels, {int(same.sum())} of them the "
                "same: send a label to each row, and some of either kind"
            )
        told = np.column_stack([features, np.ones(len(features))])
        costs = np.append(ridge, 1e-6)
        found = np.zeros(told.shape[1])
        loss = _loss(told, same, costs, found)
        for _ in range(_ROUNDS):
            chance = chances(told @ found)
            slope = told.T @ (chance - same) + costs * found
            curve = (told * (chance * (1.0 - chance))[:, None]).T @ told + np.diag(costs)
            step = np.linalg.solve(curve, slope)
            share, now = 1.0, np.inf
            while share > 1e-4 and (now := _loss(told, same, costs, found - share * step)) > loss:
                share /= 2.0
            if now > loss - _ENOUGH:
                break
            found, loss = found - share * step, now
        return cls(found[:-1], float(found[-1]))

    def log_odds(self, features: Numbers) -> Numbers:
        """Return the log odds (n,) of rows (n, f)."""
        told: Numbers = features @ self.weights + self.bias
        return told


def chances(log_odds: Numbers) -> Numbers:
    """Return the chances that log odds tell.

    >>> chances(np.array([0.0, 100.0, -100.0])).round(3).tolist()
    [0.5, 1.0, 0.0]
    """
    found: Numbers = 0.5 + 0.5 * np.tanh(0.5 * log_odds)
    return found


def by_others(features: Numbers, same: Mask, ridge: Numbers, seed: int = 0) -> Numbers:
    """Tell the log odds (n,) of labelled rows, each by what was fitted to the rows of other folds.

    Source: Stone, "Cross-Validatory Choice and Assessment of Statistical Predictions", 1974.

    Raises:
        RowsInvalid: there are fewer than two labels of a kind.
    """
    fold = _folds(same, seed)
    told = np.zeros(len(same))
    for one in np.unique(fold):
        out = fold == one
        told[out] = Logit.fitted(features[~out], same[~out], ridge).log_odds(features[out])
    return told


def surprise(log_odds: Numbers, same: Mask) -> float:
    """Tell the mean surprise at labels, in nats.

    >>> round(surprise(np.zeros(2), np.array([True, False])), 3)
    0.693
    """
    signed = np.where(same, log_odds, -log_odds).clip(-_FAR, _FAR)
    return float(np.log1p(np.exp(-signed)).mean())


def _folds(same: Mask, seed: int) -> npt.NDArray[np.int64]:
    """Deal the labels of either kind out to the folds (n,), as evenly as can be."""
    fewest = int(min(same.sum(), (~same).sum()))
    if fewest < 2:
        raise RowsInvalid(f"{fewest} labels of one kind: it takes two at least to try one")
    chance = np.random.default_rng(seed)
    fold = np.zeros(len(same), np.int64)
    for kind in (True, False):
        places = chance.permutation(np.flatnonzero(same == kind))
        fold[places] = np.arange(len(places)) % min(FOLDS, fewest)
    return fold


def _loss(told: Numbers, same: Mask, costs: Numbers, found: Numbers) -> float:
    log_odds = told @ found
    # log(1 + e^x), without overflow
    parts = np.maximum(log_odds, 0.0) + np.log1p(np.exp(-np.abs(log_odds))) - same * log_odds
    return float(parts.sum() + 0.5 * (costs * found * found).sum())
