"""Snapshots between a service and a file of the caller's."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from index.snapshot import Head, checked
from service.arriving import arriving
from service.client import Client, gallery_path

PART_BYTES = 1 << 20


async def fetch(client: Client, gallery: str, path: Path) -> Head:
    """Take a snapshot into a file, which gets its name when all of it is there and checked.

    Raises:
        CallFailed: refused, or broken off.
        SnapshotCorrupt: it did not arrive as it was sent.
        OSError: the file cannot be written.
    """
    with arriving(path) as file:
        await client.download("POST", f"{gallery_path(gallery)}/snapshot", file)
        return checked(file, _go_on)


async def send(client: Client, gallery: str, path: Path, *, replace: bool) -> dict[str, Any]:
    """Restore the snapshot in a file, and return the state of the gallery that it became.

    Raises:
        SnapshotCorrupt: it is none, or damaged; nothing was sent.
        CallFailed: refused, or no answer.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        checked(file, _go_on)
        file.seek(0)

        async def parts() -> AsyncIterator[bytes]:
            while part := file.read(PART_BYTES):
                yield part

        query = "?replace=true" if replace else ""
        state: dict[str, Any] = await client.upload(
            f"{gallery_path(gallery)}/restore{query}", parts()
        )
        return state


def _go_on() -> None:
    """Let it go on: nobody waits for it by a deadline."""
