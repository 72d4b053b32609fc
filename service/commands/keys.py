"""`semblance keys`: who may call, for what."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.key_file import add_key, list_keys, revoke_key
from service.keys import SCOPES, SCOPES_USUAL, Key, KeysInvalid
from service.settings import SettingsInvalid, read_settings

TAKEN_UP = "a running service takes it up within a second"
BOUND = click.IntRange(min=0)


def key_file_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--file`."""
    kind = click.Path(path_type=Path, dir_okay=False)
    words = "The key file [SEMBLANCE_KEYS_FILE]."
    return click.option("--file", "given", type=kind, help=words)(function)


@contextmanager
def key_file(given: Path | None) -> Iterator[Path]:
    """Find the key file, and tell what is wrong with it."""
    try:
        path = given or read_settings().keys_file
        if path is None:
            raise click.UsageError("name the key file: --file FILE, or SEMBLANCE_KEYS_FILE")
        yield path
    except (KeysInvalid, SettingsInvalid, OSError) as error:
        raise click.ClickException(str(error)) from error


@click.group("keys", short_help="Make, list and revoke keys for callers.")
def command() -> None:
    """Make, list and revoke keys for callers; the key file holds their hashes only.

    A running service takes up what changes within a second.

    \b
    Examples:
      semblance keys add shop --gallery 'shop-*' --days 365
      semblance keys add prometheus --scope metrics
      semblance keys add trial --scope search --requests-per-minute 60
      semblance keys revoke trial
    """


@command.command("add")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES),
    help=f"What the key is for; give it once for each. [{', '.join(SCOPES_USUAL)}]",
)  # fmt: skip
@click.option(
    "--gallery", "galleries", multiple=True, metavar="PATTERN",
    help="Galleries that the key is for, as `shop-*`; give it once for each. [*]",
)  # fmt: skip
@click.option("--days", type=click.IntRange(1, 36_500), help="Days until the key expires. [never]")
@click.option(
    "--requests-per-minute", type=BOUND,
    help="0 is any number. [what the service's SEMBLANCE_KEY_REQUESTS_PER_MINUTE says]",
)  # fmt: skip
@click.option(
    "--requests-at-once", type=BOUND,
    help="0 is any number. [what the service's SEMBLANCE_KEY_REQUESTS_AT_ONCE says]",
)  # fmt: skip
@key_file_option
def add(name: str, days: int | None, given: Path | None, **stated: Any) -> None:
    """Make a key for NAME and print it, once: it is stored as a hash.

    \b
    Scopes:
      embed    embeddings, the list of models, verify with a model
      search   search, identify, verify with a gallery, reading galleries
      write    create and delete galleries, enrol, remove, calibrate
      metrics  /metrics
      admin    all of these, and loading and unloading models
    """
    fields = {field: value for field, value in stated.items() if value not in (None, ())}
    if days is not None:
        fields["expires_at"] = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    with key_file(given) as path:
        click.echo(add_key(path, name, **fields))
        click.echo(f"added {name!r} to {path}; {TAKEN_UP}", err=True)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@key_file_option
def list_all(as_json: bool, given: Path | None) -> None:
    """List the keys: names, scopes, galleries, expiry and bounds; never the secrets."""
    with key_file(given) as path:
        keys = list_keys(path)
    if as_json:
        rows = [key.model_dump(mode="json", exclude={"sha256"}) for key in keys]
        click.echo(json.dumps({"keys": rows}))
        return
    table = Table("name", "scopes", "galleries", "expires (UTC)", "a minute", "at once", box=None)
    for key in keys:
        table.add_row(*map(escape, columns(key, datetime.now(UTC))))  # a pattern may have brackets
    Console().print(table)


@command.command("revoke")
@click.argument("name")
@key_file_option
def revoke(name: str, given: Path | None) -> None:
    """Remove the key of NAME, for good."""
    with key_file(given) as path:
        left = revoke_key(path, name)
        click.echo(f"revoked {name!r} in {path}; {TAKEN_UP}", err=True)
    if not left:
        click.echo("no key is left: nobody may call", err=True)


def columns(key: Key, now: datetime) -> list[str]:
    """Write a key as the table has it."""
    expires = "never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d %H:%M}"
    bounds = (key.requests_per_minute, key.requests_at_once)
    told = ["the usual" if bound is None else str(bound or "any") for bound in bounds]
    expires += " (expired)" if key.expired(now) else ""
    return [key.name, ", ".join(key.scopes), ", ".join(key.galleries), expires, *told]
