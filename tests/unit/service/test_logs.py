"""Log lines are gathered for a moment, none is lost, and what is wrong is told at once."""

import io
import json
import logging
from collections.abc import Iterator
from threading import Thread

import pytest

from service.logs import Gathered, JsonLines
from tests.wire import until


class Stream(io.StringIO):
    """Counts how often it was written to."""

    writes = 0

    def write(self, words: str) -> int:
        """Take a part."""
        self.writes += bool(words)
        return super().write(words)


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def log(stream: Stream) -> Iterator[logging.Logger]:
    logger = logging.Logger("semblance.test", logging.INFO)
    handler = Gathered(stream)
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    yield logger
    handler.close()


def lines(stream: Stream) -> list[str]:
    return [json.loads(line)["message"] for line in stream.getvalue().splitlines()]


def test_what_comes_together_is_written_together_and_in_order(
    log: logging.Logger, stream: Stream
) -> None:
    threads = [Thread(target=lambda: [log.info("%d", n) for n in range(200)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(lines(stream)) == 600, 5, "every line is written")
    assert sorted(lines(stream)) == sorted(3 * [str(n) for n in range(200)])
    assert stream.writes < 100


def test_a_warning_is_told_at_once_behind_what_came_before(
    log: logging.Logger, stream: Stream
) -> None:
    log.info("before")
    log.warning("wrong")
    assert lines(stream) == ["before", "wrong"]


def test_what_is_gathered_is_written_at_the_end(log: logging.Logger, stream: Stream) -> None:
    log.info("last")
    log.handlers[0].flush()  # as the library does when the process ends
    assert lines(stream) == ["last"]


def test_a_reader_who_has_gone_ends_nothing(log: logging.Logger, stream: Stream) -> None:
    stream.close()
    log.error("nobody reads this")
