"""A real server process, for tests that ask over HTTP, kill it, and start it again."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from tests.pace import PACE

MODELS = "minilm,logo"  # all that ship take four times as long to load


class Server:
    """`semblance serve` on a free port, with `MODELS` of what ships; a context manager."""

    def __init__(self, folder: Path, *flags: str, samples: bool = False) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SEMBLANCE_")}
        command = [sys.executable, "-m", "service", "serve", "--port", "0"]
        command += ["--data-dir", str(folder), "--samples", str(samples)]
        command += [] if "--bundles-dir" in flags else ["--models", MODELS]
        command += flags
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=clean, cwd=Path(__file__).parents[1]
        )
        self.lines: list[str] = []
        self._up = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._up.wait(60 * PACE) or self.process.poll() is not None:
            self.kill()
            raise RuntimeError("the server did not start:\n" + "".join(self.lines))

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"answers at (http://\S+)", line):
                self.url = found.group(1)
                self._up.set()
        self._up.set()

    def kill(self) -> None:
        """Kill it at once, as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self._end()

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._end()

    def _end(self) -> int:
        code = self.process.wait(30 * PACE)
        self._reader.join(5 * PACE)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()
