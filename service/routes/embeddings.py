"""Embeddings: OpenAI's call, and one for a single raw body."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fastapi import Request, Response

from models.modality import Item, cost_unit, media_types, modality_of_media_type
from service.embedder import Embeddings
from service.errors import ContentUnsupported, RequestInvalid
from service.intake import check_size, parse_embeddable, spread
from service.numbers import check_dimensions, cut, spelled
from service.parts import AskingOf, PartsOf
from service.queries import is_long, parse_all
from service.replies import Json
from service.reply_schemas import EmbeddingsReply
from service.routing import needs, new_router
from service.schemas import EmbeddingsRequest
from service.threads import off_loop

router = new_router("embeddings")


@router.post(
    "/v1/embeddings",
    summary="Embed items",
    dependencies=[needs("embed")],
    responses={200: {"model": EmbeddingsReply}},
)
async def embed(asked: EmbeddingsRequest, parts: PartsOf, asking: AskingOf) -> Response:
    """Embed what OpenAI's clients send, and items of any kind that the model reads."""
    model = parts.embedder.shelf.model(asked.model)
    values: Sequence[object] = spread(asked.input)
    limit = parts.settings.items_max
    if not 1 <= len(values) <= limit:
        raise RequestInvalid(
            f"input has {len(values)} items; send 1 to {limit} (SEMBLANCE_ITEMS_MAX) in one call",
            param="input",
        )
    single = len(values) == 1 and values[0] is asked.input
    places = ["input"] if single else [f"input[{at}]" for at in range(len(values))]
    parse = partial(parse_embeddable, bytes_max=parts.settings.item_bytes_max)
    values = await parts.embedder.fetched(values)
    items = await off_loop(partial(parse_all, values, places, parse), long=is_long(values))
    check_dimensions(asked.dimensions, model.dim)  # before the work, not after
    made = await parts.embedder.embed(
        model, items, asking, places=places, role=asked.input_type, truncate=asked.truncate
    )
    return Json(reply(made, asked, model.modality))


@router.post(
    "/v1/embeddings/raw",
    summary="Embed one raw body",
    dependencies=[needs("embed")],
    responses={200: {"model": EmbeddingsReply}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string", "minLength": 1}} for kind in media_types()
            },
        }
    },
)
async def embed_raw(request: Request, model: str, parts: PartsOf, asking: AskingOf) -> Response:
    """Embed the body itself: ``curl --data-binary @file -H 'content-type: image/png'``."""
    asked = parts.embedder.shelf.model(model)
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    modality = modality_of_media_type(media)
    if modality is None:
        raise ContentUnsupported(
            f"content-type {media or 'missing'!r} is no kind of item; send "
            f"{', '.join(media_types())}"
        )
    item = Item(modality, await request.body())
    parse_all(
        [item.content], ["body"], partial(check_size, bytes_max=parts.settings.item_bytes_max)
    )
    made = await parts.embedder.embed(asked, [item], asking, places=["body"])
    spelled_as = EmbeddingsRequest(input="", model=model, input_type=None)
    return Json(reply(made, spelled_as, asked.modality))


def reply(made: Embeddings, asked: EmbeddingsRequest, modality: str) -> dict[str, Any]:
    """Render embeddings in OpenAI's shape."""
    rows = cut(made.rows, asked.dimensions)
    base64_wanted = asked.encoding_format == "base64"
    spellings = spelled(rows, dtype=asked.dtype, base64_wanted=base64_wanted)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": at, "embedding": spelling}
            for at, spelling in enumerate(spellings)
        ],
        "model": asked.model,
        "usage": usage(made.costs, modality),
        "truncated": made.truncated,
    }


def usage(costs: Mapping[str, int], modality: str) -> dict[str, int]:
    """Tell what was embedded; what is no token is not counted as one.

    Args:
        costs: by modality; records have several.
        modality: of the model that was asked, whose unit is told in any case.
    """
    told = {cost_unit(modality): 0}
    for one, cost in costs.items():
        told[cost_unit(one)] = told.get(cost_unit(one), 0) + cost
    tokens = told.pop("tokens", 0)
    return {"prompt_tokens": tokens, "total_tokens": tokens, **told}
