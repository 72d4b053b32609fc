"""The service's side of the process that reads a file."""

import os
import subprocess
import sys
import tempfile
from dataclasses import asdict

import orjson

from service.imports.frames import Batch, Order, Unreadable, read_batch


class Reader:
    """A process that reads one file; every method waits, and is for a thread."""

    def __init__(self, order: Order) -> None:
        self._dim = order.dim
        # Not a pipe: one that nobody empties would hold the process up.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        self._child = subprocess.Popen(
            [sys.executable, "-m", "service.imports.reading"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._in, self._out = self._child.stdin, self._child.stdout
        self._in.write(orjson.dumps(asdict(order)) + b"\n")
        self._in.flush()

    def next(self) -> Batch | None:
        """Return the next batch; None at the end.

        Raises:
            Unreadable: the file as a whole cannot be read, or the process died of it.
        """
        try:
            return read_batch(self._out, self._dim)
        except EOFError:
            code = self._child.wait()
            self._said.seek(0)
            why = self._said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            raise Unreadable(
                f"the process that reads the file ended with {code} {' '.join(why)}: the file may "
                "be damaged, or take more memory than there is"
            ) from None

    def close(self) -> None:
        """End the process; a thread that waits for a batch is told that there is none."""
        self._child.kill()
        self._child.wait()
        for file in (self._in, self._out, self._said):
            file.close()
