"""A sheet that plots are drawn on: a PNG, or a page of HTML that needs nothing beside itself."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Protocol

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1200, 800
INK, FAINT, PAPER = "#222222", "#cccccc", "#ffffff"
# Of Okabe and Ito, told apart by the colour-blind too; and darker ones.
COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a6a00", "#5e3c99",
    "#8c2d04", "#005a32",
)  # fmt: skip
SUFFIXES = (".png", ".html")
Point = tuple[float, float]


class Canvas(Protocol):
    """What can be drawn, in pixels from the upper left; `tip` is told where HTML is pointed at."""

    def dot(self, at: Point, radius: float, colour: str, tip: str = "") -> None:
        """Draw a dot."""
        ...

    def line(self, points: Sequence[Point], colour: str, width: float = 1.0) -> None:
        """Draw a line through points."""
        ...

    def block(self, low: Point, high: Point, colour: str, tip: str = "") -> None:
        """Fill a rectangle, lightly."""
        ...

    def words(self, at: Point, text: str, colour: str = INK, size: int = 14) -> None:
        """Write a line of text, which begins there and stands above it."""
        ...

    def save(self, path: Path) -> None:
        """Write the file.

        Raises:
            OSError: it cannot be written.
        """
        ...


class Page:
    """Draws SVG into a page of HTML."""

    def __init__(self, title: str) -> None:
        self._title = escape(title)
        self._parts: list[str] = []

    def dot(self, at: Point, radius: float, colour: str, tip: str = "") -> None:
        """Draw a dot."""
        place = f'cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}"'
        self._add(f'<circle {place} fill="{colour}" fill-opacity=".75"', "circle", tip)

    def line(self, points: Sequence[Point], colour: str, width: float = 1.0) -> None:
        """Draw a line through points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        style = f'fill="none" stroke="{colour}" stroke-width="{width:g}"'
        self._add(f'<polyline points="{path}" {style}', "polyline", "")

    def block(self, low: Point, high: Point, colour: str, tip: str = "") -> None:
        """Fill a rectangle, lightly."""
        size = f'width="{high[0] - low[0]:.1f}" height="{high[1] - low[1]:.1f}"'
        place = f'x="{low[0]:.1f}" y="{low[1]:.1f}" {size}'
        self._add(f'<rect {place} fill="{colour}" fill-opacity=".3"', "rect", tip)

    def words(self, at: Point, text: str, colour: str = INK, size: int = 14) -> None:
        """Write a line of text."""
        place = f'x="{at[0]:.1f}" y="{at[1]:.1f}" font-size="{size}" fill="{colour}"'
        halo = 'stroke="#fff" stroke-width="3" paint-order="stroke"'
        self._parts.append(f"<text {place} {halo}>{escape(text)}</text>")

    def save(self, path: Path) -> None:
        """Write the page."""
        shape = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" font-family="sans-serif"'
        path.write_text(
            f'<!doctype html><meta charset="utf-8"><title>{self._title}</title>\n'
            f'<svg xmlns="http://www.w3.org/2000/svg" {shape}>\n'
            + "\n".join(self._parts)
            + "\n</svg>\n",
            encoding="utf-8",
        )

    def _add(self, tag: str, name: str, tip: str) -> None:
        inside = f"><title>{escape(tip)}</title></{name}>" if tip else "/>"
        self._parts.append(tag + inside)


class Picture:
    """Draws a PNG, at twice its size first, so that edges are smooth."""

    def __init__(self) -> None:
        self._image = Image.new("RGB", (2 * WIDTH, 2 * HEIGHT), PAPER)
        self._draw = ImageDraw.Draw(self._image, "RGBA")

    def dot(self, at: Point, radius: float, colour: str, tip: str = "") -> None:
        """Draw a dot."""
        (x, y), r = at, 2 * radius
        self._draw.ellipse((2 * x - r, 2 * y - r, 2 * x + r, 2 * y + r), fill=colour + "bf")

    def line(self, points: Sequence[Point], colour: str, width: float = 1.0) -> None:
        """Draw a line through points."""
        self._draw.line([(2 * x, 2 * y) for x, y in points], colour, round(2 * width))

    def block(self, low: Point, high: Point, colour: str, tip: str = "") -> None:
        """Fill a rectangle, lightly."""
        edges = (2 * low[0], 2 * low[1], 2 * max(high[0], low[0]), 2 * max(high[1], low[1]))
        self._draw.rectangle(edges, fill=colour + "4c")

    def words(self, at: Point, text: str, colour: str = INK, size: int = 14) -> None:
        """Write a line of text."""
        font = ImageFont.load_default(2 * size)
        place = (2 * at[0], 2 * at[1])
        self._draw.text(place, text, colour, font, anchor="ls", stroke_width=3, stroke_fill=PAPER)

    def save(self, path: Path) -> None:
        """Write the picture."""
        self._image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(path, "PNG")


def canvas_for(path: Path, title: str) -> Canvas:
    """Return a sheet of the kind that a file's name asks for.

    Raises:
        ValueError: it asks for none.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path.name!r} is of no kind that is drawn: {' or '.join(SUFFIXES)}")
    return Picture() if suffix == ".png" else Page(title)
