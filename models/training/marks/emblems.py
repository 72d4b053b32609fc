"""Emblems composed at random: a plate with rims, a charge, a name on it; as badges are made.

What is drawn is no one's mark; two seeds seldom draw the same.
"""

import math
import random
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw

from models.training.marks.lettering import Colour, Type, coloured, slanted, written
from models.training.marks.outlines import (
    PLATES,
    Points,
    curve,
    mirrored,
    rounded,
    shard,
    star,
    stroke,
    turned,
)

SIDE = 288  # pixels, of the longer side


def colour(draw: random.Random) -> Colour:
    """Draw a colour: black, white, grey, or any."""
    kind = draw.random()
    if kind < 0.22:
        level = draw.randint(0, 40)
        return level, level, level
    if kind < 0.36:
        level = draw.randint(225, 255)
        return level, level, level
    if kind < 0.5:
        level = draw.randint(60, 210)
        return level, level, level
    return draw.randint(0, 255), draw.randint(0, 255), draw.randint(0, 255)


@dataclass(slots=True)
class Sheet:
    """A picture that is drawn on in the square [-1, 1]^2 over its box."""

    image: Image.Image

    @classmethod
    def blank(cls, width: int, height: int) -> "Sheet":
        """Start with nothing on it."""
        return cls(Image.new("RGBA", (width, height)))

    def fill(
        self, points: Points, ink: Colour | None, scale: float = 1.0, x: float = 0.0, y: float = 0.0
    ) -> None:
        """Fill an outline with a colour, or cut it out where there is none."""
        w, h = self.image.size
        spots = [((x + scale * px + 1) * w / 2, (y + scale * py + 1) * h / 2) for px, py in points]
        ImageDraw.Draw(self.image).polygon(spots, fill=(0, 0, 0, 0) if ink is None else (*ink, 255))

    def put(
        self, mask: Image.Image, ink: Colour | None, x: float, y: float, width: float, height: float
    ) -> None:
        """Put a mask into the box around (x, y) of a width and height, in halves of the side."""
        w, h = self.image.size
        size = max(1, round(width * w / 2)), max(1, round(height * h / 2))
        shape = mask.resize(size, Image.Resampling.BILINEAR)
        corner = round((x + 1) * w / 2 - size[0] / 2), round((y + 1) * h / 2 - size[1] / 2)
        if ink is not None:
            self.image.alpha_composite(Image.new("RGBA", (w, h)), (0, 0))
            layer = Image.new("RGBA", (w, h))
            layer.paste(coloured(shape, ink), corner)
            self.image.alpha_composite(layer)
            return
        hole = Image.new("L", (w, h))
        hole.paste(shape, corner)
        self.image.putalpha(ImageChops.subtract(self.image.getchannel("A"), hole))


def emblem(kit: Type, draw: random.Random) -> Image.Image:
    """Compose one emblem: mode RGBA, cut to what is seen."""
    aspect = draw.choice(
        (1.0, 1.0, 1.0, draw.uniform(0.7, 1.0), draw.uniform(1.0, 2.4), draw.uniform(1.3, 2.0))
    )
    width, height = (SIDE, round(SIDE / aspect)) if aspect > 1 else (round(SIDE * aspect), SIDE)
    sheet = Sheet.blank(width, height)
    inks = [colour(draw) for _ in range(3)]
    room = 0.95
    free = draw.random() < 0.3
    ink: Colour = inks[0]
    if not free:
        room, ink = _plate(sheet, draw, inks)
    layout = draw.random()
    if layout < 0.12:
        _ring_text(sheet, kit, draw, ink, room)
        _charge(sheet, kit, draw, ink, room * 0.6)
    elif layout < 0.3:
        _band(sheet, kit, draw, inks, room)
    else:
        _charge(sheet, kit, draw, ink, room)
        if draw.random() < 0.15:
            _charge(sheet, kit, draw, inks[2], room * 0.6)
    if draw.random() < 0.06:
        _wings(sheet, draw, inks)
    box = sheet.image.getchannel("A").getbbox()
    return sheet.image.crop(box) if box else emblem(kit, draw)


