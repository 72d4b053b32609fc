"""The recall of late: some of what is asked is asked again of every row, behind the scenes."""

import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from index.fusion import Wording
from index.hits import Hit, Mask
from index.planner import SCANNED_ROWS
from index.vectors import Rows
from index.view import View

WINDOW = 400  # of the latest, whose mean is told
ENOUGH = 100  # to say anything of the mean
_SURE = 1.64  # standard errors by which the mean must miss the target: 95 %, one-sided


@dataclass(frozen=True, slots=True)
class Asked:
    """A search for one query (1, d) that an index could answer, and what came of it."""

    view: View
    query: Rows
    k: int
    allowed: Mask | None
    threshold: float | None
    group_by_label: bool
    wording: Wording | None
    line: float | None
    hits: list[Hit]

    def share_found(self) -> float | None:
        """Look at every row; None where that was done already, or nothing can be found."""
        if self.allowed is not None and np.count_nonzero(self.allowed) <= SCANNED_ROWS:
            return None
        (true,) = replace(self.view, indexed=None).search(
            self.query,
            self.k,
            self.allowed,
            self.threshold,
            group_by_label=self.group_by_label,
            wording=self.wording,
            line=self.line,
        )
        if not true:
            return None
        found = sum(hit.score >= true[-1].score for hit in self.hits)
        return min(1.0, found / len(true))


class Watch:
    """A window on the recall of one gallery. Searches offer; one thread checks, and forgets."""

    def __init__(self, recall_target: float) -> None:
        self._target = recall_target
        self._waiting: Asked | None = None
        self._shares: deque[float] = deque(maxlen=WINDOW)
        self._queries: deque[Rows] = deque(maxlen=WINDOW)

    @property
    def idle(self) -> bool:
        """Whether the next search may offer itself."""
        return self._waiting is None

    def offer(self, asked: Asked) -> None:
        """Leave a search to be checked; of two at once, one is taken."""
        self._waiting = asked

    def check(self) -> None:
        """Check what was offered."""
        asked = self._waiting
        if asked is None:
            return
        self._waiting = None  # at once: what fails is not asked again
        share = asked.share_found()
        if share is not None:
            self._shares.append(share)
            self._queries.append(asked.query)

    @property
    def recall(self) -> float | None:
        """The mean share found of late; None before there are enough to tell."""
        shares = list(self._shares)
        return float(np.mean(shares)) if len(shares) >= ENOUGH else None

    @property
    def failing(self) -> bool:
        """Whether the recall of late is surely below the target."""
        recall, shares = self.recall, list(self._shares)
        if recall is None:
            return False
        error = float(np.std(shares)) / math.sqrt(len(shares))
        return recall + _SURE * error < self._target

    def queries(self) -> Rows:
        """Return the queries (q, d) of the window."""
        return np.concatenate(list(self._queries))

    def forget(self) -> None:
        """Begin anew: another index answers from now on."""
        self._waiting = None
        self._shares.clear()
        self._queries.clear()
