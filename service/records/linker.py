"""Linking over the wire: two sides, on terms, to pairs that are explained."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from index.errors import SpaceMismatch
from index.gallery import Gallery
from index.hits import Found
from index.vectors import unit_rows
from service.asking import Asking
from service.embedder import Embedder
from service.errors import SchemaInvalid
from service.records.asked import schema_for
from service.records.explain import alone, reason, told
from service.records.linking import Linked, Terms, decided, link, why_linked
from service.records.pooling import pooled
from service.records.schema import EMBEDDED, Field, Schema
from service.records.scoring import FieldScore, scored
from service.records.shelved import Shelved
from service.records.sides import (
    Exemplars,
    Failed,
    Records,
    exemplars_of,
    found_of,
    table_of,
    too_long,
)
from service.records.tables import Table
from service.settings import Settings

Side = Records | Exemplars
Sent = Sequence[object] | Gallery
VALUES = "item"  # what the field of two galleries is called


@dataclass(frozen=True, slots=True)
class LinkAsked:
    """What is to be linked.

    Args:
        fields: by which; None has them found out from the records.
        model: embeds names and texts that name no encoder.
    """

    left: Sent
    right: Sent
    fields: Sequence[Field] | None
    model: str | None
    terms: Terms


class Linker:
    """Links what a request sends, behind what others ask.

    Args:
        turns: how many link side by side; each takes all cores for a second or more.
    """

    def __init__(self, embedder: Embedder, settings: Settings, turns: CapacityLimiter) -> None:
        self._embedder, self._settings, self._turns = embedder, settings, turns

    async def link(self, asked: LinkAsked, asking: Asking) -> dict[str, Any]:
        """Link, and tell each pair field by field.

        Raises:
            RequestInvalid: a side has too many records, or the fields mean nothing.
            SpaceMismatch: two galleries of two spaces, or one that no loaded encoder embeds for.
        """
        failed: list[Failed] = []
        tables = [
            None if isinstance(sent, Gallery)
            else table_of(sent, side, self._settings, _names(asked.fields), failed)
            for side, sent in (("left", asked.left), ("right", asked.right))
        ]  # fmt: skip
        schema, notes = self._schema(asked, [one for one in tables if one is not None])
        for table in tables:
            if table is not None:
                too_long(table, schema, self._settings, failed)
        right: Side
        left = await self._side("left", asked.left, tables[0], schema, asking, failed)
        asking.check_time()
        if isinstance(asked.right, Gallery):
            right, linked = await self._in_gallery(left, asked.right, schema, asked.terms, asking)
        else:
            right = await self._side("right", asked.right, tables[1], schema, asking, failed)
            asking.check_time()
            with asking.timings.stage("search"):
                linked = await run_sync(
                    link, left.pooled, right.pooled, asked.terms, limiter=self._turns
                )
        explained = await run_sync(
            why_linked, left.pooled, right.pooled, linked.pairs, asked.terms, limiter=self._turns
        )
        return _reply(left, right, linked, explained, notes, failed)

    def _schema(self, asked: LinkAsked, tables: list[Table]) -> tuple[Schema, list[str]]:
        galleries = [one for one in (asked.left, asked.right) if isinstance(one, Gallery)]
        if not tables:
            return Schema((Field(VALUES, "vector"),)), []
        found = schema_for(tables, fields=asked.fields, model=asked.model)
        if not galleries:
            return found.schema, found.notes
        schema = self._one_thing(found.schema, galleries[0])
        return schema, [f"compared by {'; '.join(map(str, schema.fields))}"]

    def _one_thing(self, schema: Schema, gallery: Gallery) -> Schema:
        """Let all fields show one thing, in the space of a gallery.

        Raises:
            SchemaInvalid: a field is none that an encoder of that space reads.
        """
        model = self._embedder.shelf.of_gallery(gallery.space, gallery=gallery.name)
        first = schema.fields[0].name
        fields = []
        for one in schema.fields:
            if one.kind not in EMBEDDED:
                raise SchemaInvalid(
                    f"field {one.name!r} is a {one.kind}, and a gallery holds nothing to compare "
                    "it with: name in `fields` what is embedded",
                    param="fields",
                )
            modality = "image" if one.kind == "image" else "text"
            encoder = one.encoder or self._embedder.shelf.reader(model, modality).name
            of = None if one.name == first else first
            fields.append(replace(one, encoder=encoder, of=of))
        return Schema(tuple(fields))

    async def _side(
        self,
        side: str,
        sent: Sent,
        table: Table | None,
        schema: Schema,
        asking: Asking,
        failed: list[Failed],
    ) -> Side:
        if isinstance(sent, Gallery):
            return await run_sync(exemplars_of, sent, schema, side, self._settings)
        assert table is not None
        made = await pooled(table, schema, Shelved(self._embedder, asking))
        for (record, field), why in made.wrong.items():
            failed.append(Failed(side, record, field, why))
        return Records(table, made)

    async def _in_gallery(
        self, left: Side, gallery: Gallery, schema: Schema, terms: Terms, asking: Asking
    ) -> tuple[Exemplars, Linked]:
        """Find the candidates of each left record by the gallery's own index."""
        rows, at = left.pooled.rows()
        if rows.shape[1] != gallery.dim:
            raise SpaceMismatch(
                f"the rows of left have {rows.shape[1]} numbers, and those of gallery "
                f"{gallery.name!r} have {gallery.dim}: name encoders of its space, {gallery.space}"
            )

        def ask() -> tuple[Exemplars, Linked]:
            found = Found(gallery.seq, [])
            if len(rows):
                found = gallery.search(unit_rows(rows, gallery.dim), terms.k, with_vector=True)
            side, pairs = found_of(gallery, found.hits, schema)
            placed = pairs.placed(at, _every(side))
            known = scored(
                left.pooled,
                side.pooled,
                placed,
                rerank=terms.rerank,
                shared_min=terms.shared_min,
            )
            return side, decided(known, terms)

        with asking.timings.stage("search"):
            return await run_sync(ask, limiter=self._turns)


