"""What a gallery is to be: its settings checked, and held against one that stands."""

from index.backend import check_index
from index.errors import GalleryExists, RowsInvalid
from index.label_scores import check_label_score
from index.moment import now
from index.names import check_name
from index.store import GalleryRow
from index.vectors import DIM_MAX


def gallery_wanted(
    name: str,
    model: str | None,
    space: str,
    dim: int,
    index: str,
    recall_target: float,
    lexical: float | None,
    label_score: str,
) -> GalleryRow:
    """Return a gallery that is asked for, not numbered yet.

    Raises: NameInvalid, RowsInvalid, IndexUnknown.
    """
    check_name(name, "gallery")
    if not 1 <= dim <= DIM_MAX:
        raise RowsInvalid(f"dim is {dim}: 1 to {DIM_MAX} are allowed")
    if not 0.0 < recall_target <= 1.0:
        raise RowsInvalid(f"recall_target is {recall_target}: it lies above 0, and 1 at most")
    check_index(index)
    if lexical is not None and not 0.0 < lexical <= 1.0:
        raise RowsInvalid(f"lexical is {lexical}: it lies above 0, and 1 at most")
    rule = check_label_score(label_score)
    return GalleryRow(
        0, name, model, space, dim, index, recall_target, 0, now(), None, lexical, rule
    )


def check_agree(standing: GalleryRow, wanted: GalleryRow) -> None:
    """Refuse settings that differ from those that stand.

    Raises: GalleryExists.
    """
    names = {"space": "space", "dim": "dim", "model": "model", "backend": "index"}
    names |= {one: one for one in ("recall_target", "lexical", "label_score")}
    differing = [
        f"{word} is {getattr(standing, field)!r}, not {getattr(wanted, field)!r}"
        for field, word in names.items()
        if getattr(standing, field) != getattr(wanted, field)
    ]
    if differing:
        raise GalleryExists(
            f"gallery {wanted.name!r} stands otherwise: {'; '.join(differing)}; "
            "use another name, or delete it first"
        )
