"""What the builder does while it follows an import, and with the file of rejects."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service import builder
from service.builder import Rejects, Sending, Tally, build, sending, sending_rows
from service.client import CallFailed
from service.source import Columns, SourceInvalid, SourceRow

JOB = {
    "job": 7, "state": "waiting", "reason": None, "done": 0, "total": 0, "enrolled": 0,
    "unchanged": 0, "truncated": 0, "failed": 0,
}  # fmt: skip
FAILURE = {"position": 1, "place": "line 2", "id": "b", "code": "item_empty", "message": "empty"}


class Service:
    """Answers each look at the job with what comes next; what is an exception is raised."""

    def __init__(self, *looks: Any, failures: list[Any] | None = None) -> None:
        self.looks = [JOB | look if isinstance(look, dict) else look for look in looks]
        self.failures = failures or []
        self.body = b""
        self.sent: tuple[str, str] | None = None
        self.calls: list[tuple[str, str]] = []

    async def upload(self, path: str, parts: AsyncIterator[bytes], media_type: str) -> Any:
        self.body = b"".join([part async for part in parts])
        self.sent = (media_type, path)
        return self.next()

    async def call(self, method: str, path: str) -> Any:
        self.calls.append((method, path))
        if "failures" in path:
            after = int(path.rpartition("=")[2])
            rest = [one for one in self.failures if one["position"] > after]
            following = rest[0]["position"] if len(rest) > 1 else None
            return {"failures": rest[:1], "next": following}
        return self.next()

    def next(self) -> Any:
        look = self.looks.pop(0)
        if isinstance(look, Exception):
            raise look
        return look


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "LOOK_SECONDS", (0.0, 0.0))


def rows(*reasons: str) -> Sending:
    made = [
        SourceRow(f"file {n}", n, None if why else {"id": str(n), "item": "x"}, why)
        for n, why in enumerate(reasons)
    ]
    return sending_rows(lambda: made)


def built(service: Any, sent: Sending, rejects: Rejects) -> tuple[Tally, list[Tally]]:
    seen: list[Tally] = []
    return asyncio.run(build(service, "g", sent, rejects, seen.append)), seen


def test_rows_are_sent_line_by_line_and_those_refused_are_written_down(tmp_path: Path) -> None:
    done = {"state": "done", "done": 9, "total": 9, "enrolled": 1, "failed": 2}
    failures = [FAILURE | {"position": 0}, FAILURE | {"position": 1, "id": None}]
    service = Service({}, {"state": "running", "done": 3, "total": 9}, done, failures=failures)
    rejects = Rejects(tmp_path / "rejects")
    tally, seen = built(service, rows("", "unreadable", "", ""), rejects)
    assert service.sent == ("application/x-ndjson", "/v1/galleries/g/import?")
    assert [json.loads(line)["id"] for line in service.body.splitlines()] == ["0", "2", "3"]
    assert [(one.done, one.total) for one in seen] == [(3, 9), (9, 9)]
    assert (tally.enrolled, tally.rejected) == (1, 3)
    lines = [json.loads(line) for line in rejects.path.read_text().splitlines()]
    assert [(one["place"], one["reason"]) for one in lines] == [
        ("file 1", "unreadable"),
        ("file 0", "item_empty: empty"),
        ("file 2", "item_empty: empty"),
    ]


def test_a_table_is_sent_as_it_is_with_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("key,text\n1,x\n2,\n")
    service = Service({"state": "done", "failed": 9}, failures=[FAILURE])
    rejects = Rejects(tmp_path / "rejects")
    built(service, sending(path, Columns(id="key")), rejects)
    media, url = service.sent or ("", "")
    assert (media, service.body) == ("text/csv", path.read_bytes())
    names = "id_column=key&label_column=label&text_column=text&vector_column=vector"
    names += "&image_column=image&reads_column=reads&audio_column=audio"
    assert url.partition("?")[2] == names
    lines = [json.loads(line) for line in rejects.path.read_text().splitlines()]
    assert [one["place"] for one in lines] == ["line 2", "elsewhere"]
    assert "8 more rows" in lines[1]["reason"]
    with pytest.raises(SourceInvalid, match="'words'"):
        sending(path, Columns(text="words"))


def test_a_service_that_asks_for_patience_gets_it(tmp_path: Path) -> None:
    busy = CallFailed("full", status=503, code="jobs_full", retry_after_seconds=0.0)
    service = Service(busy, {}, busy, busy, {"state": "done", "enrolled": 1})
    tally, _ = built(service, rows(""), Rejects(tmp_path / "rejects"))
    assert tally.enrolled == 1
    with pytest.raises(CallFailed, match="full"):
        built(Service(*[busy] * 8), rows(""), Rejects(tmp_path / "rejects"))


@pytest.mark.parametrize(("state", "status"), [("failed", 422), ("cancelled", 0)])
def test_an_import_that_does_not_end_well_is_told(tmp_path: Path, state: str, status: int) -> None:
    service = Service({}, {"state": state, "reason": "gallery_unknown: gone"})
    with pytest.raises(CallFailed, match=f"import 7 into g {state}: gallery_unknown: gone") as told:
        built(service, rows(""), Rejects(tmp_path / "rejects"))
    assert told.value.status == status


def test_who_stops_the_builder_cancels_the_import(tmp_path: Path) -> None:
    service = Service({}, *[{"state": "running"}] * 1000)

    async def stopped() -> None:
        work = build(service, "g", rows(""), Rejects(tmp_path / "rejects"), lambda _: None)
        task = asyncio.create_task(work)
        while len(service.calls) < 3:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stopped())
    assert service.calls[-1] == ("DELETE", "/v1/jobs/7")


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
