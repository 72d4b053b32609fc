"""Log lines: JSON, one an event, with the request's fields."""

import asyncio
import logging
import sys

import orjson


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        line: dict[str, object] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def _is_news(record: logging.LogRecord) -> bool:
    """Tell that a record is not of a request that was cut at a stop: it was told, and logged."""
    return record.exc_info is None or record.exc_info[0] is not asyncio.CancelledError


def install(level: str) -> None:
    """Send the service's logs to standard error."""
    # What no line tells is not gathered for each (as the library's HOWTO advises).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(_is_news)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("semblance").setLevel(level.upper())