def _every(side: Exemplars) -> Any:
    return side.pooled.things[0].at


def _names(fields: Sequence[Field] | None) -> list[str] | None:
    return None if fields is None else [one.name for one in fields]


def _reply(
    left: Side,
    right: Side,
    linked: Linked,
    explained: Sequence[Sequence[FieldScore]],
    notes: Sequence[str],
    failed: Sequence[Failed],
) -> dict[str, Any]:
    """Render what was linked, and what was not."""
    pairs = []
    for at, fields in enumerate(explained):
        one, other = int(linked.pairs.left[at]), int(linked.pairs.right[at])
        likely = None if linked.probabilities is None else float(linked.probabilities[at])
        pairs.append(
            {
                "left": left.name(one),
                "right": right.name(other),
                "score": float(linked.pairs.scores[at]),
                "probability": likely,
                "shared": float(linked.shared[at]),
                "reason": reason(fields),
                "fields": [
                    told(field, left.cell(one, field.field), right.cell(other, field.field))
                    for field in fields
                ],
            }
        )
    return {
        "pairs": pairs,
        "unmatched": _unmatched(left, right, linked),
        "threshold": linked.threshold,
        "expected": None if linked.expected is None else asdict(linked.expected),
        "uncut": linked.why if linked.threshold is None else None,
        "notes": list(notes),
        "failed": [asdict(one) for one in failed],
    }


def _unmatched(left: Side, right: Side, linked: Linked) -> list[dict[str, Any]]:
    """Tell each left record that has no pair, and what is nearest to it."""
    had = set(linked.pairs.left.tolist())
    nearest = {
        int(one): (int(other), float(score))
        for one, other, score in zip(
            linked.nearest.left, linked.nearest.right, linked.nearest.scores, strict=True
        )
    }
    found = []
    for record in range(left.pooled.n):
        if record in had:
            continue
        other, score = nearest.get(record, (None, None))
        name = None if other is None else right.name(other)
        words = alone(None if name is None else str(name), score, linked.threshold)
        found.append({"left": left.name(record), "nearest": name, "score": score, "reason": words})
    return found
