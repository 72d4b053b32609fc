"""What words cost beside vectors: time of a query, of a write, memory and disk; and SQLite's FTS5.

Exemplars of 40 words, spread as words are (Zipf). MILLION=1 adds a million of them, in memory.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import median

import apsw
import numpy as np

from index.bags import packed
from index.exemplar import Exemplar
from index.fusion import WEIGHT
from index.galleries import Galleries
from index.gallery import Gallery
from index.lexicon import Lexicon
from index.segment import ROWS_MAX, Segment
from index.words import split
from tests.bench.figures import Figure, seconds_of

DIM, K, QUERIES, WORDS_EACH, QUERY_WORDS = 384, 10, 30, 40, 6
BATCH = 1000
SIZES = tuple(int(one) for one in os.environ.get("SIZES", "6267,100000").split(","))
MILLION = "MILLION" in os.environ
VOCABULARY, EXPONENT = 200_000, 1.1
ALPHABET = "bcdfghklmnprstvz"


def figures() -> list[Figure]:
    """Measure galleries of each size with and without words, then a million without a gallery."""
    found = [figure for rows in SIZES for figure in measured(rows)]
    return [*found, *(million() if MILLION else ())]


def texts(rows: int, seed: int, words: int = WORDS_EACH) -> list[str]:
    """Return texts of so many words, the n-th commonest of which is met n ** -EXPONENT as often."""
    shares = np.arange(1, VOCABULARY + 1) ** -EXPONENT
    edges = np.cumsum(shares / shares.sum())
    drawn = np.searchsorted(edges, np.random.default_rng(seed).random((rows, words)))
    named = [_named(number) for number in range(VOCABULARY)]
    return [" ".join([named[min(at, VOCABULARY - 1)] for at in row]) for row in drawn.tolist()]


def _named(number: int) -> str:
    return "".join(ALPHABET[(number >> shift) & 15] for shift in (16, 12, 8, 4, 0))


def measured(rows: int) -> list[Figure]:
    """Fill a gallery with words, one without, and a table of FTS5, and ask all three the same."""
    said, asked = texts(rows, 0), texts(QUERIES, 1, QUERY_WORDS)
    chance = np.random.default_rng(2)
    vectors = chance.standard_normal((rows, DIM), np.float32)
    queries = chance.standard_normal((QUERIES, DIM), np.float32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        galleries = Galleries.open(folder)
        seconds, sizes = [], []
        for gallery_name, weight in (("plain", None), ("words", WEIGHT)):
            gallery, _ = galleries.create(
                gallery_name, space="s", dim=DIM, index="scan", lexical=weight
            )
            seconds.append(filled(gallery, batches(said, vectors)))
            galleries._database.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            sizes.append((folder / "semblance.db").stat().st_size)
        dense = each(lambda at: gallery.search(queries[at : at + 1], K))
        both = each(lambda at: gallery.search(queries[at : at + 1], K, texts=asked[at : at + 1]))
        lexicon = gallery._published.seen().lexicon
        assert lexicon is not None
        words = each(lambda at: lexicon.matched(split(asked[at])))
        held = bytes_of(lexicon) / rows
        galleries.close()
        inserted, fts, disk = fts5(folder / "fts.db", said, asked)
    what = f"{rows // 1000} K x 40 words"
    return [
        Figure(f"{what}: a query's words", f"{words:.1f} ms", f"FTS5 {fts:.1f} ms", words / fts),
        Figure(
            f"{what}: words and vectors", f"{both:.1f} ms", f"vectors {dense:.1f} ms", both / dense
        ),
        Figure(
            f"{what}: enrolment", f"{rows / seconds[1]:.0f}/s",
            f"without {rows / seconds[0]:.0f}/s", seconds[1] / seconds[0],
        ),
        Figure(f"{what}: FTS5 beside it", f"{rows / inserted:.0f}/s", "split, inserted"),
        Figure(f"{what}: memory of one", f"{held:.0f} B", f"vector {4 * DIM} B", held / (4 * DIM)),
        Figure(
            f"{what}: disk of one", f"{(sizes[1] - 2 * sizes[0]) / rows:.0f} B",
            f"FTS5 {disk / rows:.0f} B", (sizes[1] - 2 * sizes[0]) / max(1, disk),
        ),
    ]  # fmt: skip


def filled(gallery: Gallery, some: Iterator[list[Exemplar]]) -> float:
    """Enrol batch after batch; return the seconds that it took."""
    return sum(seconds_of(lambda batch=batch: gallery.enrol(batch)) for batch in some)


def batches(said: Sequence[str], vectors: np.ndarray) -> Iterator[list[Exemplar]]:
    """Yield exemplars, so many at a time."""
    every = (
        Exemplar(str(at), row, None, None, {"text": text})
        for at, (text, row) in enumerate(zip(said, vectors, strict=True))
    )
    while some := list(islice(every, BATCH)):
        yield some


def each(ask: Callable[[int], object]) -> float:
    """Return the median milliseconds of one query."""
    return 1e3 * median(seconds_of(lambda at=at: ask(at)) for at in range(QUERIES))


def bytes_of(lexicon: Lexicon) -> int:
    """Count what the arrays of a lexicon take."""
    names = ("numbers", "lengths", "terms", "starts", "docs", "counts")
    return sum(getattr(one, name).nbytes for one in lexicon.segments for name in names)


def fts5(path: Path, said: Sequence[str], asked: Sequence[str]) -> tuple[float, float, int]:
    """Return seconds to fill a contentless table, milliseconds of a query, and bytes on disk."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE VIRTUAL TABLE words USING fts5"
        "(said, content='', contentless_delete=1, tokenize='ascii')"
    )

    def fill() -> None:
        for start in range(0, len(said), BATCH):
            with connection:
                some = enumerate(said[start : start + BATCH], start=start)
                connection.executemany(
                    "INSERT INTO words (rowid, said) VALUES (?, ?)",
                    [(at, " ".join(split(text))) for at, text in some],
                )

    inserted = seconds_of(fill)
    statement = "SELECT rowid, rank FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?"
    took = each(
        lambda at: connection.execute(statement, (" OR ".join(split(asked[at])), K)).fetchall()
    )
    connection.close()
    return inserted, took, path.stat().st_size


def million() -> list[Figure]:
    """Make a lexicon of a million texts, as a start does, and ask it."""
    rows, asked = 1_000_000, texts(QUERIES, 1, QUERY_WORDS)
    segments, seconds = [], 0.0
    for first in range(0, rows, ROWS_MAX):
        numbers = range(first, min(rows, first + ROWS_MAX))
        bags = [packed(text.split()) for text in texts(len(numbers), 3 + first)]
        seconds += seconds_of(lambda: segments.append(Segment.of(numbers, bags)))  # noqa: B023
    lexicon = Lexicon(tuple(segments))
    words = each(lambda at: lexicon.matched(split(asked[at])))
    return [
        Figure("1 M x 40 words: a query's words", f"{words:.1f} ms"),
        Figure("1 M x 40 words: indexed at a start", f"{seconds:.1f} s"),
        Figure("1 M x 40 words: memory of one", f"{bytes_of(lexicon) / rows:.0f} B"),
    ]
