"""What the routes stand on, made by the assembly and carried by the application."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from index.galleries import Galleries
from service.allowance import Allowance
from service.asking import Asking
from service.embedder import Embedder
from service.enroller import Enroller
from service.imports.runner import Imports
from service.keys import Keys
from service.listener import Listener
from service.metrics import Metrics
from service.scanner import Scanner
from service.searcher import Searcher
from service.settings import Settings
from service.traces import Traces


async def nothing() -> None:
    """Leave nothing, where nothing is held on the event loop."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The running service, concrete classes and all; made by :mod:`service.assembly`.

    Args:
        leave: ends what lives on the event loop, within seconds.
        close: ends the rest, from any thread.
    """

    settings: Settings
    galleries: Galleries
    embedder: Embedder
    enroller: Enroller
    imports: Imports
    searcher: Searcher
    scanner: Scanner
    listener: Listener
    metrics: Metrics
    keys: Keys | None
    close: Callable[[], None]
    leave: Callable[[], Awaitable[None]] = nothing
    allowance: Allowance | None = None
    traces: Traces | None = None


def parts_of(request: Request) -> Parts:
    """Find the parts from a request."""
    parts: Parts = request.app.state.parts
    return parts


def asking_of(request: Request) -> Asking:
    """Find who asks, by when, and its stage clock."""
    asking: Asking = request.state.asking
    return asking


# Coroutines, though they wait for nothing: FastAPI takes what is none through a thread.
async def _parts(request: Request) -> Parts:
    return parts_of(request)


async def _asking(request: Request) -> Asking:
    return asking_of(request)


PartsOf = Annotated[Parts, Depends(_parts)]
AskingOf = Annotated[Asking, Depends(_asking)]
