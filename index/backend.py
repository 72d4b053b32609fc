"""The names by which an index is asked for: a scan that looks at every row, or a built one."""

from index.errors import IndexUnknown
from index.scan import scan_names

AUTO = "auto"


def index_names() -> list[str]:
    """Return every name that a gallery can be made with."""
    return [AUTO, *scan_names()]


def check_index(name: str) -> None:
    """Pass an index that there is.

    Raises: IndexUnknown.
    """
    if name not in index_names():
        raise IndexUnknown(f"index {name!r} is unknown: use {', '.join(index_names())}")
