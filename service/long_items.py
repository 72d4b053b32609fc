"""Items that are longer than an encoder takes in: cut into windows, all of which are embedded."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from anyio.to_thread import run_sync
from numpy.typing import NDArray

from models.errors import InputError, ItemEmpty, ModalityUnsupported
from models.modality import Cut, Item
from models.window import Window, Windows
from service.asking import Asking
from service.call import Embedded, Outcome, Part
from service.errors import DeadlineExceeded, LaneDead, ServiceError

WINDOWS_AT_ONCE = 64  # cut, and in the lane; 4 s of sound in 16 bits are 8 MB
SOFT = 0.01  # of the loudest window's level (40 dB): what is softer is as good as silence
Embed = Callable[[Sequence[Item]], Awaitable[Sequence[Outcome]]]


@dataclass(frozen=True, slots=True)
class Lengths:
    """What a long item may be: its seconds, and the windows it is cut into."""

    seconds_max: float = 3600.0
    windows_max: int = 100_000


async def parts_of(
    windows: Windows, item: Item, cut: Cut, lengths: Lengths, embed: Embed, asking: Asking
) -> AsyncIterator[list[Part]]:
    """Yield the windows of an item with their rows, some at a time, while it is decoded.

    Args:
        embed: embeds some windows, as bulk work.

    Raises:
        InputError: the item is at fault.
        ServiceError: no item is.
    """

    def some() -> list[Window]:
        asking.check_time()
        return list(islice(every, WINDOWS_AT_ONCE))

    def opened() -> Iterator[Window]:
        most = lengths.windows_max
        return windows.of(item, cut, seconds_max=lengths.seconds_max, windows_max=most)

    every = await run_sync(opened)
    while found := await run_sync(some):
        outcomes = await embed([one.item for one in found])
        rows = [row for row in zip(found, outcomes, strict=True) if not _is_silent(row[1])]
        yield [Part(one.start, one.end, _row(outcome), one.weight) for one, outcome in rows]


def _is_silent(outcome: Outcome) -> bool:
    return isinstance(outcome, ItemEmpty)


def _row(outcome: Outcome) -> NDArray[np.float32]:
    if isinstance(outcome, InputError | ServiceError):
        raise outcome
    return outcome.row


async def embedded(
    windows: Windows | None,
    item: Item,
    lengths: Lengths,
    embed: Embed,
    asking: Asking,
    *,
    cost: int,
) -> Outcome:
    """Embed an item by all of its windows: a row of each, and one of the whole, pooled of them.

    Args:
        cost: of one window.
    """
    if windows is None:
        return ModalityUnsupported(
            "this encoder takes an item in at once, whatever its length: leave 'windows' out"
        )
    assert item.cut is not None
    parts: list[Part] = []
    try:
        async for some in parts_of(windows, item, item.cut, lengths, embed, asking):
            parts += some
    except (LaneDead, DeadlineExceeded):
        raise  # no item is at fault
    except (InputError, ServiceError) as error:
        return error
    if not parts:
        return ItemEmpty("the sound is silent all over; send one in which something is heard")
    loud = heard(parts)
    return Embedded(pooled(loud), cost=cost * len(parts), truncated=False, parts=loud)


def heard(parts: Sequence[Part]) -> list[Part]:
    """Leave out what is silence beside the loudest window."""
    floor = SOFT * max(one.weight for one in parts)
    return [one for one in parts if one.weight >= floor]


def pooled(parts: Sequence[Part]) -> NDArray[np.float32]:
    """Return the unit row (dim,) of a whole: the mean of its windows' rows, each by how loud it is.

    What is heard of a long recording is not evenly spread over it: a mean that gives all windows
    one weight is drawn to pauses. Source: CoLLAP (arXiv:2410.02271) pools by learnt weights; these
    are the windows' root mean squares.
    """
    rows = np.stack([one.row for one in parts]).astype(np.float64)
    weights = np.array([one.weight for one in parts])
    whole = weights @ rows / weights.sum()
    length = float(np.linalg.norm(whole))
    if length < 1e-6:  # they cancel each other: nothing of them all is left to tell
        return parts[int(np.argmax(weights))].row
    return np.asarray(whole / length, np.float32)
