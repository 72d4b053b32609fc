"""What the builder does where a service refuses, and with the file of rejects."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from service.builder import Rejects, Tally, build
from service.client import CallFailed
from service.source import Source, SourceRow


class Service:
    """Takes so many exemplars in one call; fails where it is told to."""

    def __init__(self, exemplars_max: int = 1000, failure: CallFailed | None = None) -> None:
        self.exemplars_max, self.failure = exemplars_max, failure
        self.calls: list[list[str]] = []

    async def gallery(self, method: str, name: str, rest: str, body: Any) -> Any:
        await asyncio.sleep(0)
        ids = [one["id"] for one in body["exemplars"]]
        if self.failure is not None:
            raise self.failure
        if len(ids) > self.exemplars_max:
            raise CallFailed("too many", status=422, code="request_invalid")
        self.calls.append(ids)
        return {"enrolled": len(ids), "unchanged": 0, "truncated": [], "failed": []}


def source(count: int) -> Source:
    rows = [
        SourceRow(f"row {n}", n, {"id": str(n), "label": None, "item": "x", "payload": None})
        for n in range(count)
    ]
    return Source(rows, count)


def built(service: Any, rows: Source, rejects: Rejects) -> Tally:
    return asyncio.run(build(service, "g", rows, rejects, lambda _: None))


def test_a_service_that_takes_less_in_one_call_gets_less(tmp_path: Path) -> None:
    service = Service(exemplars_max=100)
    tally = built(service, source(1000), Rejects(tmp_path / "rejects"))
    assert tally.enrolled == 1000
    assert sorted(int(one) for call in service.calls for one in call) == list(range(1000))
    assert max(map(len, service.calls)) <= 100


def test_two_calls_that_fail_at_once_are_one_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failure = CallFailed("no answer", status=0, code="")
    with pytest.raises(CallFailed):
        built(Service(failure=failure), source(2000), Rejects(tmp_path / "rejects"))
    assert not caplog.records  # asyncio would tell of an exception that nobody took


def test_rejects_replace_an_earlier_runs_and_leave_other_files_alone(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    rejects = Rejects(path)
    rejects.open()
    assert not path.exists()
    rejects.add("line 1", None, "bad")
    rejects.close()
    assert json.loads(path.read_text()) == {"place": "line 1", "id": None, "reason": "bad"}
    again = Rejects(path)
    again.open()
    again.close()
    assert not path.exists()
    path.write_text("precious")
    other = Rejects(path)
    other.open()
    other.close()
    assert path.read_text() == "precious"
