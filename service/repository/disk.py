"""Source files on disk, read without following any link."""

import os
import stat
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from service.repository.files import SourceFile, Unreadable, check_file, is_source, told


def files_below(
    root: Path, paths: Iterable[str], unread: list[tuple[str, str]]
) -> list[SourceFile]:
    """Choose the source files among paths below a folder.

    A link is passed over: what it leads to inside is found at its own place, and what is outside is
    no part of the folder.

    Args:
        unread: gets the files that are too large, or that cannot be looked at.
    """
    real = Path(os.path.realpath(root))
    found = []
    for path in sorted(filter(is_source, paths)):
        try:
            status = os.lstat(real / path)
            if not stat.S_ISREG(status.st_mode) or not _is_inside(real, path):
                continue
            check_file(path, status.st_size)
        except FileNotFoundError:
            continue  # git still has it
        except Unreadable as error:
            unread.append((told(path), str(error)))
        except OSError as error:
            unread.append((told(path), str(error.strerror)))
        else:
            found.append(SourceFile(path, status.st_size, partial(_read, real, path)))
    return found


def _is_inside(real: Path, path: str) -> bool:
    """Tell that no folder on the way to a file is a link."""
    folder = (real / path).parent
    return os.path.realpath(folder) == str(folder)


def _read(real: Path, path: str) -> bytes:
    if not _is_inside(real, path):
        raise Unreadable("a folder above it has become a link")
    opened = os.open(real / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(opened, "rb") as file:
        check_file(path, os.fstat(file.fileno()).st_size)
        return file.read()
