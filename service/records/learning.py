"""What labels teach: how much each field says, and how likely a pair of a score is right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from index.hits import Mask, Scores
from index.linking.curves import Curves, Numbers
from index.linking.labels import with_labels
from index.linking.learned import Known, Learned, learnt
from index.linking.pairs import Pairs
from service.records.compared import SCORE, TOGETHER, Compared
from service.records.pooling import Pooled
from service.records.scoring import FieldScore

Label = tuple[int, int, bool]
"""A left and a right record, and whether they are of one thing."""
Score = Callable[[Pairs], Pairs]
"""Pairs to the same with their scores without labels; those that share nothing are left out."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Scores pairs by weights that were learnt from labels: by how likely they are of one thing."""

    compared: Compared
    learned: Learned

    def scored(self, pairs: Pairs) -> Pairs:
        """Score pairs, all of which share something."""
        chances = self.learned.chances(self.compared.known(pairs))
        return Pairs(pairs.left, pairs.right, chances.astype(np.float32))

    def explained(
        self, pairs: Pairs, fields: Sequence[Sequence[FieldScore]]
    ) -> list[list[FieldScore]]:
        """Tell what each field adds to the log odds of pairs.

        Args:
            fields: why the pairs have their scores without labels.

        Returns:
            The fields with their scores as they were; their weights are the shares that they have
            in what tells the labelled pairs apart, and their contributions sum to the log odds. One
            more stands for the whole record: its score is that without labels.
        """
        known = self.compared.known(pairs)
        parts, shares = self.learned.parts(known), self.learned.shares
        whole = known.values[:, [one.way for one in known.columns].index(SCORE)]
        told = []
        for at, each in enumerate(fields):
            own = [_judged(one, shares, parts, at) for one in each]
            added = float(parts[TOGETHER][at])
            told.append([*own, FieldScore(TOGETHER, float(whole[at]), shares[TOGETHER], added)])
        return told


@dataclass(frozen=True, slots=True)
class Taught:
    """What labels taught.

    Args:
        pairs: the labelled ones (m,); their scores are those without labels or, where weights were
            learnt, by what was learnt of the other pairs.
        same: the labels (m,).
        judge: by which pairs are scored now; None: as without labels.
    """

    pairs: Pairs
    same: Mask
    judge: Judge | None

    @property
    def scores(self) -> Scores:
        """The scores of the labelled pairs (m,)."""
        return self.pairs.scores

    def curves(self, candidates: Pairs) -> Curves:
        """Tell how likely candidates of each score are of one thing."""
        return with_labels(candidates.scores, self.scores, self.same)

    def rescored(self, pairs: Pairs) -> Pairs:
        """Score pairs by what was learnt, if anything was."""
        return pairs if self.judge is None else self.judge.scored(pairs)

    def note(self) -> str:
        """Word what was learnt."""
        if self.judge is None:
            return f"{len(self.same)} labels: the threshold is learnt from them"
        learned = self.judge.learned
        most = sorted(learned.shares.items(), key=lambda one: -one[1])
        words = ", ".join(f"{field} {share:.2f}" for field, share in most)
        return f"{len(self.same)} labels: weights and threshold are learnt from them ({words})"


def taught(left: Pooled, right: Pooled, labels: Sequence[Label], score: Score) -> Taught | None:
    """Learn from labels; None where there are none, or of pairs alone that share nothing.

    Args:
        score: without labels.
    """
    if not labels:
        return None
    said = {(one, other): is_same for one, other, is_same in labels}
    asked = Pairs.of([one for one, _ in said], [other for _, other in said], np.zeros(len(said)))
    pairs = score(asked)
    if not len(pairs):
        return None
    places = zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)
    same = np.array([said[place] for place in places], np.bool_)
    compared = Compared(left, right, lambda some: _scores_of(some, score))
    known: Known = compared.known(pairs)
    learned = learnt(known, same)
    if learned is None:
        return Taught(pairs, same, None)
    by_others = learned.by_others.astype(np.float32)
    told = Pairs(pairs.left, pairs.right, by_others)
    return Taught(told, same, Judge(compared, learned))


def _scores_of(pairs: Pairs, score: Score) -> Numbers:
    found: Numbers = score(pairs).scores.astype(np.float64)
    return found


def _judged(
    one: FieldScore, shares: dict[str, float], parts: dict[str, Numbers], at: int
) -> FieldScore:
    """Tell a field; of fields of one thing the first stands for it."""
    share = shares.get(one.field, 0.0)
    added = float(parts[one.field][at]) if one.field in parts else 0.0
    return replace(one, weight=share if one.weight else 0.0, contribution=added)
