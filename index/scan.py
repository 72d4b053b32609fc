"""The port of an exact scan, and the catalog: a module in `scans/` is the registration."""

import pkgutil
from importlib import import_module
from typing import Protocol, cast

from index import scans
from index.chunks import Chunks
from index.hits import Mask, Positions, Scores
from index.vectors import Rows

# As fast as FAISS Flat for one query, faster for many at once: `make bench BENCHMARKS=exact`.
USUAL = "scan"


class Scan(Protocol):
    """A way to look at every row; a module of `scans/` keeps this port."""

    def best(
        self, rows: Chunks, queries: Rows, k: int, allowed: Mask | None, start: int = 0
    ) -> tuple[Scores, Positions]:
        """Return the best min(k, n) rows of each query (q, d), among those allowed, from `start`.

        Scores (q, k') are those of `hits.exact_scores`, positions (q, k') stand in the order of
        hits; where fewer rows can be found, the rest is -inf and position -1. `allowed` is (n,).
        """
        ...


def scan_names() -> list[str]:
    """Return the names of the scans there are."""
    return sorted(module.name for module in pkgutil.iter_modules(scans.__path__))


def open_scan(name: str) -> Scan:
    """Return the scan of this name."""
    return cast(Scan, import_module(f"{scans.__name__}.{name}"))
