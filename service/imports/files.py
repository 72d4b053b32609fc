"""Where files that were sent lie until their import has ended."""

import os
import secrets
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from anyio.to_thread import run_sync

from index.database import sync
from service.spool import spool, told_of_disk

FOLDER = "imports"
SETTING = "SEMBLANCE_IMPORT_BYTES_MAX"


class Files:
    """A folder of such files, of which those in nobody's hands are swept away.

    Args:
        folder: the data folder.
        bytes_max: bytes of one file.
    """

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._folder, self.bytes_max = folder / FOLDER, bytes_max
        self._arriving: set[str] = set()

    def path(self, name: str) -> Path:
        """Tell where a file lies."""
        return self._folder / name

    @asynccontextmanager
    async def received(self, parts: AsyncIterator[bytes], suffix: str) -> AsyncIterator[str]:
        """Write what comes to a file, and lend its name once it is on disk; it is the caller's.

        Raises:
            BodyTooLarge: it has too many bytes.
            StoreUnavailable: the disk refused.
        """
        name = f"{secrets.token_hex(8)}{suffix}"
        self._arriving.add(name)
        try:
            await self._write(name, parts)
            yield name
        except BaseException:
            self.path(name).unlink(missing_ok=True)
            raise
        finally:
            self._arriving.discard(name)

    def sweep(self, kept: Callable[[], Collection[str]]) -> None:
        """Remove the files that neither arrive nor are kept, as is asked afterwards."""
        held = set(self._arriving)
        held.update(kept())
        for path in self._folder.glob("*"):
            if path.name not in held and path.name not in self._arriving:
                path.unlink(missing_ok=True)

    async def _write(self, name: str, parts: AsyncIterator[bytes]) -> None:
        with told_of_disk():
            await run_sync(lambda: self._folder.mkdir(parents=True, exist_ok=True))
            with self.path(name).open("wb") as file:
                await spool(parts, file, self.bytes_max, SETTING)
                file.flush()
                await run_sync(os.fsync, file.fileno())
            await run_sync(sync, self._folder)
