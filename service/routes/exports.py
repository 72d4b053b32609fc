"""Export: a gallery as a file."""

from fastapi import Response
from fastapi.responses import StreamingResponse

from service.exporting import parquet_parts
from service.parts import AskingOf, PartsOf
from service.routing import gallery_of, needs, new_router

router = new_router("exports")
MEDIA_TYPE = "application/vnd.apache.parquet"


@router.get(
    "/v1/galleries/{gallery}/export",
    summary="Export as Parquet",
    dependencies=[needs("search")],
    response_class=StreamingResponse,
    responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def export(gallery: str, parts: PartsOf, asking: AskingOf) -> Response:
    """Send every exemplar: id, label, item, payload and vector; to import it gives the same."""
    found = gallery_of(parts, asking, gallery)
    headers = {"content-disposition": f'attachment; filename="{found.name}.parquet"'}
    return StreamingResponse(parquet_parts(found), media_type=MEDIA_TYPE, headers=headers)
