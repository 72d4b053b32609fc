"""Log lines: JSON, one an event, with the request's fields."""

import asyncio
import logging
import sys
from threading import Event, Thread
from time import sleep
from typing import TextIO

import orjson

GATHER_SECONDS = 0.05  # that a line may wait: a system call for each took a tenth of a refusal


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


class Gathered(logging.Handler):
    """Writes the lines of a moment together; what is a warning, or worse, at once.

    What a killed process had to tell of its last moment is lost; one that ends has told it all.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: list[str] = []
        self._some = Event()
        Thread(target=self._write_on, name="logs", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; the lock of the handler is held."""
        try:
            self._lines.append(self.format(record))
        except Exception:  # noqa: BLE001 - as the library's own handlers do: a log line ends no request
            self.handleError(record)
        if record.levelno >= logging.WARNING:
            self.flush()
        elif not self._some.is_set():
            self._some.set()

    def flush(self) -> None:
        """Write what is there."""
        self.acquire()
        try:
            lines, self._lines = self._lines, []
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._stream.flush()
        except (OSError, ValueError):
            return  # nobody reads it any more
        finally:
            self.release()

    def _write_on(self) -> None:
        while self._some.wait():
            sleep(GATHER_SECONDS)
            self._some.clear()
            self.flush()


def _is_news(record: logging.LogRecord) -> bool:
    """Tell that a record is not of a request that was cut at a stop: it was told, and logged."""
    return record.exc_info is None or record.exc_info[0] is not asyncio.CancelledError


def install(level: str) -> None:
    """Send the service's logs to standard error."""
    # What no line tells is not gathered for each (as the library's HOWTO advises).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    handler = Gathered(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(_is_news)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("semblance").setLevel(level.upper())
