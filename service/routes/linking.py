"""Record linkage: which records of two sides are of one thing."""

from fastapi import Response

from index.gallery import Gallery
from service.access import check_gallery, check_scope
from service.asking import Asking
from service.errors import RequestInvalid
from service.parts import AskingOf, Parts, PartsOf
from service.record_replies import LinkReply
from service.records.asked import fields_told
from service.records.linker import LinkAsked, Linker, Sent
from service.records.linking import K, Pairing, Terms
from service.replies import Json
from service.routing import gallery_of, needs, new_router
from service.schemas import LinkRequest
from service.threads import off_loop

router = new_router("records")


@router.post(
    "/v1/link",
    summary="Which records are of one thing",
    dependencies=[needs("embed", "search")],
    responses={200: {"model": LinkReply}},
)
async def link(asked: LinkRequest, parts: PartsOf, asking: AskingOf) -> Response:
    """Link records, or the exemplars of a gallery, to others; each pair is told field by field.

    A record is an object of fields: texts, numbers, dates, base64 pictures, lists of numbers. A
    gallery is named, and its exemplars are compared as wholes. What cannot be read of a record is
    told in `failed`, and counts as missing.
    """
    if asked.one_to_one and asked.one_to_many:
        raise RequestInvalid("send `one_to_one` or `one_to_many`, not both", param="one_to_many")
    most = parts.settings.hits_max
    k = min(K, most) if asked.k is None else asked.k
    if k > most:
        raise RequestInvalid(f"k is {k}; the most is {most} (SEMBLANCE_HITS_MAX)", param="k")
    pairing: Pairing = "one_to_many" if asked.one_to_many else "best"
    terms = Terms(
        k=k,
        pairing="one_to_one" if asked.one_to_one else pairing,
        threshold=asked.threshold,
        rerank=asked.rerank,
        shared_min=asked.shared_min,
    )
    made = LinkAsked(
        left=side_of(asked.left, parts, asking),
        right=side_of(asked.right, parts, asking),
        fields=None if asked.fields is None else fields_told(asked.fields),
        model=asked.model,
        terms=terms,
    )
    linker = Linker(parts.embedder, parts.settings, parts.searcher.turns)
    reply = await linker.link(made, asking)
    return await off_loop(lambda: Json(reply), long=True)


def side_of(sent: object, parts: Parts, asking: Asking) -> Sent:
    """Return the records that are sent, or the gallery that is named.

    Raises:
        GalleryUnknown, ScopeRefused.
    """
    if isinstance(sent, list):
        check_scope(asking.key, ["embed"])
        return sent
    name = str(sent)
    check_scope(asking.key, ["search"])
    check_gallery(asking.key, name)
    found: Gallery = gallery_of(parts, asking, name)
    return found
