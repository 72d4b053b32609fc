"""Embeddings: OpenAI's call, and one for a single raw body."""

from functools import partial
from typing import Any

from fastapi import Request, Response

from models.modality import Item, modality_of_media_type
from service.embedder import Embeddings
from service.errors import ContentUnsupported, RequestInvalid
from service.intake import check_size, parse_embeddable, spread
from service.numbers import check_dimensions, cut, spelled
from service.parts import AskingOf, PartsOf
from service.queries import parse_all
from service.replies import Json
from service.reply_schemas import EmbeddingsReply
from service.routing import needs, new_router
from service.schemas import EmbeddingsRequest

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
    values = spread(asked.input)
    limit = parts.settings.items_max
    if not 1 <= len(values) <= limit:
        raise RequestInvalid(
            f"input has {len(values)} items; send 1 to {limit} (SEMBLANCE_ITEMS_MAX) in one call",
            param="input",
        )
    single = len(values) == 1 and values[0] is asked.input
    places = ["input"] if single else [f"input[{at}]" for at in range(len(values))]
    parse = partial(parse_embeddable, bytes_max=parts.settings.item_bytes_max)
    items = parse_all(values, places, parse)
    check_dimensions(asked.dimensions, model.dim)  # before the work, not after
    made = await parts.embedder.embed(
        model, items, asking, places=places, role=asked.input_type, truncate=asked.truncate
    )
    return Json(reply(made, asked))


@router.post(
    "/v1/embeddings/raw",
    summary="Embed one raw body",
    dependencies=[needs("embed")],
    responses={200: {"model": EmbeddingsReply}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"text/plain": {"schema": {"type": "string", "minLength": 1}}},
        }
    },
)
async def embed_raw(request: Request, model: str, parts: PartsOf, asking: AskingOf) -> Response:
    """Embed the body itself: ``curl --data-binary @file -H 'content-type: text/plain'``."""
    asked = parts.embedder.shelf.model(model)
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    modality = modality_of_media_type(media)
    if modality is None:
        raise ContentUnsupported(
            f"content-type {media or 'missing'!r} is no kind of item; send e.g. text/plain"
        )
    item = Item(modality, await request.body())
    parse_all(
        [item.content], ["body"], partial(check_size, bytes_max=parts.settings.item_bytes_max)
    )
    made = await parts.embedder.embed(asked, [item], asking, places=["body"])
    return Json(reply(made, EmbeddingsRequest(input="", model=model, input_type=None)))


def reply(made: Embeddings, asked: EmbeddingsRequest) -> dict[str, Any]:
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
        "usage": {"prompt_tokens": made.cost, "total_tokens": made.cost},
        "truncated": made.truncated,
    }
