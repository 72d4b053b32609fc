"""Questions to a gallery: search and identify; and verify, which needs none."""

from dataclasses import asdict, replace

from fastapi import Response

from service.access import check_gallery, check_scope
from service.answers import check_size, rendered
from service.errors import RequestInvalid
from service.parts import AskingOf, PartsOf
from service.replies import Json
from service.reply_schemas import IdentifyReply, SearchReply, VerifyReply
from service.routing import gallery_of, needs, new_router
from service.schemas import IdentifyRequest, QueryRequest, SearchRequest, VerifyRequest
from service.searcher import Question
from service.settings import Settings
from service.threads import off_loop

router = new_router("questions")
INLINE_HITS = 100  # written in less than a millisecond


@router.post(
    "/v1/galleries/{gallery}/search",
    summary="Nearest exemplars",
    dependencies=[needs("search")],
    responses={200: {"model": SearchReply}},
)
async def search(gallery: str, asked: SearchRequest, parts: PartsOf, asking: AskingOf) -> Response:
    """Find the exemplars nearest to each query; higher scores are closer.

    Where the gallery is lexical, the words of a text count too; `threshold` is about vectors alone.
    With `label_score` the best labels are told, each scored so, by its nearest exemplar.
    """
    found = gallery_of(parts, asking, gallery)
    question = replace(question_of(asked, parts.settings), label_score=asked.label_score)
    include: set[str] = set(asked.include)
    numbers = found.dim if "vector" in include else 0
    check_size(len(question.items), asked.k, numbers, parts.settings)
    answer = await parts.searcher.search(
        found,
        question,
        asking,
        k=asked.k,
        group_by_label=asked.group_by_label or asked.label_score is not None,
        exact=asked.exact,
        with_payload="payload" in include,
        with_vector="vector" in include,
    )

    def reply() -> Response:
        results = [{"hits": [rendered(hit, include) for hit in hits]} for hits in answer.found.hits]
        return Json({"results": results, "seq": answer.found.seq, "truncated": answer.truncated})

    return await off_loop(reply, long=numbers > 0 or len(question.items) * asked.k > INLINE_HITS)


@router.post(
    "/v1/galleries/{gallery}/identify",
    summary="Whose is it, or nobody's",
    dependencies=[needs("search")],
    responses={200: {"model": IdentifyReply}},
)
async def identify(
    gallery: str, asked: IdentifyRequest, parts: PartsOf, asking: AskingOf
) -> Response:
    """Name the label of each query: match, ambiguous, or unknown."""
    found = gallery_of(parts, asking, gallery)
    question = replace(question_of(asked, parts.settings), label_score=asked.label_score)
    check_size(len(question.items), asked.k, 0, parts.settings)
    answer = await parts.searcher.identify(found, question, asking, k=asked.k, margin=asked.margin)
    include = {"payload"} if found.weight is None else {"payload", "scores"}

    def reply() -> Response:
        results = [
            asdict(decision) | {"hits": [rendered(hit, include) for hit in hits]}
            for decision, hits in zip(answer.decisions, answer.hits, strict=True)
        ]
        body = {
            "results": results,
            "seq": answer.seq,
            "threshold_from": answer.threshold_from,
            "truncated": answer.truncated,
        }
        return Json(body)

    return await off_loop(reply, long=len(question.items) * asked.k > INLINE_HITS)


@router.post(
    "/v1/verify",
    summary="The same or not",
    dependencies=[needs("embed", "search")],
    responses={200: {"model": VerifyReply}},
)
async def verify(asked: VerifyRequest, parts: PartsOf, asking: AskingOf) -> Response:
    """Score pairs of items; ``same`` where a threshold is known."""
    check_scope(asking.key, ["embed" if asked.gallery is None else "search"])
    if asked.gallery is not None:
        check_gallery(asking.key, asked.gallery)
    limit = parts.settings.items_max // 2
    if not 1 <= len(asked.pairs) <= limit:
        raise RequestInvalid(
            f"pairs has {len(asked.pairs)}; send 1 to {limit} in one call, half of "
            "SEMBLANCE_ITEMS_MAX",
            param="pairs",
        )
    if asked.model is None and asked.gallery is None:
        raise RequestInvalid("send `model`, `gallery`, or both")
    verified = await parts.searcher.verify(
        asked.pairs,
        asking,
        model=asked.model,
        gallery=None if asked.gallery is None else gallery_of(parts, asking, asked.gallery),
        threshold=asked.threshold,
    )
    pairs = [
        {"score": score, "same": same}
        for score, same in zip(verified.scores, verified.same, strict=True)
    ]
    body = {
        "results": pairs,
        "threshold": verified.threshold,
        "threshold_from": verified.threshold_from,
    }
    return Json(body)


def question_of(asked: QueryRequest, settings: Settings) -> Question:
    """Read one query or many.

    Raises:
        RequestInvalid: neither, both, or too many.
    """
    if (asked.query is None) == (asked.queries is None):
        raise RequestInvalid("send `query` or `queries`, one of the two")
    if asked.queries is None:
        items, places = [asked.query], ["query"]
    else:
        items = asked.queries
        places = [f"queries[{at}]" for at in range(len(items))]
        if not 1 <= len(items) <= settings.items_max:
            raise RequestInvalid(
                f"queries has {len(items)}; send 1 to {settings.items_max} (SEMBLANCE_ITEMS_MAX)",
                param="queries",
            )
    return Question(
        items,
        places,
        asked.filter,
        asked.threshold,
        asked.min_seq,
        asked.space,
        asked.lexical_weight,
    )
