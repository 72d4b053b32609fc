"""Looking through a whole item: regions are proposed, each is identified, each thing told once."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from index.decision import Decision
from index.gallery import Gallery
from index.hits import Hit
from models.errors import InputError, ModalityUnsupported
from models.modality import Item
from models.region import Region, Regions, covered, overlap
from service.asking import Asking
from service.embedder import Embedder, ItemFailed
from service.errors import Overloaded
from service.searcher import Question, Searcher, ThresholdFrom

SAME_LABEL_MAX = 0.5  # of the smaller of two regions of one label, beyond which they are one thing
SAME_PLACE_MAX = 0.5  # overlap of two regions, beyond which what is surer is told alone
SECONDS_AT_FIRST = 0.1  # that a look is thought to take until one was timed


@dataclass(frozen=True, slots=True)
class Seen:
    """One region, what it is, and the hits that this rests on."""

    region: Region
    decision: Decision
    hits: list[Hit]


@dataclass(frozen=True, slots=True)
class Scanned:
    """What was seen in an item, the surest first.

    Args:
        place: what the place of a region is called: `box` or `seconds`.
        regions: how many were looked at.
    """

    seen: list[Seen]
    place: str
    regions: int
    seq: int
    threshold_from: ThresholdFrom


class Scanner:
    """Finds where in whole items the labels of a gallery occur.

    Args:
        queue_seconds_max: that a look may wait for those before it; the graph takes all cores, so
            that they take turns.
    """

    def __init__(self, searcher: Searcher, embedder: Embedder, *, queue_seconds_max: float) -> None:
        self._searcher, self._embedder = searcher, embedder
        self._queue_seconds_max = queue_seconds_max
        self._turn = CapacityLimiter(1)
        self._seconds = SECONDS_AT_FIRST

    async def scan(
        self,
        gallery: Gallery,
        item: Item,
        question: Question,
        asking: Asking,
        *,
        regions_max: int,
        k: int,
        margin: float | None = None,
        with_unknown: bool = False,
    ) -> Scanned:
        """Look through an item.

        Args:
            question: what is asked of each region; its items are theirs.
            with_unknown: whether regions that are nobody's are told too.

        Raises:
            ModalityUnsupported: the gallery's encoder proposes no regions.
            Overloaded: too many wait for a look.
            ItemFailed: the item is at fault.
        """
        finder = await self._finder(gallery)
        regions = await self._look(finder, item, regions_max, asking)
        asked = question.about([region.item for region in regions])
        answer = await self._searcher.identify(gallery, asked, asking, k=k, margin=margin)
        rows = zip(regions, answer.decisions, answer.hits, strict=True)
        seen = [Seen(*row) for row in rows]
        if not with_unknown:
            seen = [one for one in seen if one.decision.verdict != "unknown"]
        return Scanned(once(seen), finder.place, len(regions), answer.seq, answer.threshold_from)

    async def _finder(self, gallery: Gallery) -> Regions:
        model = self._embedder.shelf.of_gallery(gallery.space, gallery=gallery.name)
        lane = await self._embedder.shelf.lane(model)
        if lane.encoder.regions is None:
            raise ModalityUnsupported(
                f"gallery {gallery.name!r} is of encoder {model.name!r}, which proposes no regions "
                "of an item: send what is to be identified, to /identify"
            )
        return lane.encoder.regions

    async def _look(self, finder: Regions, item: Item, most: int, asking: Asking) -> list[Region]:
        wait = self._turn.statistics().tasks_waiting * self._seconds
        if wait > self._queue_seconds_max:
            raise Overloaded(
                f"the looks that wait take {wait:.1f} s and the limit is "
                f"{self._queue_seconds_max:g} s (SEMBLANCE_QUEUE_SECONDS_MAX): try again later",
                retry_after_seconds=wait,
            )

        def look() -> list[Region]:
            asking.check_time()
            started = monotonic()
            try:
                return finder.of(item, most)
            finally:
                self._seconds += 0.2 * (monotonic() - started - self._seconds)

        try:
            with asking.timings.stage("look"):
                return await run_sync(look, limiter=self._turn)
        except InputError as error:
            raise ItemFailed("item", error) from error


def once(seen: Sequence[Seen]) -> list[Seen]:
    """Tell each thing once: of regions of one label that share most of the smaller, the surest.

    The whole item comes last, so that it stands only for what no region of it was named.
    """
    kept: list[Seen] = []
    for one in sorted(seen, key=_doubt):
        if not any(_is_same(one, other) for other in kept):
            kept.append(one)
    return kept


def _doubt(one: Seen) -> tuple[bool, bool, float]:
    unknown = one.decision.verdict == "unknown"
    return unknown, one.region.likelihood == 0, -(one.decision.score or 0.0)


def _is_same(one: Seen, other: Seen) -> bool:
    if overlap(one.region, other.region) > SAME_PLACE_MAX:
        return True
    alike = one.decision.label == other.decision.label
    return alike and covered(one.region, other.region) > SAME_LABEL_MAX
