"""Enrolment as a use case: good exemplars stand, bad ones are named, known ones cost nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from anyio.to_thread import run_sync
from pydantic import ValidationError

from index.errors import ExemplarUnknown, RowsInvalid, SpaceMismatch
from index.exemplar import Exemplar, read_kept
from index.gallery import Gallery
from index.parts import part_id
from models.errors import InputError
from models.modality import Item
from service.asking import Asking
from service.call import Embedded, Outcome
from service.candidates import Candidate, Failure, Fit, candidate_of, gated
from service.complaints import first_complaint
from service.embedder import Embedder
from service.errors import DeadlineExceeded, ExemplarInvalid, ExemplarRepeated, LaneDead
from service.intake import Vector
from service.problems import row_of
from service.record import Record
from service.schemas import ExemplarIn


@dataclass(slots=True)
class Ready:
    """What can be written: exemplars; how many stand already; what was cut or refused.

    Args:
        parts: how many of the exemplars are windows of others.
    """

    exemplars: list[Exemplar]
    unchanged: int
    truncated: list[int]
    failed: list[Failure]
    parts: int = 0

    @property
    def enrolled(self) -> int:
        """How many will be enrolled, windows apart."""
        return len(self.exemplars) - self.parts


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of a call: how many stand, how many stood already, what was cut or refused.

    Args:
        parts: how many windows stand beside those that were enrolled.
    """

    seq: int
    enrolled: int
    unchanged: int
    truncated: list[int]
    failed: list[Failure]
    parts: int


