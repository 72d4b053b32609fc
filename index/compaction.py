"""Leaving the dead rows behind: a page copied aside, then joined to what was written meanwhile."""

import numpy as np

from index.page import Page
from index.view import View

# Below these, tombstones cost less than copying the rows that are left.
TOMBSTONES_MIN = 1024
TOMBSTONES_SHARE = 0.25


def is_due(view: View) -> bool:
    """Tell whether so many rows of a view are dead that the living should be copied.

    Not while their vectors are on their way: they would be waited for.
    """
    return view.vectors.are_here and view.n - view.count > max(
        TOMBSTONES_MIN, view.n * TOMBSTONES_SHARE
    )


def compacted(view: View) -> Page:
    """Copy the living rows of a view; takes long, and nothing waits for it."""
    assert view.alive is not None
    return view.page.kept(view.alive)


def rejoined(old: View, copied: Page, now: View) -> View:
    """Return `now` over the copy of what lived in `old`, with the rows that came since; quick.

    Called by the writer, so that nothing is written between.
    """
    assert old.alive is not None
    late = now.page.rows(now.n).take(np.arange(old.n, now.n))
    page = copied.with_room(len(late))
    page.append(
        late,
        now.page.numbers[old.n : now.n].tolist(),
        now.page.ids[old.n : now.n],
        [now.page.label(at) for at in range(old.n, now.n)],
    )
    stayed = np.append(old.alive, np.ones(now.n - old.n, np.bool_))
    alive = None if now.alive is None else now.alive[stayed]
    indexed = None if now.indexed is None else now.indexed.moved(stayed)
    return View.of(page, now.seq, alive, now.scan, indexed, now.lexicon)
