"""Bodies and replies larger than memory: kept in the data folder while their request lasts."""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from anyio.to_thread import run_sync

from index.errors import StoreUnavailable
from service.errors import BodyTooLarge

log = logging.getLogger("semblance.spool")
WRITTEN_AT_ONCE = 1 << 20  # a hop to another thread costs as much as to write some 100 KB


@contextmanager
def open_spool(folder: Path) -> Iterator[BinaryIO]:
    """Lend a file without a name: whatever ends the process, nothing of it stays.

    Raises:
        StoreUnavailable: the disk refused.
    """
    with told_of_disk(), TemporaryFile(dir=folder) as file:
        yield file


@contextmanager
def told_of_disk() -> Iterator[None]:
    """Tell of a disk that refuses as the index does.

    Raises:
        StoreUnavailable: the disk refused.
    """
    try:
        yield
    except OSError as error:
        log.exception("the data folder takes no file")
        raise StoreUnavailable(
            "the disk refused: nothing was acknowledged; see that the data folder has room for the "
            "file, then send it again"
        ) from error


async def spool(parts: AsyncIterator[bytes], file: BinaryIO, bytes_max: int, setting: str) -> None:
    """Write a body to a file as it comes.

    Raises:
        BodyTooLarge: it has more than `bytes_max`, which `setting` says.
        OSError: the disk refused.
    """
    held = bytearray()
    size = 0
    async for part in parts:
        size += len(part)
        if size > bytes_max:
            raise too_large(bytes_max, setting)
        held += part
        if len(held) >= WRITTEN_AT_ONCE:
            await run_sync(file.write, bytes(held))
            held.clear()
    await run_sync(file.write, bytes(held))


def check_declared(headers: Mapping[str, str], bytes_max: int, setting: str) -> None:
    """Refuse a body that says itself that it has too many bytes, before any of it is read.

    Raises:
        BodyTooLarge.
    """
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > bytes_max:
        raise too_large(bytes_max, setting)


def too_large(bytes_max: int, setting: str) -> BodyTooLarge:
    """Return the error of a body that has too many bytes."""
    return BodyTooLarge(f"the body has more than {bytes_max} bytes; raise {setting} for it")
