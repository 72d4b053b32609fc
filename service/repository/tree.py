"""The port to a tree of source files, and the catalog of its kinds: a module of `trees/` is one."""

import importlib
import pkgutil
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import unquote, urlsplit

from service.repository import trees
from service.repository.files import SourceFile
from service.source import SourceInvalid


@dataclass(slots=True)
class Tree:
    """The source files of one place.

    Args:
        commit: what the place says that it is a copy of; None where it does not.
        unread: places that could not be looked into, each with the reason.
        is_whole: whether what is not in `files` is not there.
    """

    name: str
    files: list[SourceFile]
    commit: str | None = None
    unread: list[tuple[str, str]] = field(default_factory=list)
    is_whole: bool = True


class Kind(Protocol):
    """One kind of place; a module of `service/repository/trees/`."""

    kind: str
    """What it is, for messages."""

    def recognises(self, path: Path) -> bool:
        """Tell whether what stands there is of this kind; no two kinds agree."""
        ...

    def opened(self, path: Path) -> AbstractContextManager[Tree]:
        """Find its files, which can be read while the context lasts.

        Raises:
            SourceInvalid: nothing of it can be read.
        """
        ...


def kinds() -> list[Kind]:
    """Import every file of ``service/repository/trees``."""
    names = sorted(module.name for module in pkgutil.iter_modules(trees.__path__))
    return [cast(Kind, importlib.import_module(f"{trees.__name__}.{name}")) for name in names]


def open_tree(place: str) -> AbstractContextManager[Tree]:
    """Open what stands at a path, or a `file://` URL.

    Raises:
        SourceInvalid: nothing, or nothing that is read here.
    """
    path = path_of(place)
    if not path.exists():
        raise SourceInvalid(f"{place} does not exist")
    for one in kinds():
        if one.recognises(path):
            return one.opened(path)
    raise SourceInvalid(
        f"{place} is of no kind that is read here: {'; '.join(one.kind for one in kinds())}"
    )


def path_of(place: str) -> Path:
    """Read a path, or a `file://` URL of this machine.

    >>> path_of("file:///srv/git/shop.git"), path_of("shop")
    (PosixPath('/srv/git/shop.git'), PosixPath('shop'))

    Raises:
        SourceInvalid: a URL of another kind.
    """
    url = urlsplit(place) if "://" in place else None
    if url is None:
        return Path(place)
    if url.scheme != "file" or url.netloc not in ("", "localhost"):
        raise SourceInvalid(f"{place}: only a file:// URL of this machine is read; clone it first")
    return Path(unquote(url.path))
