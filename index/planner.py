"""How a search is answered: by the index where it can be trusted, by a look at every row else."""

import math

import numpy as np

from index.arriving import READ_ROWS_MAX
from index.chunks import Chunks
from index.hits import Mask, Positions, Scores, best_of, stacked
from index.indexed import Indexed
from index.scan import Scan
from index.vectors import Rows

SCANNED_ROWS = 16_384  # so few survivors are looked at one by one: 5 ms at 384 dimensions
_SPARE_SHARE, _SPARE = 1.5, 8


def best(
    rows: Chunks,
    scan: Scan,
    indexed: Indexed | None,
    queries: Rows,
    k: int,
    allowed: Mask | None,
) -> tuple[Scores, Positions]:
    """Return the best min(k, n) allowed rows of each query (q, d), as `Scan.best` does.

    An index is asked for so many that, were the allowed rows spread evenly, enough of them are
    among those. Where they are not (a filter may have to do with the distance), every row is
    looked at: never are there fewer hits than rows allowed, and never worse ones than the recall
    of the index at that depth.
    """
    near = None if indexed is None else _near(indexed, queries, k, allowed)
    if near is None or indexed is None:
        few = _few_on_their_way(rows, queries, k, allowed)
        return scan.best(rows, queries, k, allowed) if few is None else few
    _, delta = scan.best(rows, queries, k, allowed, start=indexed.upto)
    found = []
    for query, some, late in zip(queries, near, delta, strict=True):
        if some is None:
            (scores,), (positions,) = scan.best(rows, query[np.newaxis], k, allowed)
            found.append((scores, positions))
        else:
            both = np.concatenate([some, late[late >= 0]])
            found.append(best_of(rows, query, rows.take(both) @ query, both, k))
    return stacked(found, min(k, len(rows)))


def _few_on_their_way(
    rows: Chunks, queries: Rows, k: int, allowed: Mask | None
) -> tuple[Scores, Positions] | None:
    """Look at few allowed rows one by one, where a scan would wait for many others behind a start.

    None where it would not, or where they are too many.
    """
    if allowed is None or rows.are_here or np.count_nonzero(allowed) > READ_ROWS_MAX:
        return None
    at = np.flatnonzero(allowed)
    some = rows.take(at)
    found = [best_of(rows, query, some @ query, at, k) for query in queries]
    return stacked(found, min(k, len(rows)))


def _near(
    indexed: Indexed, queries: Rows, k: int, allowed: Mask | None
) -> list[Positions | None] | None:
    """Return the allowed candidates of each query, None for a query that has too few of them.

    None for all where the index cannot help.
    """
    upto = indexed.upto
    survivors = upto if allowed is None else int(np.count_nonzero(allowed[:upto]))
    if survivors <= SCANNED_ROWS:
        return None
    # Rows that are barred, dead or gone from the page stand in the index still, before others.
    share = survivors / len(indexed.built)
    want = k if share == 1.0 else math.ceil(k / share * _SPARE_SHARE) + _SPARE
    found = indexed.candidates(queries, want)
    if found is None:
        return None
    kept = found if allowed is None else [each[allowed[each]] for each in found]
    return [each if len(each) >= min(k, survivors) else None for each in kept]
