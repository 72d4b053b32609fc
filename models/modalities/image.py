"""Pictures: png, jpeg, webp, gif and apng (the first frame), bmp, tiff; told by their bytes."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from models.errors import (
    ItemEmpty,
    ItemTooLarge,
    ItemUndecodable,
    ModalityUnsupported,
)
from models.modality import Array, Features, Item, Role, read_config
from models.pictures.fitting import Square, fitted
from models.pictures.reading import PIXELS_MAX, read

INPUT = "pixels"
COST_UNIT = "pixels"
MEDIA_TYPES = (
    "image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff",
)  # fmt: skip
SCHEMA = {
    "type": "object",
    "description": "A picture: png, jpeg, webp, gif, bmp or tiff, as base64 or as a data: URI.",
    "properties": {"image": {"type": "string", "minLength": 1}},
    "required": ["image"],
    "additionalProperties": False,
}
DATA_URI = re.compile(r"data:(image/[a-z0-9.+-]+);base64,", re.IGNORECASE)

Level = Annotated[int, Field(ge=0, le=255)]
Rgb = Annotated[list[Level], Field(min_length=3, max_length=3)]


class ImageConfig(BaseModel):
    """How a picture becomes pixels: the `preprocessing` of an image bundle's manifest.

    The graph takes `pixels`, uint8 (n, 3, size, size), red first, and scales them itself.

    Args:
        size: side of the square in pixels.
        fit: `pad` keeps the proportions and fills up with the ground; `stretch` does not.
        ground: red, green and blue of what is behind transparent pixels, and beside a padded
            picture.
        contrast: the ground taken instead, where more than half of what is visible of a picture
            with transparency is nearly of the ground's colour, and would vanish on it: a white mark
            on white. None: never.
        margin: share of the square's side that is left free on each side.
        trim: whether the transparent border of a picture is cut off first.
        emblem: whether a plain border is, too, and of a mark with a name below or beside it only
            the mark is kept.
        item_bytes_max: the largest encoded picture; a larger one is refused unread.
        pixels_max: the largest picture by its header; a larger one is refused undecoded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    size: int = Field(ge=8, le=2048)
    fit: Literal["pad", "stretch"] = "pad"
    ground: Rgb = [255, 255, 255]
    contrast: Rgb | None = None
    margin: float = Field(default=0.0, ge=0, le=0.4)
    trim: bool = False
    emblem: bool = False
    item_bytes_max: int = Field(default=16 << 20, gt=0)
    pixels_max: int = Field(default=PIXELS_MAX, gt=0, le=1_000_000_000)

    def square(self) -> Square:
        """Return the square that pictures are made to fit."""
        return Square(
            size=self.size,
            how=self.fit,
            ground=_colour(self.ground),
            contrast=None if self.contrast is None else _colour(self.contrast),
            margin=self.margin,
            trim=self.trim,
            emblem=self.emblem,
        )


@dataclass(frozen=True, slots=True)
class Picture:
    """The image modality of one bundle."""

    config: ImageConfig
    square: Square

    @property
    def cost_min(self) -> int:
        """The pixels of the square: every picture costs as much."""
        return self.config.size**2

    @property
    def cost_max(self) -> int:
        """The pixels of the square."""
        return self.config.size**2

    @property
    def inputs(self) -> tuple[str, ...]:
        """The name of the graph's input."""
        return (INPUT,)

    def decode(self, item: Item, *, role: Role | None = None, truncate: bool = True) -> Features:
        """Decode one encoded picture; roles mean nothing to it, and nothing is ever cut off."""
        if item.modality != "image" or not isinstance(item.content, bytes):
            raise ModalityUnsupported(
                f"this encoder reads pictures as bytes, not items of modality {item.modality!r}; "
                "send an image, or choose a model that lists that modality"
            )
        size, limit = len(item.content), self.config.item_bytes_max
        if not size:
            raise ItemEmpty("the picture has no bytes; send the whole file")
        if size > limit:
            raise ItemTooLarge(
                f"the picture has {size} bytes and the limit is {limit}; make it smaller, or save "
                "it as jpeg"
            )
        image, turn = read(item.content, pixels_max=self.config.pixels_max, square=self.square)
        pixels = fitted(image, self.square, orientation=turn)
        if pixels is None:
            raise ItemEmpty("the picture is transparent all over; send one that shows something")
        return Features(arrays={INPUT: pixels}, cost=self.cost_max, truncated=False)

    def collate(self, batch: Sequence[Features]) -> dict[str, Array]:
        """Stack the pictures of a batch: uint8 (n, 3, size, size)."""
        side = self.config.size
        if not batch:
            return {INPUT: np.empty((0, 3, side, side), np.uint8)}
        return {INPUT: np.stack([features.arrays[INPUT] for features in batch])}


def content_of(item: Mapping[str, object]) -> bytes:
    """Read the wire's item object `{"image": ...}`: base64, alone or in a data: URI.

    Raises:
        ItemUndecodable: it holds something else, or something more.
    """
    image = item.get("image")
    if not isinstance(image, str):
        raise ItemUndecodable('\'image\' is not a string; send {"image": "<base64>"}')
    if len(item) > 1:
        extra = ", ".join(repr(key) for key in item if key != "image")[:200]
        raise ItemUndecodable(f'an image item has no field {extra}; send {{"image": "..."}}')
    if image[:8].lower().startswith(("http://", "https://")):
        raise ItemUndecodable(
            "'image' is a URL, and this service fetches none; send the bytes as base64, or have "
            "its host allowed (SEMBLANCE_FETCH_HOSTS)"
        )
    uri = DATA_URI.match(image)
    try:
        return base64.b64decode(image[uri.end() :] if uri else image, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ItemUndecodable(
            f"'image' is neither base64 nor a data: URI of base64: {error}"
        ) from None


def build(config: Mapping[str, object], folder: Path) -> Picture:
    """Open the image modality of a bundle; it needs no file."""
    settings = read_config(ImageConfig, "image", config)
    return Picture(settings, settings.square())


def _colour(levels: Sequence[int]) -> tuple[int, int, int]:
    red, green, blue = levels
    return red, green, blue
