"""A process for what may take for ever, or all memory: it is killed, and started anew."""

import subprocess
import sys
from contextlib import suppress
from typing import Self


class Expendable:
    """Owns such a process, from its first use on; a context manager, and for one thread.

    Args:
        module: what runs in it, asked on its standard input and answering on its standard output.
        seconds_max: until an answer is given up.
    """

    def __init__(self, module: str, seconds_max: float) -> None:
        self._module, self._seconds_max = module, seconds_max
        self._child: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            with suppress(BrokenPipeError), child:  # waits for its end, and closes the pipes
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            self._child = subprocess.Popen(  # noqa: S603 - of our own modules
                [sys.executable, "-P", "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PYTHONPATH": ":".join(filter(None, sys.path))},
            )
        return self._child
