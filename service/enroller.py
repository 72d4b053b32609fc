"""Enrolment as a use case: good exemplars stand, bad ones are named, known ones cost nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from anyio.to_thread import run_sync
from pydantic import ValidationError

from index.errors import RowsInvalid, SpaceMismatch
from index.exemplar import Exemplar, check_name, payload_json
from index.gallery import Gallery
from models.errors import InputError, ItemTooLarge
from models.modality import Item
from service.asking import Asking
from service.call import Embedded
from service.embedder import Embedder
from service.errors import DeadlineExceeded, ExemplarInvalid, ExemplarRepeated, LaneDead
from service.intake import Parsed, Vector, parse_item
from service.problems import row_of
from service.queries import Row, gated
from service.replies import first_complaint
from service.schemas import ExemplarIn


@dataclass(frozen=True, slots=True)
class Candidate:
    """An exemplar that is well formed, before its row is known."""

    position: int
    id: str
    label: str | None
    payload: dict[str, Any] | None
    item: Item | Row
    kept: dict[str, Any] | None  # the item as it came, kept so that it can be embedded again
    digest: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """An exemplar that was not enrolled."""

    position: int
    id: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of a call: how many stand, how many stood already, what was cut or refused."""

    seq: int
    enrolled: int
    unchanged: int
    truncated: list[int]
    failed: list[Failure]


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
        with asking.timings.stage("decode"):
            candidates = await run_sync(self._parse, raw, gallery.dim, failed)
        known = await run_sync(
            gallery.unchanged, [c.id for c in candidates], [c.digest for c in candidates]
        )
        fresh = [c for c, stands in zip(candidates, known, strict=True) if not stands]
        exemplars: list[Exemplar] = []
        truncated: list[int] = []
        rows = await self._rows(gallery, fresh, asking)
        for c, row in zip(fresh, rows, strict=True):
            if isinstance(row, Embedded):
                exemplars.append(Exemplar(c.id, row.row, c.label, c.payload, c.kept, c.digest))
                truncated += [c.position] * row.truncated
            else:
                failed.append(_failure(c.position, c.id, row))
        with asking.timings.stage("write"):
            if exemplars:
                seq = await run_sync(gallery.enrol, exemplars)
            else:
                seq = gallery.seq
        unchanged = len(candidates) - len(fresh)
        failed.sort(key=lambda failure: failure.position)
        return Enrolled(seq, unchanged + len(exemplars), unchanged, truncated, failed)

    def _parse(self, raw: Sequence[object], dim: int, failed: list[Failure]) -> list[Candidate]:
        candidates: list[Candidate] = []
        seen: dict[str, int] = {}
        for position, value in enumerate(raw):
            try:
                candidate = self._candidate(position, value, dim)
                first = seen.setdefault(candidate.id, position)
                if first != position:
                    raise ExemplarRepeated(
                        f"id {candidate.id!r} stands at position {first} of this call already"
                    )
            except (ExemplarInvalid, ExemplarRepeated, InputError, RowsInvalid) as error:
                failed.append(_failure(position, _id_of(value), error))
            else:
                candidates.append(candidate)
        return candidates

    def _candidate(self, position: int, value: object, dim: int) -> Candidate:
        try:
            one = ExemplarIn.model_validate(value)
        except ValidationError as error:
            complaints = error.errors(include_url=False, include_input=False)
            raise ExemplarInvalid(first_complaint(complaints, whole="exemplar")[1]) from None
        check_name(one.id, "id")
        if one.label is not None:
            check_name(one.label, "label")
        size = len((payload_json(one.payload, "payload") or "").encode())
        if size > self._payload_bytes_max:
            raise ItemTooLarge(
                f"payload has {size} bytes as JSON; the limit is {self._payload_bytes_max} "
                "(SEMBLANCE_PAYLOAD_BYTES_MAX)"
            )
        parsed = parse_item(one.item, self._item_bytes_max)
        item: Item | Row
        if isinstance(parsed, Vector):
            item, kept = gated(parsed, dim), None
        else:
            item, kept = parsed, {"text": one.item} if isinstance(one.item, str) else one.item
        digest = digest_of(one, parsed)
        return Candidate(position, one.id, one.label, one.payload, item, kept, digest)

    async def _rows(
        self, gallery: Gallery, fresh: Sequence[Candidate], asking: Asking
    ) -> list[Embedded | Exception]:
        """Make a row of each candidate, or keep the reason why there is none."""
        items = [c.item for c in fresh if isinstance(c.item, Item)]
        outcomes = iter(await self._outcomes(gallery, items, asking))
        return [
            next(outcomes)
            if isinstance(c.item, Item)
            else Embedded(c.item, cost=0, truncated=False)
            for c in fresh
        ]

    async def _outcomes(
        self, gallery: Gallery, items: Sequence[Item], asking: Asking
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
        outcomes = await self._embedder.outcomes(model, items, asking, bulk=True, role="document")
        for outcome in outcomes:
            if isinstance(outcome, LaneDead | DeadlineExceeded):
                raise outcome  # no item is at fault: all of it can be sent again
        return outcomes


def digest_of(one: ExemplarIn, item: Parsed) -> bytes:
    """Hash what an exemplar says, so that saying it again costs nothing."""
    hashed = hashlib.blake2b(digest_size=16)
    if isinstance(item, Vector):
        hashed.update(item.row.tobytes())
        spoken: list[object] = [one.label, one.payload]
    else:
        spoken = [one.label, one.payload, one.item]
    hashed.update(orjson.dumps(spoken, option=orjson.OPT_SORT_KEYS))
    return hashed.digest()


def _failure(position: int, exemplar_id: str | None, error: Exception) -> Failure:
    return Failure(position, exemplar_id, row_of(error).code, str(error))


def _id_of(value: object) -> str | None:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else None
