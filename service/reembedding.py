"""A gallery of one encoder made anew by another, beside it, while it is written to."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote

from index.parts import whole_of
from service.builder import Rejects, Tally
from service.client import CallFailed, Client, patiently
from service.source import Source

PAGE_ROWS = 256
IDS_AT_ONCE = 500
ROUNDS_MAX = 5  # each copies only what was written during the one before
TOO_MUCH = ("body_too_large", "request_invalid")  # a server may take less in one call
NO_ITEM = "no item is kept of it, as it was enrolled as a vector: name its source (--source)"
NOT_THERE = "no item is kept of it, and the source has no text under this id"

Exemplars = list[dict[str, Any]]
Which = Callable[[dict[str, Any]], bool]


class Reembedding:
    """Copies a gallery into another through its items, and what is written to it meanwhile.

    Any method raises CallFailed; what was acknowledged stands, and costs nothing the next time.

    Args:
        rejects: is told which exemplars cannot be embedded, and why.
        on_progress: is told of all that was done so far.
        source: opens what has the items of exemplars that were enrolled as vectors.
    """

    def __init__(
        self,
        client: Client,
        old: str,
        new: str,
        rejects: Rejects,
        on_progress: Callable[[Tally], None],
        source: Callable[[], Source] | None = None,
    ) -> None:
        self._client, self._rejects = client, rejects
        self.old, self.new = old, new
        self._on_progress, self._source = on_progress, source
        self._after = ""  # where the last page began: what is enrolled later stands behind it
        self._rejected: set[str] = set()
        self.tally = Tally()
        self.standing: set[str] = set()
        """The ids of the old gallery, as far as they are copied."""
        self.seq = -1
        """The write of the old gallery up to which all is copied."""

    async def state(self, gallery: str) -> dict[str, Any]:
        """Return the state of a gallery."""
        state: dict[str, Any] = await self.ask("GET", gallery)
        return state

    async def count(self, gallery: str) -> int:
        """Return how many exemplars a gallery has, windows of long ones apart."""
        state = await self.state(gallery)
        return int(state["count"] - state["parts"])

    async def catch_up(self) -> bool:
        """Copy what is not copied yet; tell whether the old gallery stood still in the end."""
        for _ in range(ROUNDS_MAX):
            before = (await self.state(self.old))["seq"]
            if before != self.seq:
                await self._copy(lambda row: row["seq"] > self.seq)
                await self.remove(await self._gone())
                self.seq = before
            if (await self.state(self.old))["seq"] == before:
                return True
        return False

    async def catch_up_after(self, seq: int) -> int:
        """Copy what was written to the old gallery before its callers came to the new one.

        Args:
            seq: of the new gallery at that moment; what was written to it since is newer.

        Returns:
            The number of writes there were.
        """
        caught, now = self.seq, (await self.state(self.old))["seq"]
        if now == caught:
            return 0

        async def is_older(one: str) -> bool:
            exemplar = await self.find(self.new, one)
            return exemplar is None or exemplar["seq"] <= seq

        late = [row["id"] async for row in self.rows(self.old, self._after) if row["seq"] > caught]
        older = {one for one in late if await is_older(one)}
        await self._copy(lambda row: row["id"] in older)
        await self.remove([one for one in await self._gone() if await is_older(one)])
        self.seq = now
        return int(now - caught)

    async def strangers(self) -> list[str]:
        """Return the ids of the new gallery that the old one has not."""
        if await self.count(self.new) + len(self._rejected) <= len(self.standing):
            return []
        return [row["id"] async for row in self.rows(self.new) if row["id"] not in self.standing]

    async def remove(self, ids: list[str]) -> None:
        """Remove exemplars of the new gallery."""
        for start in range(0, len(ids), IDS_AT_ONCE):
            some = {"ids": ids[start : start + IDS_AT_ONCE]}
            await self.ask("POST", self.new, "/exemplars/delete", some)

    async def find(self, gallery: str, one: str) -> dict[str, Any] | None:
        """Return an exemplar, or None where it does not stand."""
        try:
            rest = f"/exemplars/{quote(one, safe='')}"
            found: dict[str, Any] = await self.ask("GET", gallery, rest)
        except CallFailed as error:
            if error.code != "exemplar_unknown":
                raise
            return None
        return found

    async def rows(self, gallery: str, after: str = "") -> AsyncIterator[dict[str, Any]]:
        """List the exemplars of a gallery from a cursor on, in the order of their enrolment."""
        async for _, page in self._pages(gallery, after):
            for row in page:
                yield row

    async def ask(self, method: str, gallery: str, rest: str = "", body: object = None) -> Any:
        """Make a call about a gallery, again where the service asks for patience."""
        return await patiently(lambda: self._client.gallery(method, gallery, rest, body))

    async def _pages(self, gallery: str, after: str) -> AsyncIterator[tuple[str, Exemplars]]:
        """Yield pages of a gallery, each with the cursor that led to it."""
        limit = PAGE_ROWS
        cursor: str | None = after
        while cursor is not None:
            try:
                page = await self.ask("GET", gallery, f"/exemplars?limit={limit}&after={cursor}")
            except CallFailed as error:
                if error.code not in TOO_MUCH or limit == 1:
                    raise
                limit //= 2
                continue
            # Windows of long items are made anew with their wholes.
            yield cursor, [row for row in page["exemplars"] if row["id"] == whole_of(row["id"])]
            cursor = page["next"]

    async def _copy(self, is_wanted: Which) -> None:
        """Enrol the exemplars of the old gallery from the last page on, as they stand there."""
        without: set[str] = set()
        async for cursor, page in self._pages(self.old, self._after):
            self._after = cursor
            self.standing.update(row["id"] for row in page)
            self.tally.done = len(self.standing)
            self.tally.total = max(self.tally.total, self.tally.done)
            rows = [row for row in page if is_wanted(row)]
            without.update(row["id"] for row in rows if row["item"] is None)
            await self._enrol([_exemplar(row) for row in rows if row["item"] is not None])
        if without and self._source is not None:
            await self._enrol_from(self._source(), without)
        for one in sorted(without):
            self._reject(one, NO_ITEM if self._source is None else NOT_THERE)

    async def _enrol_from(self, source: Source, without: set[str]) -> None:
        """Enrol what the source has of these exemplars, and strike them off.

        What was enrolled before from the same row costs nothing: its content is known.
        """
        held: Exemplars = []
        for row in source.rows:
            one = row.exemplar
            if one is None or one["id"] not in without:
                continue
            item = one["item"] if row.kept is None else row.kept
            if isinstance(item, dict) and "vector" in item:
                continue
            without.remove(one["id"])
            held.append(one | {"item": item})
            if len(held) == PAGE_ROWS:
                await self._enrol(held)
                held = []
        await self._enrol(held)

    async def _enrol(self, exemplars: Exemplars) -> None:
        if not exemplars:
            return
        try:
            reply = await self.ask("POST", self.new, "/exemplars", {"exemplars": exemplars})
        except CallFailed as error:
            if error.code not in TOO_MUCH or len(exemplars) == 1:
                raise
            half = len(exemplars) // 2
            await self._enrol(exemplars[:half])
            await self._enrol(exemplars[half:])
            return
        for failure in reply["failed"]:
            self._reject(failure["id"], f"{failure['code']}: {failure['message']}")
        good = {one["id"] for one in exemplars} - {failure["id"] for failure in reply["failed"]}
        self._rejected -= good
        self.tally.rejected = len(self._rejected)
        self.tally.enrolled += reply["enrolled"] - reply["unchanged"]
        self.tally.unchanged += reply["unchanged"]
        self.tally.truncated += len(reply["truncated"])
        self._on_progress(self.tally)

    def _reject(self, one: str, reason: str) -> None:
        if one not in self._rejected:
            self._rejected.add(one)
            self._rejects.add(f"exemplar of {self.old}", one, reason)
            self.tally.rejected = len(self._rejected)

    async def _gone(self) -> list[str]:
        """Return the ids that no longer stand in the old gallery, and forget them."""
        if await self.count(self.old) == len(self.standing):
            return []
        gone = self.standing - {row["id"] async for row in self.rows(self.old)}
        self.standing -= gone
        self._rejected -= gone
        self.tally.rejected = len(self._rejected)
        return sorted(gone)


def _exemplar(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "label", "item", "payload")}
