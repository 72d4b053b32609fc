"""Plots: a gallery as a map, and a scan of a sound over time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.canvas import COLOURS, FAINT, HEIGHT, INK, WIDTH, Canvas

MARGIN, SIDE = 60, 220  # pixels around a plot, and for the legend beside it
POINTS_MAX = 20_000
NAMED_MAX = 20  # labels that have a name on a map; of more, nobody could tell the colours apart
OTHERS = "#999999"
SHORT = 26  # characters of a label


def plane_of(rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows (n, d) in the plane in which they lie most apart, (n, 2), and its shares (2,).

    Principal components: Pearson 1901. A share is that of the variance which an axis shows; the
    sign of an axis is that its largest coefficient is positive, so that a map stays as it is.
    """
    away = rows - rows.mean(axis=0, dtype=np.float64)
    values, axes = np.linalg.eigh(away.T @ away)
    axes = axes[:, ::-1][:, :2]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    flat = np.zeros((len(rows), 2))
    flat[:, : axes.shape[1]] = away @ (axes * signs)
    shares = np.zeros(2)
    shares[: axes.shape[1]] = values[::-1][:2].clip(0) / max(values.clip(0).sum(), 1e-12)
    return flat, shares


def draw_map(
    canvas: Canvas,
    name: str,
    ids: Sequence[str],
    labels: Sequence[str | None],
    rows: NDArray[np.float32],
) -> None:
    """Draw exemplars as dots, those of a label in one colour; up to `POINTS_MAX`, drawn by lot."""
    at = np.arange(len(rows))
    if len(at) > POINTS_MAX:
        at = np.sort(np.random.default_rng(0).choice(at, POINTS_MAX, replace=False))
    flat, shares = plane_of(rows[at])
    low, size = flat.min(axis=0), max(float(np.ptp(flat, axis=0).max()), 1e-9)
    room = np.array([WIDTH - 2 * MARGIN - SIDE, HEIGHT - 2 * MARGIN])
    scale = room.min() / size
    spare = (room - np.ptp(flat, axis=0) * scale) / 2
    places = (flat - low) * scale + spare + MARGIN
    places[:, 1] = HEIGHT - places[:, 1]
    chosen = at.tolist()
    own = [labels[i] for i in chosen]
    named = [
        one for one, _ in Counter(one for one in own if one is not None).most_common(NAMED_MAX)
    ]
    colour_of = {one: COLOURS[i % len(COLOURS)] for i, one in enumerate(named)}
    radius = 4.0 if len(at) < 2000 else 2.0
    for (x, y), i, label in zip(places.tolist(), chosen, own, strict=True):
        tip = ids[i] if label in (None, ids[i]) else f"{label}: {ids[i]}"
        canvas.dot((x, y), radius, colour_of.get(label or "", OTHERS), tip)
    for label in named:
        mine = places[[one == label for one in own]]
        x, y = np.median(mine, axis=0).tolist()
        canvas.words((x + 6, y), label[:SHORT], colour_of[label])
    canvas.words((MARGIN, MARGIN / 2), f"{name}: {len(rows)} exemplars", size=18)
    told = f"two principal components, {shares[0]:.0%} and {shares[1]:.0%} of the variance"
    told += f"; {len(at)} of {len(rows)} are drawn" if len(at) < len(rows) else ""
    canvas.words((MARGIN, HEIGHT - MARGIN / 3), told, OTHERS)
    _legend(canvas, colour_of, len(set(own) - {None}) - len(named))


def draw_scan(canvas: Canvas, title: str, reply: Mapping[str, Any]) -> None:
    """Draw the best score of every window over time, and what was found.

    Args:
        reply: of a scan of a sound, with `scores`.
    """
    scores, found = reply["scores"], reply["found"]
    end = max([one["seconds"][1] for one in (*scores, *found)], default=1.0)
    values = [one["score"] for one in scores]
    low, high = min([0.0, *values]), 1.0
    left, right, top, bottom = MARGIN, WIDTH - MARGIN - SIDE, MARGIN, HEIGHT - MARGIN

    def x_of(seconds: float) -> float:
        return float(left + (right - left) * seconds / end)

    def y_of(score: float) -> float:
        return float(bottom - (bottom - top) * (score - low) / (high - low))

    names = list(dict.fromkeys(str(one["label"]) for one in found))
    colour_of = {one: COLOURS[i % len(COLOURS)] for i, one in enumerate(names)}
    for score in np.linspace(low, high, 6):
        canvas.line([(left, y_of(score)), (right, y_of(score))], FAINT)
        canvas.words((left - 45, y_of(score) + 5), f"{score:.2f}", OTHERS)
    for at in np.linspace(0, end, 9):
        canvas.words((x_of(at) - 12, bottom + 22), f"{int(at // 60)}:{at % 60:04.1f}", OTHERS)
    for one in found:
        start, stop = one["seconds"]
        tip = f"{one['label']} {one['score']:.3f}, {start:.2f} to {stop:.2f} s"
        canvas.block((x_of(start), top), (x_of(stop), bottom), colour_of[str(one["label"])], tip)
    middles = [(sum(one["seconds"]) / 2, one["score"]) for one in scores]
    for part in _runs(sorted(middles)):
        canvas.line([(x_of(at), y_of(score)) for at, score in part], INK, 1.2)
    for one in found:
        middle = x_of(sum(one["seconds"]) / 2)
        words = str(one["label"])[:SHORT]
        canvas.words((middle - 4, y_of(one["score"]) - 6), words, colour_of[str(one["label"])])
    if found:
        line = y_of(found[0]["threshold"])
        canvas.line([(left, line), (right, line)], COLOURS[1], 1.0)
        canvas.words((right + 6, line + 5), f"threshold {found[0]['threshold']:.3f}", COLOURS[1])
    canvas.words((left, top / 2), f"{title}: {len(found)} found", size=18)
    canvas.words((left, HEIGHT - 12), "nearest label of each window, by its middle", OTHERS)
    _legend(canvas, colour_of, 0)


GAP = 4.0  # of usual steps, beyond which windows were silent between


def _runs(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Cut a line where nothing was heard."""
    if len(points) < 2:
        return []
    steps = [later[0] - one[0] for one, later in pairwise(points)]
    usual = float(np.median(steps))
    runs = [[points[0]]]
    for step, point in zip(steps, points[1:], strict=True):
        if step > GAP * max(usual, 1e-6):
            runs.append([])
        runs[-1].append(point)
    return [run for run in runs if len(run) > 1]


def _legend(canvas: Canvas, colour_of: Mapping[str, str], more: int) -> None:
    left = WIDTH - SIDE
    for line, (label, colour) in enumerate(list(colour_of.items())[:NAMED_MAX]):
        y = MARGIN + 24 * line
        canvas.dot((left, y), 6, colour)
        canvas.words((left + 14, y + 5), label[:SHORT])
    if more > 0:
        canvas.words((left, MARGIN + 24 * len(colour_of) + 5), f"and {more} labels more", OTHERS)
