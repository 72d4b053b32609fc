"""What a gallery tells of itself."""

from dataclasses import dataclass

from index.alarms import Alarms
from index.calibration import Calibration
from index.label_scores import LabelScore
from index.store import GalleryRow
from index.view import View


@dataclass(frozen=True, slots=True)
class Lexical:
    """That words count in a gallery beside vectors: what they weigh, above 0, 1 at most."""

    weight: float


@dataclass(frozen=True, slots=True)
class GalleryState:
    """A gallery at one moment; `created_at` is ISO 8601 in UTC, `recall` is what was found.

    `lexical` is None where no words are kept; `label_score` is how its labels are ranked.
    `parts` of `count` are windows of long exemplars;
    `alarms` is the threshold of scans, if there is one.
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
    alarms: Alarms | None


@dataclass(frozen=True, slots=True)
class IndexState:
    """What answers searches: its name, the recall that was found, and why it was chosen."""

    in_use: str
    recall: float
    why: str | None


def state_of(
    row: GalleryRow,
    view: View,
    index: IndexState,
    calibration: Calibration | None,
    alarms: Alarms | None,
) -> GalleryState:
    """Put together what a gallery tells of itself."""
    return GalleryState(
        name=row.name,
        model=row.model,
        space=row.space,
        dim=row.dim,
        index=row.backend,
        index_in_use=index.in_use,
        recall_target=row.recall_target,
        recall=index.recall,
        count=view.count,
        labels=view.label_count(),
        seq=view.seq,
        index_why=index.why,
        created_at=row.created_at,
        calibration=calibration,
        calibration_stale=calibration is not None and calibration.stale(view.count),
        lexical=None if row.lexical is None else Lexical(row.lexical),
        label_score=row.label_score,
        parts=view.part_count(),
        alarms=alarms,
    )
