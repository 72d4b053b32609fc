"""Off the event loop what is long, and only that."""

from collections.abc import Callable
from typing import TypeVar

from anyio.to_thread import run_sync

T = TypeVar("T")


async def off_loop(work: Callable[[], T], *, long: bool) -> T:
    """Do work in a thread where others would have to wait for it, else at once.

    The way through a thread costs a tenth of a millisecond: much, for a question of one vector.
    """
    return await run_sync(work) if long else work()
