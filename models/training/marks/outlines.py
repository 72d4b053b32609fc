"""Outlines of badges and figures as polygons in the square [-1, 1]^2, y down."""

import math
import random
from collections.abc import Callable

Points = list[tuple[float, float]]


def regular(sides: int, turn: float = 0.0) -> Points:
    """Return a regular polygon, its first corner up."""
    return [
        (math.sin(turn + 2 * math.pi * i / sides), -math.cos(turn + 2 * math.pi * i / sides))
        for i in range(sides)
    ]


def rounded(power: float, corners: int = 72) -> Points:
    """Return a superellipse: 2 is a circle, 4 and above a square with round corners."""
    found = []
    for x, y in regular(corners):
        found.append(
            (
                math.copysign(abs(x) ** (2 / power), x),
                math.copysign(abs(y) ** (2 / power), y),
            )
        )
    return found


def shield(draw: random.Random) -> Points:
    """Draw a shield: flat, pointed or dented above, swung in to a point below."""
    dent, belly = draw.uniform(-0.18, 0.18), draw.uniform(0.4, 1.1)
    waist = draw.uniform(0.0, 0.45)
    right = [(0.0, -1 - dent), (draw.uniform(0.4, 0.8), -1.0), (1.0, -1 + draw.uniform(0, 0.15))]
    for i in range(1, 17):
        t = i / 16
        y = -0.85 + 1.85 * t
        x = (1 - max(0.0, (t - waist) / (1 - waist)) ** (1 / belly + 1)) if t > waist else 1.0
        right.append((max(0.0, x), y))
    return mirrored(right)


def blob(draw: random.Random) -> Points:
    """Draw a smooth outline that is its own mirror image."""
    waves = [(k, draw.gauss(0, 0.25 / k)) for k in range(2, 6)]
    found = []
    for i in range(72):
        angle = 2 * math.pi * i / 72
        radius = 1 + sum(a * math.cos(k * angle) for k, a in waves)
        found.append((radius * math.sin(angle), -radius * math.cos(angle)))
    far = max(max(abs(x), abs(y)) for x, y in found)
    return [(x / far, y / far) for x, y in found]


def star(draw: random.Random) -> Points:
    """Draw a star of three to twelve points."""
    points, inner = draw.choice((3, 4, 4, 5, 5, 6, 8, 12)), draw.uniform(0.15, 0.75)
    ring = regular(2 * points, draw.choice((0.0, 0.0, math.pi / points)))
    return [
        (x * (inner if i % 2 else 1), y * (inner if i % 2 else 1)) for i, (x, y) in enumerate(ring)
    ]


def shard(draw: random.Random, corners: int = 0) -> Points:
    """Draw a polygon of few corners around a random middle."""
    count = corners or draw.randint(3, 7)
    angles = sorted(draw.uniform(0, 2 * math.pi) for _ in range(count))
    x0, y0 = draw.uniform(-0.4, 0.4), draw.uniform(-0.4, 0.4)
    return [
        (x0 + draw.uniform(0.2, 0.9) * math.cos(a), y0 + draw.uniform(0.2, 0.9) * math.sin(a))
        for a in angles
    ]


def mirrored(right: Points) -> Points:
    """Close the right half of an outline, from top to bottom, by its mirror image."""
    return right + [(-x, y) for x, y in reversed(right)]


def stroke(points: Points, width: float) -> Points:
    """Widen an open line to a polygon."""
    above, below = [], []
    for i, (x, y) in enumerate(points):
        x0, y0 = points[max(0, i - 1)]
        x1, y1 = points[min(len(points) - 1, i + 1)]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        nx, ny = -(y1 - y0) / length * width / 2, (x1 - x0) / length * width / 2
        above.append((x + nx, y + ny))
        below.append((x - nx, y - ny))
    return above + below[::-1]


def curve(draw: random.Random) -> Points:
    """Draw a smooth open line: a quadratic Bezier curve."""
    (ax, ay), (bx, by), (cx, cy) = ((draw.uniform(-1, 1), draw.uniform(-1, 1)) for _ in range(3))
    found = []
    for i in range(17):
        t = i / 16
        u = 1 - t
        found.append(
            (u * u * ax + 2 * u * t * bx + t * t * cx, u * u * ay + 2 * u * t * by + t * t * cy)
        )
    return found


def turned(points: Points, angle: float) -> Points:
    """Turn an outline around the middle."""
    cos, sin = math.cos(angle), math.sin(angle)
    return [(x * cos - y * sin, x * sin + y * cos) for x, y in points]


PLATES: tuple[Callable[[random.Random], Points], ...] = (
    lambda draw: rounded(2.0),
    lambda draw: rounded(2.0),
    lambda draw: rounded(2.0),
    lambda draw: rounded(draw.uniform(2.5, 12)),
    lambda draw: regular(
        draw.choice((3, 4, 4, 5, 6, 6, 8)), draw.choice((0.0, 0.0, math.pi / 4, math.pi))
    ),
    shield,
    shield,
    blob,
    star,
)
