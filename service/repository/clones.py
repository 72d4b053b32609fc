"""Groups of functions that do the same, by the nearest neighbours of their embeddings."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.chunks import Chunks
from index.linking.average import average_linkage
from index.linking.pairs import Pairs
from index.scan import USUAL, open_scan
from index.vectors import Rows
from service.repository.extractor import Extractor
from service.repository.files import Unreadable
from service.repository.tree import Tree

NEIGHBOURS = 16  # of a function, in each language: a larger group is linked through its members
UNLINKED = 0.1  # by how much two that are not linked are taken to miss the threshold
QUERIES_AT_ONCE = 512
KINDS = frozenset(("function", "method", "cell"))
"""A class is found by its methods."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One function, and where it stands."""

    path: str
    start_line: int
    end_line: int
    symbol: str
    language: str
    code: str

    @property
    def place(self) -> str:
        """Its place, as editors read it."""
        return f"{self.path}:{self.start_line}-{self.end_line}"

    def overlaps(self, other: "Piece") -> bool:
        """Tell whether one stands in the other."""
        return (
            self.path == other.path
            and self.start_line <= other.end_line
            and other.start_line <= self.end_line
        )


@dataclass(frozen=True, slots=True)
class Link:
    """Two pieces, by their positions, whose score reaches the threshold."""

    score: float
    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Group:
    """Pieces that are alike, the best linked first.

    Args:
        score: the least of its members' best links.
        members: positions of pieces, each with the score of its best link in the group.
    """

    score: float
    members: Sequence[tuple[int, float]]


def pieces_of(tree: Tree, lines_min: int, complaints: list[tuple[str, str]]) -> Iterator[Piece]:
    """Yield the functions of a tree that have so many lines.

    Args:
        complaints: gets the files of which something cannot be read, each with the reason.
    """
    with Extractor() as extractor:
        for file in tree.files:
            try:
                found = extractor.read(file.path, file.read())
            except (Unreadable, OSError) as error:
                complaints.append((file.path, str(error)))
                continue
            if found.complaint is not None:
                complaints.append((file.path, found.complaint))
            for one in found.functions:
                lines = one.end_line - one.start_line + 1
                if one.kind in KINDS and lines >= lines_min:
                    path = f"{tree.name}/{file.path}"
                    yield Piece(
                        path, one.start_line, one.end_line, one.symbol, found.language, one.code
                    )


def links_between(rows: Rows, pieces: Sequence[Piece], threshold: float) -> list[Link]:
    """Find the pairs of near pieces, the highest score first.

    Each language is searched for itself, so that the nearest in one do not hide those in another.

    Args:
        rows: unit rows (n, d), of the pieces.
        threshold: the least score of a link.
    """
    languages = np.array([one.language for one in pieces])
    found: dict[tuple[int, int], float] = {}
    for asked in dict.fromkeys(languages.tolist()):
        for among in dict.fromkeys(languages.tolist()):
            for at, near, score in _nearest(rows, languages == asked, languages == among):
                pair = (min(at, near), max(at, near))
                if score >= threshold and not pieces[at].overlaps(pieces[near]):
                    found[pair] = max(score, found.get(pair, -1.0))
    links = [Link(score, *pair) for pair, score in found.items()]
    return sorted(links, key=lambda link: (-link.score, link.first, link.second))


def _nearest(
    rows: Rows, asked: NDArray[np.bool_], among: NDArray[np.bool_]
) -> Iterator[tuple[int, int, float]]:
    scan, chunks = open_scan(USUAL), Chunks.of(rows)
    places = np.flatnonzero(asked)
    for start in range(0, len(places), QUERIES_AT_ONCE):
        part = places[start : start + QUERIES_AT_ONCE]
        # One more: a piece is its own nearest.
        scores, positions = scan.best(chunks, rows[part], NEIGHBOURS + 1, among)
        for at, row, near in zip(part, scores, positions, strict=True):
            for score, position in zip(row, near, strict=True):
                if position >= 0 and position != at:
                    yield int(at), int(position), float(score)


def grouped(links: Sequence[Link], threshold: float) -> list[Group]:
    """Join linked pieces into groups whose mean score reaches the threshold; the surest first.

    By average linkage: one link is no bridge between two groups that have nothing else in common.
    Of pieces that are not linked nothing is known but that they score less, or have many nearer
    ones: they count as a tenth below the threshold.

    >>> links = [Link(0.9, 0, 1), Link(0.8, 1, 2), Link(0.7, 3, 4), Link(0.6, 0, 2)]
    >>> [(group.score, [one for one, _ in group.members]) for group in grouped(links, 0.6)]
    [(0.8, [0, 1, 2]), (0.7, [3, 4])]
    """
    count = 1 + max((max(link.first, link.second) for link in links), default=-1)
    pairs = Pairs.of(
        [link.first for link in links],
        [link.second for link in links],
        [link.score for link in links],
    )
    of = average_linkage(count, pairs, threshold, absent=threshold - UNLINKED)
    best: dict[int, float] = {}
    for link in links:
        if of[link.first] == of[link.second]:
            for at in (link.first, link.second):
                best[at] = max(best.get(at, -1.0), link.score)
    members: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for at in sorted(best):
        members[int(of[at])].append((at, best[at]))
    groups = [
        Group(min(score for _, score in some), sorted(some, key=lambda one: (-one[1], one[0])))
        for some in members.values()
    ]
    return sorted(groups, key=lambda group: (-group.score, group.members[0][0]))


def told(group: Group, pieces: Sequence[Piece]) -> dict[str, Any]:
    """Write a group as JSON has it."""
    return {
        "score": round(group.score, 4),
        "languages": sorted({pieces[at].language for at, _ in group.members}),
        "members": [
            {
                "path": pieces[at].path,
                "start_line": pieces[at].start_line,
                "end_line": pieces[at].end_line,
                "symbol": pieces[at].symbol,
                "language": pieces[at].language,
                "score": round(score, 4),
            }
            for at, score in group.members
        ],
    }
