"""How long a request may take, and what ends it before: its deadline, or its caller who goes."""

import asyncio
from collections.abc import Awaitable

import anyio
from starlette.datastructures import Headers
from starlette.types import Receive

from service.asking import DEADLINE, late
from service.bodies import ClientGone
from service.errors import RequestInvalid

WATCH_AFTER_SECONDS = 0.01  # most answers are ready sooner: to watch costs a task for each


def patience_seconds(headers: Headers, seconds_max: float) -> float:
    """Tell how many seconds the answer may take: the caller's word, within the service's.

    Raises:
        RequestInvalid: the header is no number of milliseconds.
    """
    asked = headers.get(DEADLINE)
    if asked is None:
        return seconds_max
    if not (asked.isascii() and asked.isdigit() and int(asked[:18])):
        raise RequestInvalid(
            f"{DEADLINE} is {asked[:40]!r}; send the milliseconds that you wait, as a whole number "
            "above 0",
            param=DEADLINE,
        )
    return min(seconds_max, int(asked[:18]) / 1000)


async def unless_gone(work: Awaitable[None], receive: Receive, *, seconds: float) -> None:
    """Do the work of a request whose body has been read; end it when the caller goes, or in time.

    It ends at its next wait for anything but a thread: a thread cannot be ended, and one that
    nobody waited for would leave its place among the few to the next.

    Raises:
        ClientGone: the caller went first.
        DeadlineExceeded: the time was over first.
    """
    loop = asyncio.get_running_loop()
    scope = anyio.CancelScope(deadline=loop.time() + seconds)
    gone = False
    watching: asyncio.Task[None] | None = None

    async def watch() -> None:
        # After the body, the next thing to be received is that the caller has gone.
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        scope.cancel()

    def begin() -> None:
        nonlocal watching
        watching = asyncio.ensure_future(watch())

    beginning = loop.call_later(WATCH_AFTER_SECONDS, begin)
    try:
        with scope:
            await work
    finally:
        beginning.cancel()
        if watching is not None:
            watching.cancel()
    if scope.cancelled_caught:
        if gone:
            raise ClientGone
        raise late()
