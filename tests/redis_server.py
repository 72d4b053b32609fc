"""A real Redis, for tests that kill it, stop its clock, and share it between servers."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import pytest

PROGRAM = "/usr/bin/redis-server"


class RedisServer:
    """`redis-server` on a free port, keeping nothing on disk; a context manager."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which(PROGRAM)
        if program is None and "CI" not in os.environ:
            pytest.skip(f"{PROGRAM} is missing (Debian's package redis-server)")
        assert program is not None, f"{PROGRAM} is missing"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        flags = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder)]
        flags += ["--save", "", "--appendonly", "no", "--daemonize", "no"]
        self.process = subprocess.Popen([program, *flags], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not self._answers():
            assert self.process.poll() is None, "redis-server did not start"
            assert time.monotonic() < until, "redis-server does not answer"
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def kill(self) -> None:
        """Kill it at once."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def pause(self) -> None:
        """Let it hang: it takes connections, and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
