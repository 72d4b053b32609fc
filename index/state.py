"""What a gallery tells of itself."""

from dataclasses import dataclass

from index.calibration import Calibration
from index.label_scores import LabelScore


@dataclass(frozen=True, slots=True)
class Lexical:
    """That words count in a gallery beside vectors: what they weigh, above 0, 1 at most."""

    weight: float


@dataclass(frozen=True, slots=True)
class GalleryState:
    """A gallery at one moment; `created_at` is ISO 8601 in UTC, `recall` is what was found.

    `lexical` is None where no words are kept; `label_score` is how its labels are ranked.
    `parts` of `count` are windows of long exemplars.
    """

    name: str
    model: str | None
    space: str
    dim: int
    index: str
    index_in_use: str
    recall_target: float
    recall: float
    count: int
    labels: int
    seq: int
    index_why: str | None
    created_at: str
    calibration: Calibration | None
    calibration_stale: bool
    lexical: Lexical | None
    label_score: LabelScore
    parts: int
