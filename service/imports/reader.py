"""The service's side of the process that reads a file."""

import fcntl
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import asdict

import orjson

from service.imports.frames import Batch, Order, Unreadable, read_batch

# Of the pipe, as much as Linux gives to anybody: a batch of 8 MB comes in eight pieces, not in 128
# for each of which this thread would have to wait its turn.
PIPE_BYTES = 1 << 20


class Reader:
    """A process that reads one file, started when the first batch is asked for.

    To ask for a batch waits, and is for a thread; it may be closed meanwhile.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._starting = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False
        # Not a pipe: one that nobody empties would hold the process up.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it

    def next(self) -> Batch | None:
        """Return the next batch; None at the end.

        Raises:
            Unreadable: the file as a whole cannot be read, or the process died of it.
        """
        child = self._started()
        assert child.stdout is not None
        try:
            return read_batch(child.stdout, self._order.dim)
        except EOFError:
            code = child.wait()
            self._said.seek(0)
            why = self._said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            raise Unreadable(
                f"the process that reads the file ended with {code} {' '.join(why)}: the file may "
                "be damaged, or take more memory than there is"
            ) from None

    def close(self) -> None:
        """End the process, which takes a millisecond, or see that none is started any more."""
        with self._starting:
            self._closed = True
        if self._child is not None:
            self._child.kill()
            with self._child:  # waits for its end, and closes the pipes
                pass
        self._said.close()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._starting:
            if self._closed:
                raise Unreadable("nobody reads it any more")
            if self._child is None:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", "service.imports.reading"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._said,
                    env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )
                assert self._child.stdin is not None
                assert self._child.stdout is not None
                with suppress(OSError):  # the user's pipes have too much already: as it is, then
                    fcntl.fcntl(self._child.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
                self._child.stdin.write(orjson.dumps(asdict(self._order)) + b"\n")
                self._child.stdin.flush()
            return self._child