def _plate(sheet: Sheet, draw: random.Random, inks: list[Colour]) -> tuple[float, Colour]:
    """Lay a plate with up to three rims, or only its rim; return the room within and an ink."""
    outline = draw.choice(PLATES)(draw)
    scale = 1.0
    for rim in range(draw.choice((0, 1, 1, 1, 2, 2, 3))):
        sheet.fill(outline, inks[(rim + 1) % 3], scale)
        scale -= draw.uniform(0.04, 0.16)
    hollow = draw.random() < 0.4 and scale < 1.0
    sheet.fill(outline, None if hollow else inks[0], scale)
    if not hollow and draw.random() < 0.25:
        _fields(sheet, draw, outline, scale, inks)
    bleeds = draw.random() < 0.3
    ink = inks[1] if hollow else draw.choice((inks[1], inks[1], colour(draw)))
    if not hollow and max(abs(a - b) for a, b in zip(ink, inks[0], strict=True)) < 60:
        ink = tuple((c + 128) % 256 for c in ink)  # type: ignore[assignment]
    return (scale * draw.uniform(0.92, 1.1) if bleeds else scale * draw.uniform(0.55, 0.85)), ink


def _fields(
    sheet: Sheet, draw: random.Random, outline: Points, scale: float, inks: list[Colour]
) -> None:
    """Part a plate: quartered, halved, or striped."""
    part = Sheet.blank(*sheet.image.size)
    part.fill(outline, inks[2], scale)
    keep = Sheet.blank(*sheet.image.size)
    kind, turn = draw.random(), draw.choice((0.0, 0.0, math.pi / 4, math.pi / 2))
    if kind < 0.4:
        for x, y in ((-1, -1), (1, 1)):
            keep.fill(turned([(0, 0), (2 * x, 0), (2 * x, 2 * y), (0, 2 * y)], turn), (255,) * 3)
    elif kind < 0.6:
        keep.fill(turned([(-2, 0), (2, 0), (2, 2), (-2, 2)], turn), (255,) * 3)
    else:
        count = draw.randint(2, 7)
        for number in range(count):
            left = -1 + (2 * number + 0.5) / count
            right = left + 1 / count
            stripe = [(left, -2.0), (right, -2.0), (right, 2.0), (left, 2.0)]
            keep.fill(turned(stripe, turn), (255,) * 3)
    alpha = ImageChops.multiply(part.image.getchannel("A"), keep.image.getchannel("A"))
    part.image.putalpha(alpha)
    sheet.image.alpha_composite(part.image)


def _letters(sheet: Sheet, kit: Type, draw: random.Random, ink: Colour, room: float) -> None:
    mask = written(kit.letters(draw), draw.choice(kit.fonts), stroke=draw.choice((0, 0, 3, 7)))
    if draw.random() < 0.25:
        mask = slanted(mask, draw.uniform(-0.2, 0.4))
    sheet.put(mask, ink, 0, 0, 2 * room * draw.uniform(0.6, 1), 2 * room * draw.uniform(0.6, 1))


def _sign(sheet: Sheet, kit: Type, draw: random.Random, ink: Colour, room: float) -> None:
    font, sign = draw.choice(kit.signs)
    width, height = draw.uniform(0.7, 1), draw.uniform(0.7, 1)
    sheet.put(written(sign, font), ink, 0, 0, 2 * room * width, 2 * room * height)


def _mirrored(sheet: Sheet, kit: Type, draw: random.Random, ink: Colour, room: float) -> None:
    for number in range(draw.randint(1, 3)):
        half = sorted(((abs(x), y) for x, y in shard(draw, draw.randint(4, 8))), key=lambda p: p[1])
        if draw.random() < 0.6:
            half[0], half[-1] = (0.0, half[0][1]), (0.0, half[-1][1])
        sheet.fill(mirrored(half), ink if number != 1 else None, room)


def _blades(sheet: Sheet, kit: Type, draw: random.Random, ink: Colour, room: float) -> None:
    count = draw.choice((2, 3, 3, 4, 5, 6, 8))
    straight = draw.random() < 0.6
    blade = (
        shard(draw, draw.randint(3, 5)) if straight else stroke(curve(draw), draw.uniform(0.1, 0.3))
    )
    for number in range(count):
        spoke = [(x * 0.6, y * 0.6 - 0.4) for x, y in blade]
        sheet.fill(turned(spoke, 2 * math.pi * number / count), ink, room)


def _lines(sheet: Sheet, kit: Type, draw: random.Random, ink: Colour, room: float) -> None:
    width = draw.uniform(0.08, 0.35)
    for _ in range(draw.randint(1, 3)):
        line = curve(draw)
        sheet.fill(stroke(line, width), ink, room)
        if draw.random() < 0.7:
            sheet.fill(stroke([(-x, y) for x, y in line], width), ink, room)


