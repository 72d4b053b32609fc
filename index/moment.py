"""When something happened, as it is kept and told."""

from datetime import UTC, datetime


def now() -> str:
    """Return the moment in ISO 8601, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
