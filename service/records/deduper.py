"""Deduplication over the wire: records, on terms, to pairs and clusters."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from index.errors import ScoresInseparable
from index.linking.held import Cluster, sizes
from service.answers import check_size
from service.asking import Asking
from service.embedder import Embedder
from service.records.asked import schema_for
from service.records.deduping import Deduped, DedupeTerms, dedupe, why_deduped
from service.records.explain import cut, reason, told
from service.records.golden import chosen
from service.records.pooling import Pooled, pooled
from service.records.schema import Field
from service.records.scoring import FieldScore
from service.records.shelved import Shelved
from service.records.sides import Failed, Records, table_of, too_long
from service.settings import Settings

SIDE = "records"  # what messages call them
FEW_RECORDS = 100  # have too few pairs to tell two kinds apart by their scores
USUAL_THRESHOLD = 0.8


@dataclass(frozen=True, slots=True)
class DedupeAsked:
    """What is to be deduplicated.

    Args:
        fields: by which; None has them found out from the records.
        model: embeds names and texts that name no encoder.
        golden: whether a golden record of each cluster is told.
    """

    records: Sequence[object]
    fields: Sequence[Field] | None
    model: str | None
    terms: DedupeTerms
    golden: bool = False


class Deduper:
    """Deduplicates what a request sends, behind what others ask.

    Args:
        turns: how many go side by side; each takes all cores for a second or more.
    """

    def __init__(self, embedder: Embedder, settings: Settings, turns: CapacityLimiter) -> None:
        self._embedder, self._settings, self._turns = embedder, settings, turns

    async def dedupe(self, asked: DedupeAsked, asking: Asking) -> dict[str, Any]:
        """Put records together that are of one thing, and tell each pair field by field.

        Raises:
            RequestInvalid: too many records, or the fields mean nothing.
            ReplyTooLarge: so many candidates may not be told.
            ScoresInseparable: no threshold was given, and the scores of many records tell none.
        """
        failed: list[Failed] = []
        names = None if asked.fields is None else [one.name for one in asked.fields]
        table = table_of(asked.records, SIDE, self._settings, names, failed)
        check_size(len(asked.records), asked.terms.k, 0, self._settings)
        schema = schema_for([table], fields=asked.fields, model=asked.model)
        too_long(table, schema.schema, self._settings, failed)
        made = await pooled(table, schema.schema, Shelved(self._embedder, asking))
        for (record, field), why in made.wrong.items():
            failed.append(Failed(SIDE, record, field, why))
        asking.check_time()
        records = Records(table, made)

        def work() -> tuple[Deduped, list[list[FieldScore]], list[str]]:
            found, notes = _deduped(made, asked.terms)
            why = why_deduped(made, found.pairs, asked.terms, found.taught)
            return found, why, notes

        with asking.timings.stage("search"):
            found, why_paired, notes = await run_sync(work, limiter=self._turns)
        notes = [*schema.notes, *notes]
        return _reply(records, found, why_paired, asked.golden, notes, failed)


def _deduped(records: Pooled, terms: DedupeTerms) -> tuple[Deduped, list[str]]:
    """Deduplicate; so few records that their scores tell no threshold are cut at a usual one."""
    try:
        return dedupe(records, terms), []
    except ScoresInseparable as error:
        if records.n > FEW_RECORDS:
            raise
        note = f"cut at {USUAL_THRESHOLD}, which suits names, for want of a threshold: {error}"
        return dedupe(records, replace(terms, threshold=USUAL_THRESHOLD)), [note]


def _reply(
    records: Records,
    found: Deduped,
    why_paired: Sequence[Sequence[FieldScore]],
    golden: bool,
    notes: Sequence[str],
    failed: Sequence[Failed],
) -> dict[str, Any]:
    """Render what was found, and what could not be read."""
    clusters = [
        _cluster(one) | ({"golden": _golden(records, one)} if golden else {})
        for one in found.clusters
    ]
    return {
        "pairs": [_pair(records, found, at, fields) for at, fields in enumerate(why_paired)],
        "clusters": clusters,
        "sizes": [{"members": size, "clusters": count} for size, count in sizes(found.of).items()],
        "threshold": found.threshold,
        "expected": None if found.expected is None else asdict(found.expected),
        "notes": list(notes),
        "failed": [
            {"position": one.position, "field": one.field, "message": one.message} for one in failed
        ],
    }


def _pair(
    records: Records, found: Deduped, at: int, fields: Sequence[FieldScore]
) -> dict[str, Any]:
    left, right = int(found.pairs.left[at]), int(found.pairs.right[at])
    likely = None if found.probabilities is None else float(found.probabilities[at])
    return {
        "left": left,
        "right": right,
        "score": float(found.pairs.scores[at]),
        "probability": likely,
        "reason": reason(fields),
        "fields": [
            told(field, records.cell(left, field.field), records.cell(right, field.field))
            for field in fields
        ],
    }


def _cluster(one: Cluster) -> dict[str, Any]:
    return {
        "members": list(one.members),
        "medoid": one.medoid,
        "weakest": asdict(one.weakest),
        "diameter": asdict(one.diameter) | {"is_exact": one.is_exact},
        "chain": [asdict(link) for link in one.chain],
    }


def _golden(records: Records, one: Cluster) -> dict[str, Any]:
    """Tell the golden record of a cluster, field by field, and the record each value is from."""
    columns = records.table.columns
    choices = {
        name: chosen(cells, one.members, one.medoid)
        for name, cells in columns.items()
        if name in records.pooled.schema.names
    }
    return {
        name: {
            "value": cut(choice.value),
            "from": choice.row,
            "votes": choice.votes,
            "of": choice.of,
            "why": choice.why,
        }
        for name, choice in choices.items()
    }
