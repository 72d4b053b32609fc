"""Source files, and which of them are read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from models.functions.language import suffixes

NOTEBOOK = ".ipynb"
FILE_BYTES_MAX = 1 << 20  # nobody writes a longer one by hand
NOTEBOOK_BYTES_MAX = 32 << 20  # most of it is pictures that its cells have shown
PATH_BYTES_MAX = 400  # with a symbol behind it, still an id


class Unreadable(ValueError):
    """A file cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file.

    Args:
        path: below the root of its tree, with slashes.
        size: in bytes, as far as it is known before it is read.
        read: returns its bytes; raises Unreadable or OSError.
    """

    path: str
    size: int
    read: Callable[[], bytes]


def is_source(path: str) -> bool:
    """Tell by its name whether a file may hold what is looked for."""
    suffix = PurePosixPath(path).suffix.lower()
    return suffix == NOTEBOOK or suffix in suffixes()


def check_file(path: str, size: int) -> None:
    """Refuse a file of too many bytes, or of a name that cannot be told.

    Raises:
        Unreadable: naming the limit.
    """
    most = NOTEBOOK_BYTES_MAX if path.lower().endswith(NOTEBOOK) else FILE_BYTES_MAX
    if size > most:
        raise Unreadable(f"it has {size} bytes, and up to {most} are read: split it")
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        raise Unreadable("its name is not UTF-8: rename it") from None
    if length > PATH_BYTES_MAX:
        raise Unreadable(f"its path has {length} bytes, and up to {PATH_BYTES_MAX} are read")


def told(path: str) -> str:
    """Write a path that may be no UTF-8, for messages."""
    return path.encode("utf-8", "backslashreplace").decode()
