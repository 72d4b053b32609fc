"""Scans: where in a whole item the labels of a gallery occur."""

from dataclasses import asdict
from typing import Any

from fastapi import Response

from models.errors import ModalityUnsupported
from service.answers import check_size, rendered
from service.errors import RequestInvalid
from service.intake import Vector, parse_item
from service.parts import AskingOf, PartsOf
from service.queries import parse_all
from service.record import Record
from service.replies import Json
from service.reply_schemas import ScanReply
from service.routing import gallery_of, needs, new_router
from service.scanner import Seen
from service.schemas import ScanRequest
from service.searcher import Question
from service.threads import off_loop

router = new_router("scans")
REGIONS = 16  # that are looked at: twice as many find next to nothing more (docs/regions.md)


@router.post(
    "/v1/galleries/{gallery}/scan",
    summary="Where in a whole item the labels occur",
    dependencies=[needs("search")],
    responses={200: {"model": ScanReply}},
)
async def scan(gallery: str, asked: ScanRequest, parts: PartsOf, asking: AskingOf) -> Response:
    """Look for regions of a picture that may be something, and identify each."""
    found = gallery_of(parts, asking, gallery)
    limits = parts.settings
    most = min(REGIONS, limits.scan_regions_max) if asked.regions_max is None else asked.regions_max
    if most > limits.scan_regions_max:
        raise RequestInvalid(
            f"regions_max is {most}; the most is {limits.scan_regions_max} "
            "(SEMBLANCE_SCAN_REGIONS_MAX)",
            param="regions_max",
        )
    check_size(most, asked.k, 0, limits)

    values = await parts.embedder.fetched([asked.item])

    def parse() -> Any:
        return parse_all(values, ["item"], lambda one: parse_item(one, limits.item_bytes_max))

    (item,) = await off_loop(parse, long=True)
    if isinstance(item, Vector):
        raise ModalityUnsupported("a vector has no regions; send the item itself")
    if isinstance(item, Record):
        raise ModalityUnsupported("a record has no regions; send its picture alone")
    if item.reads is not None:
        words = "a scan sees regions and reads none: leave 'reads' out, and identify a crop with it"
        raise RequestInvalid(words, param="item")
    question = Question((), (), asked.filter, asked.threshold, asked.min_seq)
    scanned = await parts.scanner.scan(
        found, item, question, asking,
        regions_max=most, k=asked.k, margin=asked.margin, with_unknown=asked.unknown,
    )  # fmt: skip
    told = [_told(one, scanned.place) for one in scanned.seen]
    body = {"found": told, "regions": scanned.regions, "seq": scanned.seq}
    return Json(body | {"threshold_from": scanned.threshold_from})


def _told(one: Seen, place: str) -> dict[str, Any]:
    where = {place: [*one.region.low, *one.region.high]}
    hits = [rendered(hit, {"payload"}) for hit in one.hits]
    likelihood = one.region.likelihood
    return where | asdict(one.decision) | {"likelihood": likelihood, "hits": hits}
