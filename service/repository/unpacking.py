"""The members of archives, in their order, with no more unpacked at once than a member may have."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from service.repository.files import Unreadable

_OPENERS: dict[str, Callable[[Path], Any]] = {
    ".tar": partial(Path.open, mode="rb"),
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.bz2": bz2.open,
    ".tar.xz": lzma.open,
}
TAR_SUFFIXES = tuple(_OPENERS)
UNPACKED_BYTES_MAX = 32 << 30  # of all members, wanted or not: some minutes of work
READ_BYTES_MAX = 64 << 20  # at once: no header and no file that is read is larger
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError)


class TooMuch(ValueError):
    """An archive unpacks to more than is read; the message says what."""


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file in an archive; `read(size)` returns its bytes, or raises Unreadable."""

    path: str
    size: int
    read: Callable[[int], bytes]


@contextmanager
def members(path: Path) -> Iterator[tuple[str, Iterator[Member]]]:
    """Open an archive; lend its comment and its members, each to be read before the next.

    Raises:
        OSError, ValueError, zipfile.BadZipFile, tarfile.TarError, EOFError: it is none.
        TooMuch: also while members are read.
    """
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            yield archive.comment.decode("ascii", "replace"), _of_zip(archive)
        return
    suffix = next(one for one in TAR_SUFFIXES if path.name.lower().endswith(one))
    with _OPENERS[suffix](path) as file:
        bounded = cast(BinaryIO, _Bounded(file))
        with tarfile.open(fileobj=bounded, mode="r:") as archive:
            yield str(archive.pax_headers.get("comment", "")), _of_tar(archive)


def _of_zip(archive: zipfile.ZipFile) -> Iterator[Member]:
    for info in archive.infolist():
        is_link = info.external_attr >> 28 == 0o12

        def read(size: int, info: zipfile.ZipInfo = info) -> bytes:
            try:
                with archive.open(info) as member:
                    content = member.read(size + 1)
            except (*DAMAGED, NotImplementedError, RuntimeError) as error:
                raise Unreadable(f"it cannot be taken out of the archive: {error}") from None
            return _whole(content, size)

        if not info.is_dir() and not is_link:
            yield Member(info.filename, info.file_size, read)


def _of_tar(archive: tarfile.TarFile) -> Iterator[Member]:
    while (info := archive.next()) is not None:
        vars(archive)["members"] = []  # it would keep them all

        def read(size: int, info: tarfile.TarInfo = info) -> bytes:
            member = archive.extractfile(info)
            assert member is not None
            return _whole(member.read(size + 1), size)

        if info.isreg() and not info.issparse():
            yield Member(info.name, info.size, read)


def _whole(content: bytes, size: int) -> bytes:
    if len(content) != size:
        raise Unreadable("it has not as many bytes as the archive says")
    return content


class _Bounded:
    """What tarfile reads from: forward only, so much at once, and so much in all."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= READ_BYTES_MAX:
            raise TooMuch(f"it wants {size} bytes at once, and {READ_BYTES_MAX} are read")
        return self._file.read(size)

    def seek(self, place: int) -> int:
        if place > UNPACKED_BYTES_MAX:
            raise TooMuch(f"more than {UNPACKED_BYTES_MAX} bytes when unpacked")
        return self._file.seek(place)

    def tell(self) -> int:
        return self._file.tell()
