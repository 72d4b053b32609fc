"""Why a pair was chosen, or a record left alone: in words, and as the wire has it."""

from collections.abc import Sequence
from typing import Any

from service.records.scoring import FieldScore

CELL_CHARACTERS_MAX = 200


def reason(fields: Sequence[FieldScore]) -> str:
    """Word the scores of the fields, what counts most first, and what is missing.

    >>> reason([FieldScore("name", 0.934, 0.75, 0.7), FieldScore("city", None, 0.0, 0.0)])
    'name .93; no city'
    """
    there = sorted((one for one in fields if one.score is not None), key=_contribution)
    # Of a thing that two fields show, each on one side, neither has a score of its own.
    crossed = [one for one in fields if one.score is None and one.weight]
    missing = [one.field for one in fields if one.score is None and not one.weight]
    words = [", ".join(f"{one.field} {figure(one.score)}" for one in there)] if there else []
    if crossed:
        words.append(" with ".join(one.field for one in crossed))
    if missing:
        words.append(f"no {', '.join(missing)}")
    return "; ".join(words)


def _contribution(one: FieldScore) -> float:
    return -one.contribution


def figure(score: float | None) -> str:
    """Write a score as `.93`, `1.00` or `-.20`.

    >>> figure(0.934), figure(1.0), figure(-0.2)
    ('.93', '1.00', '-.20')
    """
    return f"{score:.2f}".replace("0.", ".", 1) if score is not None else "none"


def alone(nearest: str | None, score: float | None, threshold: float | None) -> str:
    """Word why a record has no pair."""
    if nearest is None or score is None:
        return "no match: nothing to compare by"
    if threshold is not None and score < threshold:
        return f"no match: {nearest} is nearest at {figure(score)}, below {figure(threshold)}"
    return f"no match: {nearest} is nearest at {figure(score)}, and has another"


def told(field: FieldScore, left: Any, right: Any) -> dict[str, Any]:
    """Write what one field has to do with a pair, with both cells, long ones cut."""
    return {
        "field": field.field,
        "left": cut(left),
        "right": cut(right),
        "score": None if field.score is None else round(field.score, 6),
        "weight": round(field.weight, 6),
        "contribution": round(field.contribution, 6),
    }


def cut(cell: Any) -> Any:
    """Return a cell as it can be shown: texts and numbers, the former cut; others as words.

    >>> cut("Acme"), cut(3.5), cut(b"abc"), cut([1.0, 2.0])
    ('Acme', 3.5, '3 bytes', '2 numbers')
    """
    if cell is None or isinstance(cell, bool | int | float):
        return cell
    if isinstance(cell, bytes | bytearray):
        return f"{len(cell)} bytes"
    if isinstance(cell, list | tuple):
        return f"{len(cell)} numbers"
    text = str(cell)
    return text if len(text) <= CELL_CHARACTERS_MAX else text[: CELL_CHARACTERS_MAX - 1] + "…"
