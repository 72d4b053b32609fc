"""The log line of a request: all that is asked of it, and nothing that a caller could plant."""

import json
import logging
from pathlib import Path

import anyio
import pytest

from service.answered import PATH_CHARACTERS_MAX, path_of
from service.descriptors import raise_limit
from service.logs import JsonLines
from service.settings import Settings
from tests.builders import calling, running


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The access log as it would be written."""
    return [JsonLines().format(one) for one in caplog.records if one.name == "semblance.access"]


def test_a_line_tells_who_what_and_where_the_time_went(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        with running(tmp_path) as parts:
            async with calling(parts) as http:
                body = {"model": "fake", "input": "hello"}
                headers = {"x-request-id": "mine"}
                await http.post("/v1/embeddings?token=secret", json=body, headers=headers)

    with caplog.at_level(logging.INFO, "semblance.access"):
        anyio.run(scene)
    (line,) = lines(caplog)
    said = json.loads(line)
    assert said["method"] == "POST"
    assert said["path"] == said["route"] == "/v1/embeddings"
    assert (said["status"], said["request_id"], said["key"]) == (200, "mine", "anyone")
    assert said["client"] == "127.0.0.1"
    assert said["bytes_in"] == len(b'{"model":"fake","input":"hello"}')
    assert said["bytes_out"] > 100
    assert said["seconds"] > 0
    assert {"decode", "queue", "forward"} <= set(said["stages_ms"])
    assert "total" not in said["stages_ms"]
    assert "secret" not in line
    assert {"time", "level", "logger"} <= set(said)


@pytest.mark.parametrize(
    "planted",
    ["a\nb", "a\r\n{}", 'a","status":200,"x":"', "\x1b[31m", "\u2028", "\x85", "\x00", "ü" * 500],
)
def test_a_path_can_neither_end_a_line_nor_grow_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, planted: str
) -> None:
    async def scene() -> None:
        with running(tmp_path) as parts:
            async with calling(parts) as http:
                await http.get(f"/v1/{planted.encode().hex('%')}", headers={"x-request-id": "a"})
                await http.get("/v1/models", headers={"x-request-id": planted.encode()})

    with caplog.at_level(logging.INFO, "semblance.access"):
        anyio.run(scene)
    for line in lines(caplog):
        assert line.isascii()
        assert line.isprintable()
        assert len(line) < 600
        assert json.loads(line)["path"].startswith("/v1/")


def test_the_path_is_cut() -> None:
    assert len(path_of({"path": "/" + "x" * 5000})) == PATH_CHARACTERS_MAX
    assert path_of({"path": "/\n", "raw_path": b"/%0A"}) == "/%0A"


class Limits:
    """The standard library's `resource`, of a machine with these limits."""

    RLIMIT_NOFILE, RLIM_INFINITY = 7, -1

    def __init__(self, soft: int, hard: int) -> None:
        self.now = soft, hard

    def getrlimit(self, _: int) -> tuple[int, int]:
        return self.now

    def setrlimit(self, _: int, wanted: tuple[int, int]) -> None:
        self.now = wanted


@pytest.mark.parametrize(
    ("soft", "hard", "stands", "told"),
    [(1024, 20_000, 20_000, 0), (1024, 1024, 1024, 1), (1024, -1, -1, 0), (9000, 9000, 9000, 0)],
)
def test_descriptors_are_raised_and_too_few_are_told(
    soft: int, hard: int, stands: int, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(soft, hard)
    assert raise_limit(Settings(connections_max=4096), limits) == stands
    assert limits.now == (stands, hard)
    assert len(caplog.records) == told
    assert all("SEMBLANCE_CONNECTIONS_MAX=4096" in one.getMessage() for one in caplog.records)
