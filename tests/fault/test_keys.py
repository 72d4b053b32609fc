"""Keys come and go while callers call, and nobody else notices; changes at once lose none."""

import multiprocessing
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx

from service.key_file import add_key, list_keys
from tests.pace import PACE
from tests.server import Server

TAKEN_UP_SECONDS = 2.0
ROOT = Path(__file__).parents[2]


def keys_command(path: Path, *words: str) -> str:
    """Run `semblance keys` as an operator does."""
    command = [sys.executable, "-m", "service", "keys", *words, "--file", str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=60 * PACE, check=True
    )
    assert "within a second" in done.stderr
    return done.stdout.strip()


class Caller(threading.Thread):
    """Calls with one key until told to stop; remembers what it was answered, and when."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__()
        self.url, self.token = url, token
        self.stopped = threading.Event()
        self.answers: list[tuple[float, int]] = []

    def run(self) -> None:
        headers = {"authorization": f"Bearer {self.token}"}
        body = {"model": "minilm", "input": "whose is this?"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=30 * PACE) as http:
            while not self.stopped.is_set():
                reply = http.post("/v1/embeddings", json=body)
                self.answers.append((time.monotonic(), reply.status_code))

    def statuses(self) -> Counter[int]:
        return Counter(status for _, status in self.answers)

    def waits_for(self, status: int) -> float:
        """Wait for the first answer of this status; return when it came."""
        until = time.monotonic() + 30 * PACE
        while time.monotonic() < until:
            for at, answered in list(self.answers):
                if answered == status:
                    return at
            time.sleep(0.01)
        raise AssertionError(f"no {status} in 30 s: {self.statuses()}")


def test_keys_change_under_load(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    standing = [add_key(path, f"standing-{number}") for number in range(3)]
    leaving = add_key(path, "leaving")
    with Server(tmp_path / "data", "--keys-file", str(path)) as server:
        steady = [Caller(server.url, token) for token in standing]
        revoked = Caller(server.url, leaving)
        callers = [*steady, revoked]
        try:
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.waits_for(200)

            added = Caller(server.url, keys_command(path, "add", "coming", "--scope", "embed"))
            added_at = time.monotonic()
            callers.append(added)
            added.start()
            assert added.waits_for(200) - added_at < TAKEN_UP_SECONDS

            keys_command(path, "revoke", "leaving")
            revoked_at = time.monotonic()
            assert revoked.waits_for(401) - revoked_at < TAKEN_UP_SECONDS

            path.write_text("no key file at all")  # a slip: everything stays as it was
            time.sleep(1.5)
        finally:
            for caller in callers:
                caller.stopped.set()
            for caller in callers:
                caller.join()
        for caller in steady:
            assert set(caller.statuses()) == {200}
            assert caller.statuses()[200] > 20
        # It changes once, and for good.
        assert [status for _, status in revoked.answers] == (
            [200] * revoked.statuses()[200] + [401] * revoked.statuses()[401]
        )
        assert [status for _, status in added.answers] == (
            [401] * added.statuses()[401] + [200] * added.statuses()[200]
        )
        assert sum("is no key file" in line for line in server.lines) == 1


def add_ten(path: Path, who: int) -> None:
    for number in range(10):
        add_key(path, f"{who}-{number}")


def test_changes_at_once_lose_none(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=add_ten, args=(path, who)) for who in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60 * PACE)
        assert worker.exitcode == 0
    names = [f"{who}-{number}" for who in range(3) for number in range(10)]
    assert sorted(key.name for key in list_keys(path)) == sorted(names)
