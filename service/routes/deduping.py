"""Deduplication: which records of one table are of one thing."""

from fastapi import Response

from service.parts import AskingOf, PartsOf
from service.record_replies import DedupeReply
from service.records.asked import fields_told
from service.records.deduper import DedupeAsked, Deduper
from service.records.deduping import DedupeTerms
from service.replies import Json
from service.routing import needs, new_router
from service.schemas import DedupeRequest
from service.threads import off_loop

router = new_router("records")


@router.post(
    "/v1/dedupe",
    summary="Which records of a table are of one thing",
    dependencies=[needs("embed")],
    responses={200: {"model": DedupeReply}},
)
async def dedupe(asked: DedupeRequest, parts: PartsOf, asking: AskingOf) -> Response:
    """Put records together that are of one thing; pairs are told field by field, clusters whole.

    Without a `threshold` it is found from the scores, or the call is refused
    (`scores_inseparable`). What cannot be read of a record is told in `failed`, and counts as
    missing.
    """
    terms = DedupeTerms(
        k=asked.k,
        threshold=asked.threshold,
        false_match_rate=asked.false_match_rate,
        linkage=asked.linkage,
        members_max=asked.members_max,
        rerank=asked.rerank,
        missing=asked.missing,
    )
    made = DedupeAsked(
        records=asked.records,
        fields=None if asked.fields is None else fields_told(asked.fields),
        model=asked.model,
        terms=terms,
        golden=asked.golden,
    )
    deduper = Deduper(parts.embedder, parts.settings, parts.searcher.turns)
    reply = await deduper.dedupe(made, asking)
    return await off_loop(lambda: Json(reply), long=True)
