"""One hundred thousand brands: how well a mark is named among so many, and what they cost.

Galleries of the marks that are asked for and a crowd of others: designed marks, emblems, names in
type. `LOGOS_DATA` and `LOGOS_WORK` as for `logos`; what is drawn and embedded once is kept there,
and goes on where it stopped. `BRANDS=20000` takes part of the crowd.
"""

import csv
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Plot

from index.exemplar import Exemplar
from index.galleries import Galleries
from index.gallery import Gallery
from models.errors import InputError
from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from models.training.evaluation import Trial, recall
from models.training.marks.atlas import join, load_atlas
from models.training.marks.collections import LISTING
from models.training.marks.crowd import CHUNK, Crowd, listed
from models.training.marks.lettering import latin_fonts
from models.training.publishing import bundle_embed
from models.training.recipe import Embed
from models.training.recipes.logo import FONTS
from models.training.views.pairs import held_out
from tests.bench.curves import NAMES, trials_drawn
from tests.bench.figures import Figure, resident_bytes, seconds_of
from tests.bench.logos import BUNDLE, DATA, WORK

ON_REQUEST = True
MOST = int(os.environ.get("BRANDS", "100000"))
SIZES = [size for size in (1000, 10_000, 100_000) if size < MOST] + [MOST]
COUNT = 100_300  # of the crowd; a few are too faint to be seen
LISTED = "brand_names.txt"
PLOT = Path("docs/logos-brands.svg")
WHOLE = "vehicles387"
KEPT = "brands.json"
FORWARD = 8  # pictures
K, RATIO_MIN, INDEXED_FROM = 5, 0.8, 20_000
INDEX_SECONDS_MAX = 1800

Queries = tuple[np.ndarray, np.ndarray]
"""Rows (n, dim) and the places (n,) of what they show."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of one set of queries at one size; milliseconds, where a gallery was asked."""

    set: str
    size: int
    r1: float
    r5: float
    p50_ms: float | None = None
    p99_ms: float | None = None


@dataclass(slots=True)
class Stand:
    """What a gallery of some size is, and cost; seconds and bytes from its beginning on."""

    size: int
    enrol_seconds: float = 0.0
    index_seconds: float = 0.0
    index: str = ""
    index_recall: float = 1.0
    why: str | None = None
    memory: int = 0
    disk: int = 0
    asked: list[Asked] = field(default_factory=list)


def figures() -> list[Figure]:
    """Grow a gallery, and ask it at each size."""
    encoder = OnnxEncoder.open(BUNDLE, provider="cpu", threads=1)
    trials = trials_drawn()
    crowd = crowd_of(DATA, WORK)
    places, rows = embedded(crowd, encoder, MOST)
    own, queries = asked_of(trials, bundle_embed(encoder))
    stands = grown(encoder.space, own, rows, queries)
    makes = np.unique(trials[WHOLE].truth)
    few = queries[WHOLE][0], np.searchsorted(makes, trials[WHOLE].truth)
    for stand in stands:
        crowded = np.concatenate([own[makes], rows[: stand.size - len(makes)]])
        stand.asked.insert(0, exactly("vehicles34", *few, crowded))
    keep(encoder.space, stands)
    draw(stands, {name: len(rows) for name, (rows, _) in queries.items()})
    designed = rows[np.array([crowd.entries[place][0] == "mark" for place in places])]
    alone = np.concatenate([own, designed])
    return [
        *shown(stands),
        *(among_marks(exactly(name, *some, alone)) for name, some in queries.items()),
        *costs(stands[-1], crowd, encoder),
    ]


def asked_of(trials: Mapping[str, Trial], embed: Embed) -> tuple[np.ndarray, dict[str, Queries]]:
    """Embed the marks that are asked for, all makes and the brands held out, and the queries."""
    every, held = trials[WHOLE], trials["held_printed"]
    paired = held.references[: max(held.truth) + 1]  # the others are strangers, of another crowd
    own = embed([*every.references, *paired])
    queries = {
        WHOLE: (embed(every.queries), np.array(every.truth)),
        **{
            name: (embed(trials[name].queries), np.array(held.truth) + len(every.references))
            for name in ("held_printed", "held_seen")
        },
    }
    return own, queries


