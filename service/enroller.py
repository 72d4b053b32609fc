"""Enrolment as a use case: good exemplars stand, bad ones are named, known ones cost nothing."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from anyio.to_thread import run_sync
from pydantic import ValidationError

from index.errors import RowsInvalid
from index.exemplar import Exemplar, check_name
from index.gallery import Gallery
from models.errors import InputError, ItemTooLarge
from service.embedder import Embedder, ItemFailed
from service.intake import Parsed, Vector, parse_item
from service.lane import Embedded, Outcome
from service.problems import row_of
from service.queries import gated
from service.replies import first_complaint
from service.schemas import ExemplarIn
from service.timings import Timings


@dataclass(frozen=True, slots=True)
class Candidate:
    """An exemplar that is well formed, before its row is known."""

    position: int
    id: str
    label: str | None
    payload: dict[str, Any] | None
    item: Parsed
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
        payload_bytes_max: bytes of one payload as JSON.
    """

    def __init__(self, embedder: Embedder, *, payload_bytes_max: int) -> None:
        self._embedder = embedder
        self._payload_bytes_max = payload_bytes_max

    async def enrol(self, gallery: Gallery, raw: Sequence[object], timings: Timings) -> Enrolled:
        """Enrol what can be enrolled.

        Raises:
            SpaceMismatch: there are items to embed, and no loaded encoder makes the space.
            GalleryError: the write as a whole was refused; nothing was acknowledged.
        """
        failed: list[Failure] = []
        with timings.stage("decode"):
            candidates = await run_sync(self._parse, raw, failed)
        known = await run_sync(
            gallery.unchanged, [c.id for c in candidates], [c.digest for c in candidates]
        )
        fresh = [c for c, stands in zip(candidates, known, strict=True) if not stands]
        exemplars: list[Exemplar] = []
        truncated: list[int] = []
        rows = await self._rows(gallery, fresh, timings)
        for c, row in zip(fresh, rows, strict=True):
            if isinstance(row, Embedded):
                exemplars.append(Exemplar(c.id, row.row, c.label, c.payload, c.kept, c.digest))
                truncated += [c.position] * row.truncated
            else:
                failed.append(_failure(c.position, c.id, row))
        with timings.stage("write"):
            if exemplars:
                seq = await run_sync(gallery.enrol, exemplars)
            else:
                seq = gallery.state().seq
        unchanged = len(candidates) - len(fresh)
        failed.sort(key=lambda failure: failure.position)
        return Enrolled(seq, unchanged + len(exemplars), unchanged, truncated, failed)

    def _parse(self, raw: Sequence[object], failed: list[Failure]) -> list[Candidate]:
        candidates: list[Candidate] = []
        seen: dict[str, int] = {}
        for position, value in enumerate(raw):
            try:
                candidate = self._candidate(position, value)
            except (ValidationError, InputError, RowsInvalid) as error:
                failed.append(_failure(position, _id_of(value), error))
                continue
            first = seen.setdefault(candidate.id, position)
            if first != position:
                message = f"id {candidate.id!r} stands at position {first} of this call already"
                failed.append(Failure(position, candidate.id, "id_repeated", message))
            else:
                candidates.append(candidate)
        return candidates

    def _candidate(self, position: int, value: object) -> Candidate:
        one = ExemplarIn.model_validate(value)
        check_name(one.id, "id")
        if one.label is not None:
            check_name(one.label, "label")
        payload = b"" if one.payload is None else orjson.dumps(one.payload)
        if len(payload) > self._payload_bytes_max:
            raise ItemTooLarge(
                f"payload has {len(payload)} bytes as JSON; the limit is {self._payload_bytes_max} "
                "(SEMBLANCE_PAYLOAD_BYTES_MAX)"
            )
        item = parse_item(one.item)
        kept = None
        if not isinstance(item, Vector):
            kept = {"text": one.item} if isinstance(one.item, str) else dict(one.item)
        return Candidate(position, one.id, one.label, one.payload, item, kept, digest_of(one, item))

    async def _rows(
        self, gallery: Gallery, fresh: Sequence[Candidate], timings: Timings
    ) -> list[Embedded | Exception]:
        """Make a row of each candidate, or keep the reason why there is none."""
        items = [c.item for c in fresh if not isinstance(c.item, Vector)]
        outcomes: Iterator[Outcome] = iter(())
        if items:
            lane = self._embedder.lane_of_space(gallery.space, gallery=gallery.name)
            made = await self._embedder.outcomes(lane, items, timings, role="document")
            outcomes = iter(made)
        rows: list[Embedded | Exception] = []
        for c in fresh:
            if not isinstance(c.item, Vector):
                rows.append(next(outcomes))
                continue
            try:
                rows.append(Embedded(gated(c.item, gallery.dim, "item"), 0, truncated=False))
            except ItemFailed as error:
                rows.append(error.cause)
        return rows


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
    if isinstance(error, ValidationError):
        _, message = first_complaint(error.errors(include_url=False, include_input=False))
        return Failure(position, exemplar_id, "exemplar_invalid", message)
    return Failure(position, exemplar_id, row_of(error).code, str(error))


def _id_of(value: object) -> str | None:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else None
