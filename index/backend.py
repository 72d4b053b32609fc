"""The names by which an index is asked for: a scan that looks at every row, or one that is built.

A module in `backends/` is the registration of one that is built.
"""

import pkgutil
from importlib import import_module
from typing import Protocol, cast

from index import backends
from index.errors import IndexUnknown
from index.plan import Plan
from index.scan import scan_names

AUTO = "auto"


class Backend(Protocol):
    """A kind of index that is built; a module of `backends/` keeps this port."""

    def plan(self, rows: int, dim: int) -> Plan | None:
        """Tell how it would be built over rows (n, d), or None where it cannot be."""
        ...


def backend_names() -> list[str]:
    """Return the names of the indexes that are built."""
    return sorted(module.name for module in pkgutil.iter_modules(backends.__path__))


def open_backend(name: str) -> Backend:
    """Return the backend of this name."""
    return cast(Backend, import_module(f"{backends.__name__}.{name}"))


def candidates_for(index: str) -> list[str]:
    """Return the backends that are measured for a gallery that asks for this index.

    >>> candidates_for("scan"), candidates_for("pq")
    ([], ['pq'])
    """
    return backend_names() if index == AUTO else [n for n in backend_names() if n == index]


def index_names() -> list[str]:
    """Return every name that a gallery can be made with."""
    return [AUTO, *sorted([*scan_names(), *backend_names()])]


def check_index(name: str) -> None:
    """Pass an index that there is.

    Raises: IndexUnknown.
    """
    if name not in index_names():
        raise IndexUnknown(f"index {name!r} is unknown: use {', '.join(index_names())}")
