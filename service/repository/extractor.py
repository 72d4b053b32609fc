"""The command's side of the process that parses source files."""

import importlib.util
import struct
import threading

import orjson

from service.expendable import Expendable
from service.repository.extracting import HEAD, LENGTH
from service.repository.reading import Read, unwritten
from service.source import SourceInvalid

SECONDS_MAX = 120.0  # until a file is given up; its process has twenty seconds of work
NEEDED = ("tree_sitter", "pathspec")


def check_installed() -> None:
    """See that the parsers are there, before the work.

    Raises:
        SourceInvalid: saying how to install them.
    """
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise SourceInvalid("source code is read by an extra: pip install 'semblance[code]'")


class Extractor(Expendable):
    """Parses files, one after the other; a context manager, and for one thread."""

    def __init__(self, *, seconds_max: float = SECONDS_MAX) -> None:
        super().__init__("service.repository.extracting", seconds_max)

    def read(self, path: str, content: bytes) -> Read:
        """Find what stands in a file; one that breaks the parser holds nothing."""
        child = self._started()
        assert child.stdin is not None and child.stdout is not None
        name = path.encode()
        late = threading.Timer(self._seconds_max, child.kill)
        late.start()
        try:
            child.stdin.write(HEAD.pack(len(name), len(content)) + name + content)
            child.stdin.flush()
            (length,) = LENGTH.unpack(child.stdout.read(LENGTH.size))
            found = orjson.loads(child.stdout.read(length))
        except (OSError, struct.error, orjson.JSONDecodeError):
            self.close()
            return Read("", [], "it was not parsed within the time and the memory there is")
        finally:
            late.cancel()
        return unwritten(found)