def _rings(sheet: Sheet, kit: Type, draw: random.Random, ink: Colour, room: float) -> None:
    oval = rounded(2.0)
    for _ in range(draw.randint(1, 3)):
        w, h, wide = draw.uniform(0.25, 1), draw.uniform(0.25, 1), draw.uniform(0.06, 0.2)
        x, y = (draw.choice((0.0, draw.uniform(-0.4, 0.4))) for _ in range(2))
        rim = [(w * px, h * py) for px, py in [*oval, oval[0]]]
        sheet.fill(stroke(rim, wide), ink, room, x * room, y * room)


def _star(sheet: Sheet, kit: Type, draw: random.Random, ink: Colour, room: float) -> None:
    sheet.fill(star(draw), ink, room)


CHARGES = {
    _letters: 0.22, _sign: 0.2, _mirrored: 0.16, _blades: 0.16, _lines: 0.12, _rings: 0.08,
    _star: 0.06,
}  # fmt: skip


def _charge(sheet: Sheet, kit: Type, draw: random.Random, ink: Colour, room: float) -> None:
    """Put a figure in the middle."""
    (figure,) = draw.choices([*CHARGES], [*CHARGES.values()])
    figure(sheet, kit, draw, ink, room)


def _band(sheet: Sheet, kit: Type, draw: random.Random, inks: list[Colour], room: float) -> None:
    """Lay a band with a name across, or the name alone."""
    height, y = draw.uniform(0.25, 0.8), draw.choice((0.0, 0.0, draw.uniform(-0.4, 0.4)))
    ink = inks[1]
    if draw.random() < 0.5:
        over = draw.choice((room, 1.0))
        sheet.fill(
            [
                (-over, y - height / 2),
                (over, y - height / 2),
                (over, y + height / 2),
                (-over, y + height / 2),
            ],
            inks[2],
        )
        if inks[2] == ink:
            ink = inks[0]
    mask = written(kit.word(draw)[:10], draw.choice(kit.fonts), stroke=draw.choice((0, 0, 3)))
    sheet.put(
        mask, ink, 0, y, 2 * room * draw.uniform(0.75, 0.98), height * draw.uniform(0.55, 0.85)
    )


def _ring_text(sheet: Sheet, kit: Type, draw: random.Random, ink: Colour, room: float) -> None:
    """Set a name around the middle, letter by letter."""
    text, font = kit.word(draw)[:14], draw.choice(kit.fonts)
    span = min(2 * math.pi * 0.9, 0.32 * len(text) * draw.uniform(0.8, 1.3))
    size = draw.uniform(0.2, 0.32) * room
    below = draw.random() < 0.2
    for i, letter in enumerate(text):
        if letter == " ":
            continue
        angle = (i - (len(text) - 1) / 2) * span / len(text)
        mask = written(letter, font)
        square = Image.new("L", (max(mask.size) * 3 // 2,) * 2)
        square.paste(mask, ((square.width - mask.width) // 2, (square.height - mask.height) // 2))
        far = 0.85 * room
        x, y = far * math.sin(angle), -far * math.cos(angle)
        if below:
            y = -y
        turn = math.degrees(angle) * (1 if below else -1)
        sheet.put(square.rotate(turn, Image.Resampling.BILINEAR), ink, x, y, 2 * size, 2 * size)


def _wings(sheet: Sheet, draw: random.Random, inks: list[Colour]) -> None:
    """Spread feathers to both sides of what is there, made smaller."""
    w, h = sheet.image.size
    middle = sheet.image
    wide = Sheet.blank(2 * w, h)
    feathers, drop = draw.randint(2, 6), draw.uniform(-0.2, 0.5)
    for i in range(feathers):
        y = -0.35 + 0.8 * i / feathers
        reach = 1.0 - 0.12 * i * draw.uniform(0.5, 1.2)
        thick = 0.7 / feathers
        feather = [
            (0.0, y),
            (reach, y + drop * 0.3),
            (reach * 0.93, y + drop * 0.3 + thick),
            (0.0, y + thick),
        ]
        wide.fill(feather, inks[1])
        wide.fill([(-x, py) for x, py in feather], inks[1])
    wide.image.alpha_composite(middle, (w // 2, 0))
    sheet.image = wide.image
