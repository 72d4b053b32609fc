"""Scans: where in a whole item the labels of a gallery occur."""

from dataclasses import asdict
from typing import Any

from fastapi import Response

from index.decision import name_of
from index.gallery import Gallery
from models.errors import ModalityUnsupported
from models.modality import Cut, Item
from service.answers import check_size, rendered
from service.asking import Asking
from service.errors import RequestInvalid
from service.intake import Vector, parse_item
from service.listener import Moment
from service.parts import AskingOf, Parts, PartsOf
from service.queries import parse_all
from service.record import Record
from service.replies import Json
from service.reply_schemas import AlarmsOut, ScanReply
from service.routing import gallery_of, needs, new_router
from service.scanner import Seen
from service.schemas import ScanCalibrateRequest, ScanRequest
from service.searcher import Question
from service.threads import off_loop

router = new_router("scans")
REGIONS = 16  # that are looked at: twice as many find next to nothing more (docs/regions.md)
OF_SOUNDS = ("window_seconds", "hop_seconds")


@router.post(
    "/v1/galleries/{gallery}/scan",
    summary="Where in a whole item the labels occur",
    dependencies=[needs("search")],
    responses={200: {"model": ScanReply}},
)
async def scan(gallery: str, asked: ScanRequest, parts: PartsOf, asking: AskingOf) -> Response:
    """Look for regions of a picture, or listen to windows of a sound, and identify each."""
    found = gallery_of(parts, asking, gallery)
    (item,) = await _items(parts, [asked.item], ["item"])
    question = Question(
        (), (), asked.filter, asked.threshold, asked.min_seq, label_score=asked.label_score
    )
    if item.modality == "audio":
        return await _listen(found, asked, item, question, parts, asking)
    return await _look(found, asked, item, question, parts, asking)


@router.post(
    "/v1/galleries/{gallery}/scan/calibrate",
    summary="Set the threshold of scans",
    dependencies=[needs("write")],
    responses={200: {"model": AlarmsOut}},
)
async def calibrate(
    gallery: str, asked: ScanCalibrateRequest, parts: PartsOf, asking: AskingOf
) -> Response:
    """Set the threshold that lets so many false alarms an hour pass, by sounds of background."""
    found = gallery_of(parts, asking, gallery)
    limit = parts.settings.items_max
    if len(asked.background) > limit:
        raise RequestInvalid(
            f"background has {len(asked.background)} sounds; send up to {limit} "
            "(SEMBLANCE_ITEMS_MAX) in one call",
            param="background",
        )
    places = [f"background[{at}]" for at in range(len(asked.background))]
    items = await _items(parts, asked.background, places)
    made = await parts.listener.calibrate(
        found,
        items,
        places,
        asking,
        cut=Cut(tuple(asked.window_seconds or ()), asked.hop_seconds),
        rate=asked.false_alarms_per_hour,
        question=Question((), (), asked.filter, label_score=asked.label_score),
    )
    return Json(asdict(made))


async def _items(parts: Parts, values: list[Any], places: list[str]) -> list[Item]:
    """Read the items that are looked through."""
    fetched = await parts.embedder.fetched(values)
    most = parts.settings.item_bytes_max

    def parse() -> list[Any]:
        return parse_all(fetched, places, lambda one: parse_item(one, most))

    items = await off_loop(parse, long=True)
    for item, place in zip(items, places, strict=True):
        if isinstance(item, Vector):
            raise ModalityUnsupported("a vector has no regions; send the item itself")
        if isinstance(item, Record):
            raise ModalityUnsupported("a record has no regions; send its picture alone")
        if item.reads is not None:
            words = (
                "a scan sees regions and reads none: leave 'reads' out, and identify a crop with it"
            )
            raise RequestInvalid(words, param=place)
    return items


async def _look(
    gallery: Gallery,
    asked: ScanRequest,
    item: Item,
    question: Question,
    parts: Parts,
    asking: Asking,
) -> Response:
    limits = parts.settings
    for name in OF_SOUNDS:
        if getattr(asked, name) is not None:
            raise RequestInvalid(f"{name} is of sounds; leave it out", param=name)
    most = min(REGIONS, limits.scan_regions_max) if asked.regions_max is None else asked.regions_max
    if most > limits.scan_regions_max:
        raise RequestInvalid(
            f"regions_max is {most}; the most is {limits.scan_regions_max} "
            "(SEMBLANCE_SCAN_REGIONS_MAX)",
            param="regions_max",
        )
    check_size(most, asked.k, 0, limits)
    scanned = await parts.scanner.scan(
        gallery, item, question, asking,
        regions_max=most, k=asked.k, margin=asked.margin, with_unknown=asked.unknown,
    )  # fmt: skip
    told = [_seen(one, scanned.place) for one in scanned.seen]
    body = {"found": told, "regions": scanned.regions, "seq": scanned.seq}
    return Json(body | {"threshold_from": scanned.threshold_from})


async def _listen(
    gallery: Gallery,
    asked: ScanRequest,
    item: Item,
    question: Question,
    parts: Parts,
    asking: Asking,
) -> Response:
    if asked.regions_max is not None:
        raise RequestInvalid(
            "regions_max is of pictures; a sound has window_seconds and hop_seconds",
            param="regions_max",
        )
    check_size(1, asked.k, 0, parts.settings)
    heard = await parts.listener.scan(
        gallery, item, question, asking,
        cut=Cut(tuple(asked.window_seconds or ()), asked.hop_seconds),
        k=asked.k, margin=asked.margin, with_unknown=asked.unknown, with_every=asked.scores,
    )  # fmt: skip
    told = heard.found[: parts.settings.reply_hits_max // asked.k]

    def reply() -> Response:
        body: dict[str, Any] = {
            "found": [_heard(one) for one in told],
            "regions": heard.windows,
            "seq": heard.seq,
            "threshold_from": heard.threshold_from,
            "false_alarms_per_hour": heard.alarms,
        }
        if asked.scores:
            body["scores"] = [
                {
                    "seconds": [one.start, one.end],
                    "label": name_of(one.hits[0]),
                    "score": one.decision.score,
                }
                for one in heard.every
            ]
        return Json(body)

    return await off_loop(reply, long=True)


def _seen(one: Seen, place: str) -> dict[str, Any]:
    where = {place: [*one.region.low, *one.region.high]}
    hits = [rendered(hit, {"payload"}) for hit in one.hits]
    likelihood = one.region.likelihood
    return where | asdict(one.decision) | {"likelihood": likelihood, "hits": hits}


def _heard(one: Moment) -> dict[str, Any]:
    where = {"seconds": [one.start, one.end]}
    return where | asdict(one.decision) | {"hits": [rendered(hit, {"payload"}) for hit in one.hits]}
