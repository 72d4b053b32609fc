"""The port of an index backend, and the catalog: a module in `backends/` is the registration."""

import pkgutil
from importlib import import_module
from typing import Protocol, cast

from index import backends
from index.errors import IndexUnknown
from index.hits import Mask, Positions, Scores
from index.vectors import Rows

AUTO = "auto"
# Measured on 100 K x 384, two cores: one query 8 ms, where FAISS Flat takes 16 ms on one thread.
AUTO_MEANS = "scan"


class Searchable(Protocol):
    """Rows that can be searched, by many threads at once; never changed after `build`."""

    def search(self, queries: Rows, k: int, allowed: Mask | None) -> tuple[Scores, Positions]:
        """Return the best min(k, n) rows of each query (q, d) among those allowed (n,).

        Scores (q, k') are those of `hits.exact_scores`, positions (q, k') stand in the order of
        hits; where fewer rows are allowed, the rest is -inf and position -1.
        """
        ...


class Backend(Protocol):
    """A way to search rows; a module of `backends/` keeps this port."""

    recall_floor: float
    """The share of the true best k that is found whatever the rows; 1.0 is exact."""

    def build(self, rows: Rows) -> Searchable:
        """Return the unit rows (n, d) as a searchable; they stay as they are for its lifetime."""
        ...


def backend_names() -> list[str]:
    """Return the names of the backends there are."""
    return sorted(module.name for module in pkgutil.iter_modules(backends.__path__))


def open_backend(name: str) -> Backend:
    """Return the backend of this name, or the one that `auto` means.

    Raises: IndexUnknown.
    """
    if name == AUTO:
        name = AUTO_MEANS
    if name not in backend_names():
        raise IndexUnknown(f"index {name!r} is unknown: use {AUTO}, {', '.join(backend_names())}")
    return cast(Backend, import_module(f"{backends.__name__}.{name}"))
