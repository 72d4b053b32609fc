"""What commands that call the service share: a client, refusals in words, exit codes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.client import CallFailed, open_client
from service.settings import CALLER_KEY, SettingsInvalid, read_settings
from service.source import SourceInvalid

if TYPE_CHECKING:
    from service.builder import Rejects


LABEL_SCORE = click.option(
    "--label-score",
    type=click.Choice(["nearest", "mean"]),
    help="A label counts by its nearest exemplar, or by the mean of all. [the gallery's]",
)


class Stopped(click.ClickException):
    """The command ended before its work did; the same command goes on with it."""

    exit_code = 3


class SomeRejected(click.ClickException):
    """All was done that could be; some rows cannot become exemplars."""

    exit_code = 4


def asking_a_server(group: Callable[..., None]) -> Callable[..., None]:
    """Let a group of commands say which server they ask, for `with_client`."""

    @click.option("--server", metavar="URL", help="A running server; else the local data folder.")
    @click.option("--key", envvar=CALLER_KEY, help=f"Key for the server [{CALLER_KEY}].")
    @click.pass_context
    @wraps(group)
    def asking(ctx: click.Context, server: str | None, key: str | None) -> None:
        ctx.obj = (server, key)

    return asking


def with_client(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async command with a client, and turn refusals into a message and an exit code."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        ctx = click.get_current_context()
        server, key = ctx.obj
        own = kwargs.pop("server", None)
        server = server if own is None else own
        if server == "":  # an unset variable must not mean another gallery than the one meant
            raise click.UsageError("--server is empty; name a URL, or leave it out")

        async def connected() -> None:
            async with open_client(server, key, read_settings()) as client:
                await function(client, *args, **kwargs)

        from index.errors import GalleryError  # noqa: PLC0415 - faiss and ONNX Runtime: not for --help
        from models.errors import BundleError  # noqa: PLC0415
        from service.errors import ServiceError  # noqa: PLC0415

        try:
            asyncio.run(connected())
        except SettingsInvalid as error:
            raise click.UsageError(str(error)) from error
        except (CallFailed, GalleryError, BundleError, ServiceError, SourceInvalid) as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            raise Stopped("stopped; run the same command again to go on") from None

    return click.option("--server", metavar="URL", help="A running server.")(run)


def open_rejects(path: Path | None, gallery: str) -> "Rejects":
    """Open the file of rejects of a gallery, under its usual name unless told otherwise.

    Raises:
        UsageError: it cannot be written.
    """
    from service.builder import Rejects  # noqa: PLC0415 - for the commands that have rejects

    rejects = Rejects(path or Path(f"{gallery}.rejected.jsonl"))
    try:
        rejects.open()
    except OSError as error:
        raise click.UsageError(
            f"rejects cannot be written to {rejects.path}: {error.strerror}; name another file "
            "with --rejected"
        ) from error
    return rejects


@contextmanager
def unless_passing() -> Iterator[None]:
    """Turn failures that pass by themselves into an end from which the command can go on.

    Raises:
        Stopped: for those; others pass, as they would be refused again.
    """
    try:
        yield
    except CallFailed as error:
        if 400 <= error.status < 500:
            raise
        message = f"{error}; what was acknowledged stands: run the same command again to go on"
        raise Stopped(message) from error
