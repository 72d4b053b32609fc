"""`semblance serve`: start the service."""

import asyncio
import ipaddress
import logging
import math
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from subprocess import SubprocessError
from typing import Any

import click

from service.settings import Settings, SettingsInvalid, read_settings

log = logging.getLogger("semblance.serve")
BACKLOG = 2048  # connections that wait to be accepted; uvicorn's own default


def setting_flags(function: Callable[..., None]) -> Callable[..., None]:
    """Add one flag per setting, so that flag, variable and documentation cannot drift apart."""
    for name, field in reversed(Settings.model_fields.items()):
        flag = f"--{name.replace('_', '-')}"
        kind: Any = bool if field.annotation is bool else str
        words = f"{field.description} [SEMBLANCE_{name.upper()}; {field.default}]"
        function = click.option(flag, name, type=kind, default=None, help=words)(function)
    return function


@click.command("serve", short_help="Start the service.")
@setting_flags
def command(**given: Any) -> None:
    """Start the service.

    Every flag is also an environment variable; the flag wins. Without a key file the service
    listens on loopback only.
    """
    try:
        settings = read_settings(**given)
        check_host(settings)
    except SettingsInvalid as error:
        raise click.UsageError(str(error)) from error
    # After the settings, so that a typo is told at once and not after the libraries are loaded.
    from index.errors import GalleryError  # noqa: PLC0415
    from models.errors import BundleError  # noqa: PLC0415
    from service import heap, logs  # noqa: PLC0415
    from service.assembly import assemble  # noqa: PLC0415
    from service.descriptors import raise_limit  # noqa: PLC0415
    from service.errors import ServiceError  # noqa: PLC0415
    from service.keys import KeysInvalid  # noqa: PLC0415

    logs.install(settings.log_level)
    heap.keep_little()
    raise_limit(settings)
    try:
        listener = listen(settings)
        parts = assemble(settings)
    except (
        BundleError, GalleryError, KeysInvalid, ServiceError, SettingsInvalid, OSError,
    ) as error:  # fmt: skip
        raise click.ClickException(str(error)) from error
    heap.look_seldom()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(parts, listener))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Find uvloop where it is installed, else asyncio's own loop."""
    try:
        import uvloop  # noqa: PLC0415 - has no wheels for Windows
    except ImportError:
        return None
    return uvloop.new_event_loop


def check_host(settings: Settings) -> None:
    """Refuse to listen beyond loopback without keys.

    Raises:
        SettingsInvalid: telling both ways out.
    """
    if settings.keys_file is not None:
        return
    with suppress(ValueError):
        if ipaddress.ip_address(settings.host).is_loopback:
            return
    if settings.host == "localhost":
        return
    raise SettingsInvalid(
        f"host {settings.host} is reachable from outside, and no key file is set: "
        "`semblance keys add NAME --file FILE` makes one, --keys-file FILE uses it; "
        "or listen on 127.0.0.1"
    )


def listen(settings: Settings) -> socket.socket:
    """Bind the port before anything is loaded.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it. Without it a small reply waits 40 ms for the client's delayed ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)  # from here on callers wait, and are not refused
    except OSError as error:
        listener.close()
        raise OSError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; "
            "choose another with --port"
        ) from error
    return listener


async def serve(parts: Any, listener: socket.socket) -> None:
    """Serve until told to stop; missing samples are built meanwhile."""
    import uvicorn  # noqa: PLC0415 - after the settings, as above

    from service.app import create_app  # noqa: PLC0415
    from service.connections import Door  # noqa: PLC0415

    settings = parts.settings
    http: Any = Door(settings, parts.metrics)  # uvicorn calls it as it would call a class
    samples = partial(build_missing, parts) if parts.settings.samples else None
    config = uvicorn.Config(
        create_app(parts, beside=samples),
        log_config=None,
        access_log=False,
        server_header=False,
        http=http,
        ws="none",
        timeout_keep_alive=math.ceil(settings.idle_seconds_max),
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds_max),
    )
    host, port = listener.getsockname()[:2]
    models = ", ".join(sorted(parts.embedder.shelf.models))
    galleries = ", ".join(state.name for state in parts.galleries.states()) or "none yet"
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    click.echo(f"Semblance answers at {url}  (models: {models}; galleries: {galleries})", err=True)
    # uvicorn sends the signal to itself again when it has ended: a stop that was asked for is none
    # of death by signal.
    signal.signal(signal.SIGTERM, lambda *_: None)
    await uvicorn.Server(config).serve(sockets=[listener])


async def build_missing(parts: Any) -> None:
    """Build the sample galleries that this folder has not, as a client would."""
    import httpx  # noqa: PLC0415

    from service.app import create_app  # noqa: PLC0415
    from service.client import CallFailed, Client  # noqa: PLC0415
    from service.sampling import build_sample, missing  # noqa: PLC0415

    samples = await asyncio.to_thread(missing, parts.settings)
    if not samples:
        return
    transport = httpx.ASGITransport(create_app(replace(parts, keys=None)))
    async with httpx.AsyncClient(transport=transport, base_url="http://local") as http:
        for sample in samples:
            log.info("building sample gallery %s", sample.NAME)
            try:
                tally = await build_sample(Client(http), sample, parts.settings, lambda _: None)
            except (CallFailed, OSError, SubprocessError):
                log.exception("sample gallery %s was not built", sample.NAME)
                continue
            if tally is None:
                log.info("gallery %s is its user's own: no sample of that name", sample.NAME)
            else:
                log.info("sample gallery %s holds %d more", sample.NAME, tally.enrolled)