class Enroller:
    """Parses, embeds and stores exemplars.

    Args:
        item_bytes_max: bytes of one item.
        payload_bytes_max: bytes of one payload as JSON.
    """

    def __init__(self, embedder: Embedder, *, item_bytes_max: int, payload_bytes_max: int) -> None:
        self._embedder = embedder
        self._item_bytes_max = item_bytes_max
        self._payload_bytes_max = payload_bytes_max

    async def enrol(self, gallery: Gallery, raw: Sequence[object], asking: Asking) -> Enrolled:
        """Enrol what can be enrolled.

        Raises:
            SpaceMismatch: there are items to embed, and the gallery's encoder is not loaded.
            GalleryError: the write as a whole was refused; nothing was acknowledged.
        """
        failed: list[Failure] = []
        raw = await self._fetched(raw)
        with asking.timings.stage("decode"):
            candidates = await run_sync(self._parse, raw, self.fit(gallery), failed)
        ready = await self.ready(gallery, candidates, asking)
        with asking.timings.stage("write"):
            seq = await run_sync(gallery.enrol, ready.exemplars)
        failed = sorted([*failed, *ready.failed], key=lambda failure: failure.position)
        enrolled = ready.unchanged + ready.enrolled
        return Enrolled(seq, enrolled, ready.unchanged, ready.truncated, failed, ready.parts)

    def fit(self, gallery: Gallery) -> Fit:
        """Tell what the candidates of a gallery must fit."""
        return Fit(gallery.dim, self._item_bytes_max, self._payload_bytes_max)

    async def ready(
        self, gallery: Gallery, candidates: Sequence[Candidate], asking: Asking
    ) -> Ready:
        """Leave out what stands already, and embed what is no row yet.

        Where only label or payload are others, the row that stands is taken.

        Raises:
            SpaceMismatch: there are items to embed, and the gallery's encoder is not loaded.
        """
        known = await run_sync(gallery.digests, [c.id for c in candidates])
        fresh = [c for c in candidates if known.get(c.id) != c.digest]
        ready = Ready([], len(candidates) - len(fresh), [], [])
        if others := [c for c in fresh if c.id in known]:
            await run_sync(_reuse, gallery, others)
        rows = await self._rows(gallery, fresh, asking)
        for c, row in zip(fresh, rows, strict=True):
            if isinstance(row, Embedded):
                ready.exemplars.append(
                    Exemplar(c.id, row.row, c.label, c.payload, c.kept, c.digest)
                )
                ready.exemplars.extend(
                    Exemplar(part_id(c.id, part.start, part.end), part.row, c.label, c.payload)
                    for part in row.parts
                )
                ready.parts += len(row.parts)
                ready.truncated.extend([c.position] * row.truncated)
            else:
                ready.failed.append(_failure(c.position, c.id, row))
        return ready

    async def _fetched(self, raw: Sequence[object]) -> Sequence[object]:
        """Put what their URLs hold in the place of the items that are named by them."""
        items = [one.get("item") if isinstance(one, dict) else None for one in raw]
        found = await self._embedder.fetched(items)
        if found is items:
            return raw
        return [
            one | {"item": item} if isinstance(one, dict) and "item" in one else one
            for one, item in zip(raw, found, strict=True)
        ]

    def _parse(self, raw: Sequence[object], fit: Fit, failed: list[Failure]) -> list[Candidate]:
        found: list[Candidate] = []
        for position, value in enumerate(raw):
            try:
                found.append(candidate_of(position, _formed(value), fit))
            except (ExemplarInvalid, InputError, RowsInvalid) as error:
                failed.append(_failure(position, _id_of(value), error))
        candidates: list[Candidate] = []
        seen: dict[str, int] = {}
        for one, wrong in gated(found, fit.dim):
            if wrong is not None:
                failed.append(_failure(one.position, one.id, wrong))
            elif (first := seen.setdefault(one.id, one.position)) != one.position:
                again = f"id {one.id!r} stands at position {first} of this call already"
                failed.append(_failure(one.position, one.id, ExemplarRepeated(again)))
            else:
                candidates.append(one)
        return candidates

    async def _rows(
        self, gallery: Gallery, fresh: Sequence[Candidate], asking: Asking
    ) -> list[Embedded | Exception]:
        """Make a row of each candidate, or keep the reason why there is none."""
        items = [c.item for c in fresh if isinstance(c.item, Item | Record)]
        outcomes = iter(await self._outcomes(gallery, items, asking))
        return [
            next(outcomes)
            if isinstance(c.item, Item | Record)
            else Embedded(c.item.row, cost=0, truncated=False)
            for c in fresh
        ]

    async def _outcomes(
        self, gallery: Gallery, items: Sequence[Item | Record], asking: Asking
    ) -> Sequence[Embedded | Exception]:
        """Embed the items; where a gallery is for vectors made elsewhere, each fails alone."""
        if not items:
            return []
        try:
            model = self._embedder.shelf.of_gallery(gallery.space, gallery=gallery.name)
        except SpaceMismatch as error:
            if gallery.model is not None:
                raise  # its encoder is not loaded: no item is at fault
            return [error] * len(items)
        outcomes: list[Outcome] = []
        at_once = model.call_items_max
        for at in range(0, len(items), at_once):
            outcomes += await self._embedder.outcomes(
                model, items[at : at + at_once], asking, bulk=True, role="document"
            )
        for outcome in outcomes:
            if isinstance(outcome, LaneDead | DeadlineExceeded):
                raise outcome  # no item is at fault: all of it can be sent again
        return outcomes


def _reuse(gallery: Gallery, candidates: Sequence[Candidate]) -> None:
    """Give those whose very item stands under their id the row that it has."""
    for one in candidates:
        if isinstance(one.item, Vector):
            continue
        if isinstance(one.item, Item) and one.item.cut is not None:
            continue  # what is cut has more rows than this one
        try:
            stands = gallery.read(one.id, with_vector=True)
        except ExemplarUnknown:
            continue
        if stands.item == read_kept(one.kept) and stands.vector is not None:
            one.item = Vector(stands.vector)


def _formed(value: object) -> dict[str, object]:
    """Pass what has the form of an exemplar.

    Raises:
        ExemplarInvalid: naming what has not.
    """
    try:
        one = ExemplarIn.model_validate(value)
    except ValidationError as error:
        complaints = error.errors(include_url=False, include_input=False)
        raise ExemplarInvalid(first_complaint(complaints, whole="exemplar")[1]) from None
    return {"id": one.id, "label": one.label, "item": one.item, "payload": one.payload}


def _failure(position: int, exemplar_id: str | None, error: Exception) -> Failure:
    return Failure(position, exemplar_id, row_of(error).code, str(error))


def _id_of(value: object) -> str | None:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else None
