"""A real Redis of one's own, for tests that stop it, freeze it and fill it."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import pytest

from tests.pace import PACE


class RedisServer:
    """`redis-server` on a free port, keeping nothing on disk; a context manager.

    Where it is not installed the test is skipped, but never in continuous integration.

    Args:
        folder: its working folder.
        flags: more of its own settings: ``"--maxmemory", "1mb"``.
        port: the port of one that was killed, to come back; 0 takes a free one.
    """

    def __init__(self, folder: Path, *flags: str, port: int = 0) -> None:
        program = shutil.which("redis-server")
        if program is None:
            missing = "redis-server is not installed; on Debian: apt-get install redis-server"
            if "CI" in os.environ:
                raise RuntimeError(missing)
            pytest.skip(missing)
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        settings = {"--port": str(self.port), "--bind": "127.0.0.1", "--dir": str(folder)}
        settings |= {"--save": "", "--appendonly": "no", "--daemonize": "no"}
        command = [program, *(word for pair in settings.items() for word in pair), *flags]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self._await_start()
        except BaseException:
            self.kill()
            raise

    def _await_start(self) -> None:
        for _ in range(500):
            if self.process.poll() is not None:
                raise RuntimeError(f"redis-server ended with {self.process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        raise RuntimeError("redis-server did not start in five seconds")

    def kill(self) -> None:
        """Kill it at once, as a power cut would."""
        self.process.kill()  # which ends a frozen process too
        self.process.wait(10 * PACE)

    def pause(self) -> None:
        """Freeze it: it keeps its connections, and answers nobody."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
