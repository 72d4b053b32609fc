"""What a gallery that nobody calibrated would say of itself: where strangers would score.

A pair's threshold is not a gallery's: among hundreds of labels some stranger nearly always comes
above the score that one in a hundred unrelated pairs exceeds.
"""

from index.calibration import is_stale, measured
from index.errors import TooFewImpostors
from index.label_scores import MEAN, LabelScore
from index.view import View

LABELS_MIN = 50  # fewer tell too little, and a pair's threshold is not far off
MEAN_ROWS_MIN = 20  # a mean lies below the pairs that it is of, so that theirs is none for it
EXEMPLARS_MAX = 400
FALSE_ACCEPT_RATE = 0.1


class Provisional:
    """Thresholds by the gallery's own exemplars, found when first asked for, and never stored."""

    def __init__(self, space: str) -> None:
        self._space = space
        self._found: dict[LabelScore, tuple[int, float | None]] = {}

    def threshold(self, view: View, rule: LabelScore) -> float | None:
        """Return the threshold that one in ten exemplars would pass if its label left.

        It is found anew when the gallery has grown or shrunk by a fifth; None where the labels are
        too few. Up to 400 exemplars are scored against all rows: a second for a million.
        """
        count, threshold = self._found.get(rule, (-1, None))
        if count < 0 or is_stale(count, view.count):
            threshold = self._measured(view, rule)
            self._found[rule] = view.count, threshold
        return threshold

    def _measured(self, view: View, rule: LabelScore) -> float | None:
        enough = view.count >= MEAN_ROWS_MIN if rule == MEAN else view.label_count() >= LABELS_MIN
        if not enough:
            return None
        try:
            found = measured(view, None, None, EXEMPLARS_MAX, FALSE_ACCEPT_RATE, self._space, rule)
        except TooFewImpostors:
            return None
        return found.threshold
