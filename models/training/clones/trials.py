"""How well the solutions of one problem find each other, within a language and across languages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from models.training.clones.learning import embedded
from models.training.clones.solutions import Solution
from models.training.clones.views import Ids

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trial:
    """Held-out solutions: as they stand, and as programs."""

    solutions: Sequence[Solution]
    views: Sequence[Sequence[Ids]]

    def figures(self, tower: nn.Module, device: str) -> Mapping[str, float]:
        """Tell MAP@R within and across languages; and where half the solutions are rewritten."""
        tower = tower.to(device).eval()
        problems = [one.problem for one in self.solutions]
        languages = [one.language for one in self.solutions]
        plain = embedded(tower, [view[0] for view in self.views])
        mixed = embedded(tower, [view[1 if n % 2 else 0] for n, view in enumerate(self.views)])
        told = clone_figures(plain, problems, languages)
        again = clone_figures(mixed, problems, languages)
        return told | {f"rewritten_{name}": value for name, value in again.items()}


def map_at_r(scores: Rows, same: NDArray[np.bool_]) -> float:
    """Tell the mean over queries of the precision at each hit among the R nearest, over R.

    R is the number of a query's positives; a query without any is not asked.

    Source: Musgrave, Belongie, Lim, "A Metric Learning Reality Check", arXiv:2003.08505, section 3.

    >>> scores = np.array([[0.9, 0.5, 0.8, 0.1]], np.float32)
    >>> map_at_r(scores, np.array([[True, True, False, False]]))
    0.5
    """
    found = []
    for row, own in zip(scores, same, strict=True):
        count = int(own.sum())
        if not count:
            continue
        hits = own[np.argsort(-row, kind="stable")[:count]]
        precisions = np.cumsum(hits) / np.arange(1, count + 1)
        found.append(float((precisions * hits).sum() / count))
    return float(np.mean(found))


def clone_figures(
    rows: Rows, problems: Sequence[str], languages: Sequence[str]
) -> dict[str, float]:
    """Tell MAP@R within each language and from each to the others; the query itself is left out.

    Args:
        rows: (n, d), of which the inner products are the scores.
    """
    problem, language = np.array(problems), np.array(languages)
    scores = rows @ rows.T
    np.fill_diagonal(scores, -np.inf)
    same = (problem[:, None] == problem[None, :]) & ~np.eye(len(problem), dtype=bool)
    figures = {}
    names = sorted(set(languages))
    for asked in names:
        for among in names:
            part = np.ix_(language == asked, language == among)
            own = same[part]
            if own.any():
                name = asked if asked == among else f"{asked}_to_{among}"
                figures[f"{name}_map"] = map_at_r(scores[part], own)
    return figures


def unrelated_score(rows: Rows, problems: Sequence[str]) -> float:
    """Tell the score that one in a hundred pairs of two problems exceeds.

    >>> rows = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    >>> unrelated_score(rows, ["a", "a", "b"])
    0.0
    """
    problem = np.array(problems)
    others = problem[:, None] != problem[None, :]
    return float(np.quantile((rows @ rows.T)[others], 0.99))


def accepted_at(
    rows: Rows,
    problems: Sequence[str],
    languages: Sequence[str],
    *,
    across: bool,
    false_accepts: float,
) -> tuple[float, float]:
    """Tell the score that so small a share of pairs of two problems exceeds, and what it finds.

    Args:
        across: whether pairs of two languages are looked at, or those of one.
        false_accepts: the share of pairs of two problems that may be taken for clones.

    Returns:
        the threshold, and the share of pairs of one problem at or above it.
    """
    problem, language = np.array(problems), np.array(languages)
    upper = np.triu(np.ones((len(rows), len(rows)), bool), 1)
    asked = upper & ((language[:, None] != language[None, :]) == across)
    same = problem[:, None] == problem[None, :]
    scores = rows @ rows.T
    threshold = float(np.quantile(scores[asked & ~same], 1 - false_accepts))
    return threshold, float((scores[asked & same] >= threshold).mean())
