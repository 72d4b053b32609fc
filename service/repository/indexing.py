"""A repository into a gallery: what is new or another is sent, what has vanished is removed.

Files are parsed one portion ahead of what is embedded, so that the encoder does not wait.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from service.builder import Rejects, Tally, imported, sending_rows
from service.client import Client
from service.repository.rows import FileRows, MakeItem, file_rows
from service.repository.standing import Stands, change_of, remove, standing
from service.repository.tree import Tree
from service.source import SourceInvalid, SourceRow

# Functions that are sent at once: few at first, so that the encoder begins; then enough that the
# start of an import, a second, is nothing beside it.
PORTION_ROWS_FIRST, PORTION_ROWS = 1024, 4096
PORTION_CHARACTERS = 32 << 20


@dataclass(slots=True)
class Portion:
    """What is sent at once, and of how many bytes of files; complaints about these."""

    rows: list[SourceRow] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    complaints: list[tuple[str, str]] = field(default_factory=list)
    bytes: int = 0
    characters: int = 0

    def add(self, one: FileRows, stands: dict[str, Stands]) -> None:
        """Add a file; of its exemplars, those that do not stand as they are."""
        self.bytes += one.file.size
        self.counts["files"] += 1
        if one.complaint is not None:
            self.complaints.append((one.file.path, one.complaint))
        for exemplar in one.exemplars:
            change = change_of(exemplar, stands.get(exemplar["id"]))
            self.counts[change] += 1
            if change != "unchanged":
                place = f"{one.file.path}:{exemplar['payload']['start_line']}"
                self.rows.append(SourceRow(place, 0, exemplar))
                self.characters += _length(self.rows[-1])


@dataclass(slots=True)
class Indexing:
    """One repository on its way into a gallery.

    Args:
        make_item: what is embedded of a piece of code.
        rejects: gets the files and functions that could not be read or enrolled, with the reasons.
        on_progress: is told how many bytes of the tree's files are behind.
    """

    client: Client
    gallery: str
    tree: Tree
    make_item: MakeItem
    rejects: Rejects
    on_progress: Callable[[Tally], None]
    counts: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    seen: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)

    async def run(self) -> Counter[str]:
        """Bring the gallery to what the tree holds.

        Returns:
            How many files were read, functions `added`, `changed`, `moved` (their code is the
            same, and not embedded again), `unchanged`, `removed`; `complaints` about files;
            `rejected` by the service, `truncated` by the encoder.

        Raises:
            CallFailed: the service refused; what was acknowledged stands.
            SourceInvalid: the gallery holds another repository of that name.
        """
        stands = await standing(self.client, self.gallery, self.tree.name)
        self._check_same(stands)
        for place, reason in self.tree.unread:
            self._complain(place, reason)
            self.unread.add(place)
        self.tally.total = max(1, sum(file.size for file in self.tree.files))
        await self._send_all(self._portions(stands))
        if self.tree.is_whole:
            gone = [one for one, of in stands.items() if one not in self.seen and self._is_gone(of)]
            self.counts["removed"] = await remove(self.client, self.gallery, gone)
        self.tally.done = self.tally.total
        self.on_progress(self.tally)
        return self.counts

    def _check_same(self, stands: dict[str, Stands]) -> None:
        paths = {file.path for file in self.tree.files}
        if stands and not any(one.path in paths for one in stands.values()):
            raise SourceInvalid(
                f"gallery {self.gallery!r} holds a repository {self.tree.name!r} that has no file "
                "in common with this one: call this one otherwise with --name, or remove that one"
            )

    def _portions(self, stands: dict[str, Stands]) -> Generator[Portion, None, None]:
        portion, most = Portion(), PORTION_ROWS_FIRST
        for one in file_rows(self.tree, self.make_item):
            if not one.is_read:
                self.unread.add(one.file.path)
            self.seen.update(exemplar["id"] for exemplar in one.exemplars)
            portion.add(one, stands)
            if len(portion.rows) >= most or portion.characters >= PORTION_CHARACTERS:
                yield portion
                portion, most = Portion(), PORTION_ROWS
        yield portion

    async def _send_all(self, portions: Generator[Portion, None, None]) -> None:
        ahead = asyncio.create_task(asyncio.to_thread(next, portions, None))
        try:
            while (portion := await ahead) is not None:
                ahead = asyncio.create_task(asyncio.to_thread(next, portions, None))
                await self._send(portion)
        finally:
            await asyncio.wait({ahead})
            portions.close()  # and the process that parses, with it

    async def _send(self, portion: Portion) -> None:
        """Send a portion in the order of length: batches of equal lengths need no padding."""
        before = self.tally.done, self.tally.enrolled, self.tally.rejected
        self.tally.unchanged += portion.counts["unchanged"]

        def on_progress(sent: Tally) -> None:
            share = sent.done / max(1, sent.total)
            self.tally.done = before[0] + int(share * portion.bytes)
            self.tally.enrolled = before[1] + sent.enrolled + sent.unchanged
            self.tally.rejected = before[2] + sent.rejected
            self.on_progress(self.tally)

        for place, reason in portion.complaints:
            self._complain(place, reason)
        self.counts.update(portion.counts)
        if portion.rows:
            rows = sorted(portion.rows, key=_length)
            sent = sending_rows(lambda: rows)
            done = await imported(self.client, self.gallery, sent, self.rejects, on_progress)
            self.counts.update(rejected=done.rejected, truncated=done.truncated)
        self.tally.done = min(before[0] + portion.bytes, self.tally.total - 1)

    def _complain(self, place: str, reason: str) -> None:
        self.rejects.add(place, None, reason)
        self.counts["complaints"] += 1

    def _is_gone(self, one: Stands) -> bool:
        """Tell that a file, or what stood in it, is not there any more; not that it is unread."""
        return not any(
            place in (one.path, ".") or (place.endswith("/") and one.path.startswith(place))
            for place in self.unread
        )


def _length(row: SourceRow) -> int:
    assert row.exemplar is not None
    return sum(map(len, row.exemplar["item"].values()))
