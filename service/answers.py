"""What the answer to a question may hold, and how its hits are told."""

from typing import Any

from index.hits import Hit
from service.errors import ReplyTooLarge, RequestInvalid
from service.settings import Settings


def check_size(queries: int, k: int, numbers: int, settings: Settings) -> None:
    """Refuse a question whose answer would be too large.

    Args:
        numbers: of a hit's vector, where it is asked for.

    Raises:
        RequestInvalid: more hits of one query than there may be.
        ReplyTooLarge: more hits, or numbers, of all queries.
    """
    if k > settings.hits_max:
        raise RequestInvalid(
            f"k is {k}; the most is {settings.hits_max} (SEMBLANCE_HITS_MAX)", param="k"
        )
    hits = queries * k
    for what, asked, limit, setting in (
        ("hits", hits, settings.reply_hits_max, "HITS"),
        ("numbers of vectors", hits * numbers, settings.reply_numbers_max, "NUMBERS"),
    ):
        if asked > limit:
            raise ReplyTooLarge(
                f"{queries} queries of {k} hits ask for up to {asked} {what}; the limit is {limit} "
                f"(SEMBLANCE_REPLY_{setting}_MAX): lower k, or send fewer queries in one call",
                param="k",
            )


def rendered(hit: Hit, include: set[str]) -> dict[str, Any]:
    """Render a hit with what was asked for."""
    out: dict[str, Any] = {"id": hit.id, "label": hit.label, "score": hit.score}
    if hit.seconds is not None:
        out["seconds"] = hit.seconds
    if "payload" in include:
        out["payload"] = hit.payload
    if "vector" in include:
        out["vector"] = hit.vector
    if "scores" in include:
        out["scores"] = {"dense": hit.dense, "lexical": hit.lexical}
    return out
