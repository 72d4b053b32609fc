"""Linking in Python, without a server: `merge`, `merge_knn`, `dedup`, `cluster`, `evaluate_pairs`.

Tables are lists of objects or tables of pyarrow (pandas' `to_dict("records")` gives the former, and
`pyarrow.Table.from_pandas` the latter); what comes back is a list of objects. Encoders are the
bundles of the setting SEMBLANCE_BUNDLES_DIR, opened at the first use and kept.

>>> left = [{"firm": "Acme Ltd"}, {"firm": "Zeta & Sons"}]
>>> right = [{"firm": "ZETA and Sons", "city": "Oslo"}, {"firm": "Acme Limited", "city": "Rome"}]
>>> rows = merge(left, right, on="firm", threshold=0.5)
>>> [(row["left_firm"], row["right_city"]) for row in rows]
[('Acme Ltd', 'Rome'), ('Zeta & Sons', 'Oslo')]
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from index.linking.pairs import Pairs
from service.asking import Asking
from service.assembly import open_shelf
from service.embedder import Embedder
from service.metrics import Metrics
from service.records.asked import fields_told, on_said, schema_for
from service.records.dedupe_output import DedupeOutput
from service.records.deduping import DedupeTerms, Linkage, dedupe
from service.records.learning import Label, taught
from service.records.linking import RERANK, K, Linked, Pairing, Terms, link
from service.records.output import How, Output, Side
from service.records.pooling import Encoders, Pooled, pooled
from service.records.schema import Field, Schema
from service.records.scoring import scored
from service.records.shelved import Shelved
from service.records.tables import Table
from service.records.weighing import MISSING
from service.settings import read_settings

Records = Any
"""A list of objects, or a table of pyarrow."""
T = TypeVar("T")


def merge(
    left: Records,
    right: Records,
    on: str | Sequence[str] | None = None,
    *,
    fields: Sequence[Field | Mapping[str, Any]] | None = None,
    how: How = "inner",
    pairing: Pairing = "best",
    threshold: float | None = None,
    model: str | None = None,
    k: int = K,
    rerank: float = RERANK,
    labels: Sequence[Label] = (),
    encoders: Encoders | None = None,
) -> list[dict[str, Any]]:
    """Link two tables; return a row for each pair: both records, score, probability, reason.

    Args:
        on: the columns to compare by, `"left=right"` where they are called otherwise; None takes
            all that both have.
        fields: says all of what is compared, in place of `on`.
        how: `inner` returns pairs alone, `left` and `outer` also records without any.
        pairing: `best`, `one_to_one` or `one_to_many`, see `linking.Terms`.
        threshold: the least score of a pair; None has it found from the scores.
        model: embeds names and texts.
        k: candidates of a record.
        rerank: what the distance of strings weighs, 0 to 1.
        labels: the places of two records, and whether they are of one thing: the threshold is
            learnt from these, and of 20 of either kind or more what each field weighs.
        encoders: what embeds; None takes the bundles on disk.

    Returns:
        Objects whose columns are those of both tables after `left_` and `right_`, `score`,
        `probability`, `shared`, `reason`, and `score_FIELD` of each field.

    Raises:
        SchemaInvalid, TableInvalid: what is asked cannot be compared.
    """
    terms = Terms(k, pairing, threshold, rerank, labels=labels)
    ways = _Ways(left, right, on, fields, model, encoders)
    output = ways.output(link(*ways.pooled, terms), terms, how)
    return [dict(zip(output.names, row, strict=True)) for row in output.rows()]


def merge_knn(
    left: Records,
    right: Records,
    on: str | Sequence[str] | None = None,
    *,
    k: int = 5,
    fields: Sequence[Field | Mapping[str, Any]] | None = None,
    model: str | None = None,
    rerank: float = RERANK,
    encoders: Encoders | None = None,
) -> list[dict[str, Any]]:
    """Return the k nearest right records of each left one, the best first, as `merge` does.

    >>> rows = merge_knn([{"n": "Acme"}], [{"n": "Acme Ltd"}, {"n": "Zeta"}], on="n", k=2)
    >>> [row["right_n"] for row in rows]
    ['Acme Ltd', 'Zeta']
    """
    terms = Terms(k=k, threshold=-1.0, rerank=rerank)
    ways = _Ways(left, right, on, fields, model, encoders)
    found = link(*ways.pooled, terms)
    every = found.candidates.pairs.ordered()
    rows = ways.output(found.choosing(every), terms, "inner")
    return [dict(zip(rows.names, row, strict=True)) for row in rows.rows()]


def evaluate_pairs(
    pairs: Iterable[Sequence[Mapping[str, Any]]],
    on: str | Sequence[str] | None = None,
    *,
    fields: Sequence[Field | Mapping[str, Any]] | None = None,
    model: str | None = None,
    rerank: float = RERANK,
    labels: Sequence[bool | None] | None = None,
    encoders: Encoders | None = None,
) -> list[float | None]:
    """Score pairs of records that are known already; None for a pair that shares nothing.

    Args:
        on, fields, model, rerank, encoders: as of `merge`.
        labels: of each pair whether it is of one thing, None where that is not known: of 20 of
            either kind or more it is learnt how likely pairs are of one thing, and this is the
            score; that of a labelled pair is by what was learnt of the others.

    >>> acme, oslo = {"n": "Acme"}, {"n": "Oslo"}
    >>> scores = evaluate_pairs([({"n": "Acme Ltd"}, acme), (oslo, acme)])
    >>> scores[0] > scores[1]
    True
    """
    listed = [tuple(pair) for pair in pairs]
    if not listed:
        return []
    left, right = ([dict(pair[side]) for pair in listed] for side in (0, 1))
    ways = _Ways(left, right, on, fields, model, encoders)
    return ways.side_by_side(rerank, labels)


def dedup(
    records: Records,
    on: str | Sequence[str] | None = None,
    *,
    fields: Sequence[Field | Mapping[str, Any]] | None = None,
    threshold: float | None = None,
    linkage: Linkage = "average",
    model: str | None = None,
    k: int = K,
    rerank: float = RERANK,
    missing: float = MISSING,
    labels: Sequence[Label] = (),
    encoders: Encoders | None = None,
) -> list[dict[str, Any]]:
    """Return one record for each thing: of those that are of one, the golden record.

    Args:
        on, fields, threshold, model, k, rerank, labels, encoders: as of `merge`.
        linkage: `single` or `average`, see `deduping.DedupeTerms`.
        missing: what a field counts that one of two lacks.

    Returns:
        Objects of the table's columns, `cluster`, `cluster_size` and `taken_from`.

    Raises:
        ScoresInseparable: no threshold is given, and the scores tell none.
        SchemaInvalid, TableInvalid: what is asked cannot be compared.

    >>> rows = dedup([{"n": "Acme Ltd"}, {"n": "Zeta"}, {"n": "Acme Ltd."}], threshold=0.8)
    >>> [row["n"] for row in rows]
    ['Acme Ltd.', 'Zeta']
    """
    terms = DedupeTerms(
        k, threshold, linkage=linkage, rerank=rerank, missing=missing, labels=labels
    )
    output = _deduped(records, on, fields, model, terms, encoders)
    return [dict(zip(output.golden_names, row, strict=True)) for row in output.golden_rows()]


def cluster(
    records: Records,
    on: str | Sequence[str] | None = None,
    *,
    fields: Sequence[Field | Mapping[str, Any]] | None = None,
    threshold: float | None = None,
    linkage: Linkage = "average",
    model: str | None = None,
    k: int = K,
    rerank: float = RERANK,
    missing: float = MISSING,
    labels: Sequence[Label] = (),
    encoders: Encoders | None = None,
) -> list[dict[str, Any]]:
    """Return all records in their order, each with its cluster, as `dedup` finds them.

    Returns:
        Objects of the table's columns, `cluster`, `cluster_size`, and of the record's best link
        `linked_to`, `score`, `probability` and `reason`.

    >>> rows = cluster([{"n": "Acme Ltd"}, {"n": "Zeta"}, {"n": "Acme Ltd."}], threshold=0.8)
    >>> [row["cluster"] for row in rows]
    [1, 2, 1]
    """
    terms = DedupeTerms(
        k, threshold, linkage=linkage, rerank=rerank, missing=missing, labels=labels
    )
    output = _deduped(records, on, fields, model, terms, encoders)
    return [dict(zip(output.names, row, strict=True)) for row in output.rows()]


def _deduped(
    records: Records,
    on: str | Sequence[str] | None,
    fields: Sequence[Field | Mapping[str, Any]] | None,
    model: str | None,
    terms: DedupeTerms,
    encoders: Encoders | None,
) -> DedupeOutput:
    table = Table.of(records)
    schema = schema_for(
        [table],
        fields=None if fields is None else _fields(fields),
        on=[on] if isinstance(on, str) else list(on or ()) or None,
        model=model,
    ).schema
    made = _run(_pooled(table, schema, encoders))
    return DedupeOutput(Side(table, made), dedupe(made, terms), terms)


class _Ways:
    """Two tables on their way to be compared."""

    def __init__(
        self,
        left: Records,
        right: Records,
        on: str | Sequence[str] | None,
        fields: Sequence[Field | Mapping[str, Any]] | None,
        model: str | None,
        encoders: Encoders | None,
    ) -> None:
        said = [on] if isinstance(on, str) else list(on or ())
        names, renamed = on_said(said)
        self.left, self.right = Table.of(left, "left"), Table.of(right, "right")
        tables = (self.left, self.right.renamed(renamed))
        schema = schema_for(
            tables,
            fields=None if fields is None else _fields(fields),
            on=names or None,
            model=model,
        ).schema
        made = [_run(_pooled(table, schema, encoders)) for table in tables]
        self.pooled: tuple[Pooled, Pooled] = (made[0], made[1])

    def output(self, linked: Linked, terms: Terms, how: How) -> Output:
        """Put the tables together again."""
        return Output(
            Side(self.left, self.pooled[0]), Side(self.right, self.pooled[1]), linked, terms, how
        )

    def side_by_side(
        self, rerank: float, labels: Sequence[bool | None] | None = None
    ) -> list[float | None]:
        """Score the records that stand at the same place."""
        n = self.pooled[0].n
        said = [(at, at, same) for at, same in enumerate(labels or []) if same is not None]

        def score(pairs: Pairs) -> Pairs:
            return scored(*self.pooled, pairs, rerank=rerank).pairs

        found = score(Pairs.of(range(n), range(n), [0.0] * n))
        learnt = taught(*self.pooled, said, score)
        known = dict(zip(found.left.tolist(), found.scores.tolist(), strict=True))
        if learnt is not None and learnt.judge is not None:
            judged = learnt.rescored(found)
            known |= zip(judged.left.tolist(), judged.scores.tolist(), strict=True)
            known |= zip(learnt.pairs.left.tolist(), learnt.scores.tolist(), strict=True)
        return [known.get(at) for at in range(n)]


def _fields(fields: Sequence[Field | Mapping[str, Any]]) -> list[Field]:
    return [one if isinstance(one, Field) else fields_told([one])[0] for one in fields]


async def _pooled(table: Table, schema: Schema, encoders: Encoders | None) -> Pooled:
    return await pooled(table, schema, encoders or Shelved(_embedder(), Asking()))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Start the event loop on which encoders are asked; a notebook has one of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="records", daemon=True).start()
    return loop


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()


@cache
def _embedder() -> Embedder:
    """Describe the bundles on disk; each is opened when it is asked."""
    settings = read_settings()
    shelf = open_shelf(settings, Metrics(), lambda: None, asleep=True)
    return Embedder(shelf, interactive_items_max=settings.interactive_items_max)
