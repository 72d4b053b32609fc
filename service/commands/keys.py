"""`semblance keys`: who may call."""

from pathlib import Path

import click

from service.keys import KeysInvalid, add_key
from service.settings import SettingsInvalid, read_settings


@click.group("keys", short_help="Make keys for callers.")
def command() -> None:
    """Make keys for callers; the key file holds their hashes only."""


@command.command("add")
@click.argument("name")
@click.option(
    "--file", "path", type=click.Path(path_type=Path, dir_okay=False), help="The key file."
)
def add(name: str, path: Path | None) -> None:
    """Make a key for NAME and print it, once: it is stored as a hash."""
    try:
        path = path or read_settings().keys_file
        if path is None:
            raise click.UsageError("name the key file: --file FILE, or SEMBLANCE_KEYS_FILE")
        click.echo(add_key(path, name))
    except (KeysInvalid, SettingsInvalid, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"added {name!r} to {path}; restart the service to use it", err=True)
