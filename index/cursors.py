"""Where a listing goes on."""

from index.errors import FilterInvalid


def row_after(cursor: str | None) -> int:
    """Return the row that a cursor stands at; 0 without one.

    Raises: FilterInvalid: no page gave it.
    """
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise FilterInvalid(f"after: {cursor!r} is no cursor; send the one that a page returned")
    return int(cursor)
