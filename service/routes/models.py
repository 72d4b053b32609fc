"""Which encoders can be asked; loading and unloading them while the service runs."""

from typing import Any

from fastapi import Response

from models.modality import cost_unit
from service.replies import Json
from service.reply_schemas import ModelOut, ModelsReply, UnloadedReply
from service.routing import PartsOf, needs, new_router
from service.shelf import Model

router = new_router("models")


@router.get(
    "/v1/models",
    summary="The loaded models",
    dependencies=[needs("embed")],
    responses={200: {"model": ModelsReply}},
)
async def list_models(parts: PartsOf) -> Response:
    """List the models that can be asked, in OpenAI's shape."""
    models = parts.embedder.shelf.models
    return Json({"object": "list", "data": [described(models[name]) for name in sorted(models)]})


@router.get(
    "/v1/models/{model}",
    summary="One model",
    dependencies=[needs("embed")],
    responses={200: {"model": ModelOut}},
)
async def show_model(model: str, parts: PartsOf) -> Response:
    """Show one model."""
    return Json(described(parts.embedder.shelf.model(model)))


@router.post(
    "/v1/models/{model}/load",
    summary="Load a model",
    dependencies=[needs("admin")],
    responses={200: {"model": ModelOut}},
)
async def load(model: str, parts: PartsOf) -> Response:
    """Load a bundle of the bundles folder, or load it anew; others are served meanwhile."""
    return Json(described(await parts.embedder.shelf.load(model)))


@router.post(
    "/v1/models/{model}/unload",
    summary="Unload a model",
    dependencies=[needs("admin")],
    responses={200: {"model": UnloadedReply}},
)
async def unload(model: str, parts: PartsOf) -> Response:
    """Take a model out of memory, when what waits for it is finished."""
    await parts.embedder.shelf.unload(model)
    return Json({"id": model, "unloaded": True})


def described(model: Model) -> dict[str, Any]:
    """Describe an encoder as OpenAI describes a model, and more."""
    manifest = model.manifest
    return {
        "id": model.name,
        "object": "model",
        "created": 0,
        "owned_by": "semblance",
        "modalities": [model.modality],
        "dim": model.dim,
        "space": model.space,
        "precision": manifest.precision,
        "max_cost": model.cost_max,
        "cost_unit": cost_unit(model.modality),
        "licence": manifest.licence,
        "description": manifest.description,
        "version": manifest.version,
        "state": "asleep" if model.lane is None else "loaded",
    }
