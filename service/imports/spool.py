"""Where files that were sent lie until their import has ended."""

import os
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import RawIOBase
from pathlib import Path

from anyio.to_thread import run_sync

from index.database import sync
from index.errors import StoreUnavailable

FOLDER = "imports"
PART_BYTES = 1 << 20  # written at once, in a thread: a slow disk holds no request up


class Spool:
    """A folder of such files, of which those in nobody's hands are swept away.

    Args:
        folder: the data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._arriving: set[str] = set()

    def path(self, name: str) -> Path:
        """Tell where a file lies."""
        return self._folder / name

    @asynccontextmanager
    async def received(self, parts: AsyncIterator[bytes], suffix: str) -> AsyncIterator[str]:
        """Write what comes to a file, and lend its name once it is on disk; it is the caller's.

        Raises:
            StoreUnavailable: the disk refused.
        """
        name = f"{secrets.token_hex(8)}{suffix}"
        self._arriving.add(name)
        try:
            with refused(self._folder):
                await run_sync(lambda: self._folder.mkdir(parents=True, exist_ok=True))
                with self.path(name).open("wb", buffering=0) as file:
                    async for part in _gathered(parts):
                        await run_sync(_write, file, part)
                    await run_sync(os.fsync, file.fileno())
                await run_sync(sync, self._folder)
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


def _write(file: RawIOBase, part: bytes) -> None:
    """Write it all: at a full disk less is written than was asked, and only then refused."""
    left = memoryview(part)
    while left:
        left = left[file.write(left) or 0 :]


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Tell of a disk that refuses as the index does."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(
            f"the disk refused {path}: {error.strerror}; see that the data folder has room "
            "and is writable, then send it again"
        ) from error


async def _gathered(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    held: list[bytes] = []
    size = 0
    async for part in parts:
        held.append(part)
        size += len(part)
        if size >= PART_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
