"""Plots: places that mean something, in a PNG, and in a page that needs nothing beside itself."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.canvas import HEIGHT, WIDTH, canvas_for
from service.plots import draw_map, draw_scan, plane_of

SVG = "{http://www.w3.org/2000/svg}"


def clusters() -> tuple[list[str], list[str | None], NDArray[np.float32]]:
    chance = np.random.default_rng(0)
    middles = np.eye(3, 8)[np.repeat(np.arange(3), 20)]
    rows = middles + 0.05 * chance.standard_normal((60, 8))
    labels: list[str | None] = [["<a>", "b & c", None][at // 20] for at in range(60)]
    return [f"e{at}" for at in range(60)], labels, rows.astype(np.float32)


def svg_of(path: Path) -> ElementTree.Element:
    page = path.read_text("utf-8")
    assert not re.search(r"(src|href)\s*=|https?://(?!www\.w3\.org/2000/svg)", page)
    return ElementTree.fromstring(page[page.index("<svg") :])


def test_the_plane_is_that_of_the_largest_variance() -> None:
    rows = np.random.default_rng(0).standard_normal((200, 5)) * [1, 9, 0.1, 3, 0.2]
    flat, shares = plane_of(rows.astype(np.float32))
    away = rows - rows.mean(axis=0)
    _, values, axes = np.linalg.svd(away, full_matrices=False)
    np.testing.assert_allclose(np.abs(flat), np.abs(away @ axes[:2].T), atol=1e-4)
    np.testing.assert_allclose(shares, values[:2] ** 2 / (values**2).sum(), atol=1e-6)
    flat, shares = plane_of(np.ones((4, 3), np.float32))  # all at one place
    assert np.isfinite(flat).all()
    assert np.isfinite(shares).all()


def test_a_map_has_a_dot_for_each_exemplar_and_names_labels(tmp_path: Path) -> None:
    path = tmp_path / "map.html"
    canvas = canvas_for(path, "g <1>")
    draw_map(canvas, "g", *clusters())
    canvas.save(path)
    svg = svg_of(path)
    dots = [one for one in svg.iter(f"{SVG}circle") if one.find(f"{SVG}title") is not None]
    tips = [one.findtext(f"{SVG}title") for one in dots]
    assert (len(tips), tips[0], tips[20], tips[40]) == (60, "<a>: e0", "b & c: e20", "e40")
    places = np.array([[float(one.get("cx", "")), float(one.get("cy", ""))] for one in dots])
    middles = places.reshape(3, 20, 2).mean(axis=1, keepdims=True)
    inside = np.linalg.norm(places.reshape(3, 20, 2) - middles, axis=2).max()
    between = min(np.linalg.norm(middles[i] - middles[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert between > 3 * inside
    assert places.min() > 0
    assert (places < [WIDTH, HEIGHT]).all()
    words = [one.text for one in svg.iter(f"{SVG}text")]
    assert words.count("<a>") == words.count("b & c") == 2  # beside its dots, and in the legend


REPLY = {
    "scores": [{"seconds": [at, at + 1.0], "label": "a", "score": 0.1 * at} for at in range(8)],
    "found": [{"seconds": [7.0, 8.0], "label": "a", "score": 0.7, "threshold": 0.65}],
}


def test_a_scan_is_drawn_over_time(tmp_path: Path) -> None:
    path = tmp_path / "scan.html"
    canvas = canvas_for(path, "scan")
    draw_scan(canvas, "s.wav in g", REPLY)
    canvas.save(path)
    svg = svg_of(path)
    (found,) = svg.iter(f"{SVG}rect")
    assert found.findtext(f"{SVG}title") == "a 0.700, 7.00 to 8.00 s"
    (line,) = [one for one in svg.iter(f"{SVG}polyline") if one.get("stroke-width") == "1.2"]
    points = np.array([one.split(",") for one in line.get("points", "").split()], float)
    assert len(points) == 8
    assert (np.diff(points[:, 0]) > 0).all()
    assert (np.diff(points[:, 1]) < 0).all()  # higher scores stand higher
    left, width = float(found.get("x", "")), float(found.get("width", ""))
    assert points[-1, 0] == pytest.approx(left + width / 2, abs=0.1)
    empty = canvas_for(path, "scan")
    draw_scan(empty, "silence", {"scores": [], "found": []})
    empty.save(path)


def test_a_picture_shows_the_colours(tmp_path: Path) -> None:
    path = tmp_path / "map.PNG"
    canvas = canvas_for(path, "g")
    draw_map(canvas, "g", *clusters())
    canvas.save(path)
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (WIDTH, HEIGHT))
        colours = {colour for _, colour in picture.getcolors(1 << 20) or []}
    assert len(colours) > 10
    with pytest.raises(ValueError, match=r"\.png or \.html"):
        canvas_for(tmp_path / "map.svg", "g")
