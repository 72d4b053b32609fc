"""Which encoders are loaded."""

from typing import Any

from fastapi import Response

from service.ports import Encoder
from service.replies import Json
from service.reply_schemas import ModelOut, ModelsReply
from service.routing import PartsOf, needs, new_router

router = new_router("models")


@router.get(
    "/v1/models",
    summary="The loaded models",
    dependencies=[needs("embed")],
    responses={200: {"model": ModelsReply}},
)
async def list_models(parts: PartsOf) -> Response:
    """List the loaded models in OpenAI's shape."""
    encoders = (parts.embedder.lanes[name].encoder for name in sorted(parts.embedder.lanes))
    return Json({"object": "list", "data": [described(encoder) for encoder in encoders]})


@router.get(
    "/v1/models/{model}",
    summary="One model",
    dependencies=[needs("embed")],
    responses={200: {"model": ModelOut}},
)
async def show_model(model: str, parts: PartsOf) -> Response:
    """Show one loaded model."""
    return Json(described(parts.embedder.lane(model).encoder))


def described(encoder: Encoder) -> dict[str, Any]:
    """Describe an encoder as OpenAI describes a model, and more."""
    manifest = encoder.manifest
    return {
        "id": encoder.name,
        "object": "model",
        "created": 0,
        "owned_by": "semblance",
        "modalities": [encoder.modality],
        "dim": encoder.dim,
        "space": encoder.space,
        "precision": manifest.precision,
        "max_cost": encoder.cost_max,
        "licence": manifest.licence,
        "description": manifest.description,
        "version": manifest.version,
    }