def crowd_of(data: Path, work: Path) -> Crowd:
    """Return the brands beside those that are asked for."""
    logos = data / "logos"
    makes = [path.stem for path in (data / "vehicles" / "references").glob("*.png")]
    names = (logos / LISTED).read_text(encoding="utf-8").splitlines()
    atlas = join([load_atlas(work / name) for name in ("svg", "emblem")])
    return Crowd(
        entries=listed(atlas, names, [*makes, *_paired(logos)], COUNT),
        atlas=atlas,
        fonts=lru_cache(lambda: latin_fonts(FONTS)),
        work=work,
    )


def _paired(logos: Path) -> list[str]:
    """List the held-out brands that stand in several sources: those are asked for."""
    sources: dict[str, set[str]] = defaultdict(set)
    with (logos / LISTING).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sources[row["brand"]].add(row["source"])
    return [brand for brand, some in sources.items() if len(some) > 1 and held_out(brand)]


def embedded(crowd: Crowd, encoder: OnnxEncoder, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places (n,) and unit rows (n, dim) of at least `count`, or of the whole crowd."""
    folder = crowd.folder / encoder.space.replace("/", "-").replace(":", "-")
    folder.mkdir(parents=True, exist_ok=True)
    started, parts, held = time.perf_counter(), [], 0
    for chunk in range(crowd.chunks):
        path = folder / f"{chunk:04}.npz"
        if not path.exists():
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                np.savez(file, **_embedded(crowd.pictures(chunk), encoder))
            part.replace(path)
            took = time.perf_counter() - started
            print(f"{chunk + 1} of {crowd.chunks} x {CHUNK} pictures, {took:.0f} s", flush=True)
        with np.load(path) as kept:
            parts.append((kept["places"], kept["rows"]))
        held += len(parts[-1][0])
        if held >= count:
            break
    places, rows = zip(*parts, strict=True)
    return np.concatenate(places), np.concatenate(rows)


def _embedded(pictures: Sequence[tuple[int, bytes]], encoder: OnnxEncoder) -> dict[str, np.ndarray]:
    """Embed pictures as the service does; what it refuses is left out."""
    places, features = [], []
    for place, picture in pictures:
        try:
            features.append(encoder.decode(Item("image", picture)))
        except InputError:
            continue
        places.append(place)
    rows = [
        encoder.forward(features[start : start + FORWARD])
        for start in range(0, len(features), FORWARD)
    ]
    return {"places": np.array(places), "rows": np.concatenate(rows)}


def grown(
    space: str,
    references: np.ndarray,
    crowd: np.ndarray,
    queries: Mapping[str, Queries],
) -> list[Stand]:
    """Enrol references and ever more of the crowd; ask at each size."""
    stands, stand = [], Stand(0)
    before = resident_bytes(os.getpid())
    with (
        tempfile.TemporaryDirectory() as name,
        closing(Galleries.open(Path(name))) as galleries,
    ):
        dim = references.shape[1]
        gallery, _ = galleries.create("brands", space=space, dim=dim)
        labels = [f"asked-{i}" for i in range(len(references))]
        for size in SIZES:
            rows = np.concatenate([references, crowd[: size - len(references)]])
            some = [*labels, *(f"crowd-{i}" for i in range(size - len(references)))]
            stand = Stand(size, stand.enrol_seconds, stand.index_seconds)
            for start in range(gallery.count, size, CHUNK):
                part = slice(start, min(start + CHUNK, size))
                exemplars = [
                    Exemplar(label, row, label)
                    for label, row in zip(some[part], rows[part], strict=True)
                ]
                stand.enrol_seconds += seconds_of(lambda e=exemplars: gallery.enrol(e))
            stand.index_seconds += seconds_of(lambda: wait_for_index(gallery))
            state = gallery.state()
            assert state.count == size, state
            stand.index, stand.index_recall = state.index_in_use, state.recall
            stand.why = state.index_why
            stand.asked = list(asked(gallery, queries))
            stand.memory = resident_bytes(os.getpid()) - before
            stand.disk = sum(f.stat().st_size for f in Path(name).rglob("*") if f.is_file())
            stands.append(stand)
    return stands


def wait_for_index(gallery: Gallery) -> None:
    """Wait until an index over nearly all rows, or a scan, was chosen; few rows need none."""
    started = time.monotonic()
    while gallery.count >= INDEXED_FROM and not (
        gallery.upkeep.why and gallery.upkeep.delta < 0.02 * gallery.count
    ):
        assert time.monotonic() - started < INDEX_SECONDS_MAX, "no index was chosen in time"
        time.sleep(0.2)


def asked(gallery: Gallery, queries: Mapping[str, Queries]) -> Iterator[Asked]:
    """Ask one query at a time, as callers do."""
    for name, (rows, truth) in queries.items():
        took, first, among = [], 0, 0
        for row, of in zip(rows, truth, strict=True):
            started = time.perf_counter()
            (hits,) = gallery.search(row[np.newaxis], K).hits
            took.append(1e3 * (time.perf_counter() - started))
            found = [hit.label for hit in hits]
            first += found[0] == f"asked-{of}"
            among += f"asked-{of}" in found
        p50, p99 = np.quantile(took, (0.5, 0.99))
        yield Asked(
            name, gallery.count, first / len(rows), among / len(rows), float(p50), float(p99)
        )


def draw(stands: Sequence[Stand], photos: Mapping[str, int]) -> None:
    """Draw recall over the size of the gallery, with 95 % of chance around it."""
    mpl.rcParams["svg.hashsalt"] = "semblance"  # the same plot is the same file
    plot = Plot(figsize=(5, 3.6), layout="constrained")
    axes = plot.subplots()
    for number, first in enumerate(stands[0].asked):
        size = [stand.size for stand in stands]
        right = np.array([stand.asked[number].r1 for stand in stands])
        spread = 1.96 * np.sqrt(right * (1 - right) / photos.get(first.set, photos[WHOLE]))
        axes.errorbar(
            size, right, spread, marker="o", capsize=3, linewidth=1, label=NAMES[first.set]
        )
    axes.set(xscale="log", ylim=(0, 1), xlabel="brands in the gallery", ylabel="R@1")
    axes.grid(color="0.9")
    axes.legend(fontsize=8, loc="lower left")
    plot.savefig(PLOT, metadata={"Date": None})


def exactly(name: str, queries: np.ndarray, truth: np.ndarray, rows: np.ndarray) -> Asked:
    """Ask rows (n, dim) without a gallery."""
    scores = queries @ rows.T
    return Asked(name, len(rows), recall(scores, truth, 1), recall(scores, truth, K))


def keep(space: str, stands: Sequence[Stand]) -> None:
    """Write the results down, for the plots."""
    found = {"space": space, "stands": [asdict(stand) for stand in stands]}
    (WORK / KEPT).write_text(json.dumps(found, indent=1))


def shown(stands: Sequence[Stand]) -> Iterator[Figure]:
    """Tell the recall at each size; the largest is held against the smallest."""
    for number, smallest in enumerate(stands[0].asked):
        for stand in stands:
            one = stand.asked[number]
            ratio = one.r1 / smallest.r1
            is_last = stand is stands[-1] and len(stands) > 1
            yield Figure(
                f"{one.set}: R@1 among {one.size}",
                f"{one.r1:.3f}",
                f"R@5 {one.r5:.3f}",
                ratio,
                f">= {RATIO_MIN}" if is_last else "",
                ratio >= RATIO_MIN if is_last else None,
            )


def among_marks(one: Asked) -> Figure:
    """Tell the recall among designed marks and emblems alone, which are harder than names."""
    what = f"{one.set}: R@1 among {one.size}, no names"
    return Figure(what, f"{one.r1:.3f}", f"R@5 {one.r5:.3f}")


def costs(stand: Stand, crowd: Crowd, encoder: OnnxEncoder) -> list[Figure]:
    """Return what the largest gallery cost, on the machine as it was."""
    pictures = crowd.pictures(0)
    each = seconds_of(lambda: _embedded(pictures, encoder)) / len(pictures)
    raw = 4 * encoder.dim * stand.size
    one = next(one for one in stand.asked if one.set == WHOLE)
    what = f"{stand.size} brands: "
    return [
        Figure(f"{what}decode and embed one", f"{1e3 * each:.1f} ms", "one thread"),
        Figure(f"{what}enrol", f"{stand.size / stand.enrol_seconds:.0f}/s", "fsynced, by 1000"),
        Figure(
            f"{what}then, index",
            f"{stand.index_seconds:.0f} s",
            f"{stand.index}, recall {stand.index_recall:.4f}",
        ),
        Figure(f"{what}search p50, k={K}", f"{one.p50_ms:.1f} ms", f"p99 {one.p99_ms:.1f} ms"),
        Figure(
            f"{what}memory", f"{stand.memory / 1e6:.0f} MB", f"raw {raw / 1e6:.0f} MB",
            stand.memory / raw,
        ),
        Figure(
            f"{what}disk", f"{stand.disk / 1e6:.0f} MB", f"raw {raw / 1e6:.0f} MB",
            stand.disk / raw,
        ),
    ]  # fmt: skip
