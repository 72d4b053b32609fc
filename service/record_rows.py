"""Items and the parts of records, embedded together, and put together again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from models.errors import InputError, ItemUndecodable
from models.modality import Item
from service.call import Embedded, Outcome
from service.errors import EncodeFailed
from service.record import Record, RecordPart, named, pooled_row


@dataclass(frozen=True, slots=True, eq=False)
class PooledRow(Embedded):
    """A record's embedding; `cost` is that of all parts, `costs` tells it by modality."""

    costs: Mapping[str, int] = field(default_factory=dict)


def flattened(items: Sequence[Item | Record]) -> list[Item]:
    """List what is to be embedded: each item, of a record each part."""
    return [
        one
        for item in items
        for one in ([item] if isinstance(item, Item) else [part.item for part in item.parts])
    ]


def joined(items: Sequence[Item | Record], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Give each item its outcome, each record that of its parts, in the order of `flattened`."""
    left = iter(outcomes)
    return [
        next(left)
        if isinstance(item, Item)
        else _of_record(item.parts, [next(left) for _ in item.parts])
        for item in items
    ]


def _of_record(parts: Sequence[RecordPart], outcomes: Sequence[Outcome]) -> Outcome:
    """Pool the rows of a record's parts; what is wrong with one is wrong with the record."""
    embedded: list[Embedded] = []
    for part, outcome in zip(parts, outcomes, strict=True):
        if isinstance(outcome, InputError):
            return named(part.field, outcome)
        if isinstance(outcome, EncodeFailed):
            return EncodeFailed(f"record field {part.field!r}: {outcome}")
        if not isinstance(outcome, Embedded):
            return outcome
        embedded.append(outcome)
    row = pooled_row([one.row for one in embedded], [part.weight for part in parts])
    if row is None:
        return ItemUndecodable("the parts of the record cancel each other out; weigh one more")
    costs: dict[str, int] = {}
    for part, one in zip(parts, embedded, strict=True):
        costs[part.item.modality] = costs.get(part.item.modality, 0) + one.cost
    truncated = any(one.truncated for one in embedded)
    return PooledRow(row, sum(costs.values()), truncated, costs=costs)


def costs_of(
    items: Sequence[Item | Record], embedded: Sequence[Embedded]
) -> Iterator[tuple[str, int]]:
    """Tell what was embedded, by modality."""
    for item, one in zip(items, embedded, strict=True):
        if isinstance(one, PooledRow):
            yield from one.costs.items()
        elif isinstance(item, Item):
            yield item.modality, one.cost
