"""The view that a gallery shows: swapped by the writer, seen by all without a lock."""

import threading

from index.errors import GalleryReplaced, GalleryUnknown
from index.view import View

PUBLICATION_SECONDS_MAX = 2.0


class Published:
    """One reference to the newest view, and a bounded wait for a newer one.

    Where it is looked at once the gallery is dropped, it raises GalleryUnknown, or GalleryReplaced.
    """

    def __init__(self, name: str, view: View) -> None:
        self._name = name
        self._view: View | None = view
        self._replaced = False
        self._swapped = threading.Condition()

    def seen(self) -> View:
        """Return the view."""
        view = self._view
        if view is None:
            raise self.gone()
        return view

    def reached(self, seq: int) -> View:
        """Return the view, after waiting a bounded time for it to reach a seq."""
        view = self.seen()
        if view.seq < seq:
            with self._swapped:
                self._swapped.wait_for(
                    lambda: self._view is None or self._view.seq >= seq, PUBLICATION_SECONDS_MAX
                )
            view = self.seen()
        return view

    def swap(self, view: View) -> None:
        """Show another view; called by the writer alone."""
        self._set(view)

    def drop(self) -> None:
        """Let go of the rows: the gallery is deleted."""
        self._set(None)

    def replace(self) -> None:
        """Show the view for now, though another gallery has the name and the rows go."""
        self._replaced = True

    def gone(self) -> GalleryUnknown | GalleryReplaced:
        """Return the error of a gallery that does not stand any more."""
        if self._replaced:
            return GalleryReplaced(
                f"a snapshot was restored in the place of gallery {self._name!r}: ask again"
            )
        return GalleryUnknown(f"gallery {self._name!r} was deleted: create it again")

    def _set(self, view: View | None) -> None:
        with self._swapped:
            self._view = view
            self._swapped.notify_all()
