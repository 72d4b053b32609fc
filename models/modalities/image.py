"""Pictures: png, jpeg, webp, gif and apng (the first frame), bmp, tiff; told by their bytes."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.errors import (
    ItemEmpty,
    ItemTooLarge,
    ItemUndecodable,
    ModalityUnsupported,
    ReaderMissing,
)
from models.modality import Array, Features, Item, Reads, Role, read_config
from models.pictures.fitting import Square, fitted
from models.pictures.grams import Grams
from models.pictures.line import Strip, lined
from models.pictures.reading import PIXELS_MAX, read

INPUT, READS_INPUT = "pixels", "reads"
COST_UNIT = "pixels"
MEDIA_TYPES = (
    "image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff",
)  # fmt: skip
READS_CHARACTERS_MAX = 1000  # of the wire; an encoder looks at fewer
SCHEMA = {
    "type": "object",
    "description": "A picture: png, jpeg, webp, gif, bmp or tiff, as base64 or as a data: URI.",
    "properties": {
        "image": {"type": "string", "minLength": 1},
        "reads": {
            "description": "What stands in it in letters; true: the service is to read it.",
            "anyOf": [
                {"type": "string", "maxLength": READS_CHARACTERS_MAX},
                {"type": "boolean"},
                {"type": "null"},
            ],
        },
    },
    "required": ["image"],
    "additionalProperties": False,
}
DATA_URI = re.compile(r"data:(image/[a-z0-9.+-]+);base64,", re.IGNORECASE)

Level = Annotated[int, Field(ge=0, le=255)]
Rgb = Annotated[list[Level], Field(min_length=3, max_length=3)]


class GramsConfig(BaseModel):
    """How what a picture reads becomes ids; see :class:`models.pictures.grams.Grams`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sizes: list[Annotated[int, Field(ge=1, le=8)]] = Field(min_length=1, max_length=8)
    buckets: int = Field(ge=2, le=1 << 24)
    characters_max: int = Field(ge=1, le=1024)
    seed: int = Field(ge=0, le=0xFFFF_FFFF)


class ImageConfig(BaseModel):
    """How a picture becomes pixels: the `preprocessing` of an image bundle's manifest.

    The graph takes `pixels`, uint8 (n, 3, size, size), red first, and scales them itself; with
    `text`, it also takes `reads`, int32 (n, length), ids of what stands there in letters. Of a line
    of print, `pixels` are uint8 (n, 3, size, width).

    Args:
        size: side of the square in pixels; the height of a line of print.
        width: of a line of print, in pixels; with `fit` `line` only.
        fit: `pad` keeps the proportions and fills up with the ground; `stretch` does not; `line`
            takes the first line of print, and cuts it off at `width`.
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
        text: how what a picture reads becomes ids; None: the encoder sees pictures only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    size: int = Field(ge=8, le=2048)
    width: int | None = Field(default=None, ge=8, le=8192)
    fit: Literal["pad", "stretch", "line"] = "pad"
    ground: Rgb = [255, 255, 255]
    contrast: Rgb | None = None
    margin: float = Field(default=0.0, ge=0, le=0.4)
    trim: bool = False
    emblem: bool = False
    item_bytes_max: int = Field(default=16 << 20, gt=0)
    pixels_max: int = Field(default=PIXELS_MAX, gt=0, le=1_000_000_000)
    text: GramsConfig | None = None

    @model_validator(mode="after")
    def _width_of_lines(self) -> "ImageConfig":
        if (self.fit == "line") != (self.width is not None):
            raise ValueError("a width is needed for lines of print, and for nothing else")
        return self

    def canvas(self) -> Square | Strip:
        """Return what pictures are made to fit."""
        if self.fit == "line":
            return Strip(self.size, self.width or self.size, _colour(self.ground))
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
    canvas: Square | Strip
    grams: Grams | None = None

    @property
    def cost_min(self) -> int:
        """The pixels of the square, or of the line: every picture costs as much."""
        return self.config.size * (self.config.width or self.config.size)

    @property
    def cost_max(self) -> int:
        """The pixels of the square, or of the line."""
        return self.cost_min

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the graph's inputs."""
        return (INPUT, READS_INPUT) if self.is_lettered else (INPUT,)

    @property
    def is_lettered(self) -> bool:
        """Whether it takes what a picture reads."""
        return self.grams is not None

    def decode(self, item: Item, *, role: Role | None = None, truncate: bool = True) -> Features:
        """Decode one encoded picture, and what it reads; roles mean nothing to it.

        Of what it reads the beginning is taken, where that is too long for the encoder.

        Raises:
            ReaderMissing: it is still to be read.
        """
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
        arrays, cut = self._lettered(item.reads, truncate=truncate)
        canvas = self.canvas
        image, turn = read(item.content, pixels_max=self.config.pixels_max, canvas=canvas)
        if isinstance(canvas, Strip):
            pixels = lined(image, canvas, orientation=turn)
        else:
            pixels = fitted(image, canvas, orientation=turn)
        if pixels is None:
            raise ItemEmpty("the picture is transparent all over; send one that shows something")
        return Features(arrays={INPUT: pixels} | arrays, cost=self.cost_max, truncated=cut)

    def collate(self, batch: Sequence[Features]) -> dict[str, Array]:
        """Stack the pictures of a batch, uint8 (n, 3, height, width), and what they read."""
        if batch:
            return {name: np.stack([one.arrays[name] for one in batch]) for name in self.inputs}
        shape = (0, 3, self.config.size, self.config.width or self.config.size)
        none: dict[str, Array] = {INPUT: np.empty(shape, np.uint8)}
        if self.grams is not None:
            none[READS_INPUT] = np.empty((0, self.grams.length), np.int32)
        return none

    def _lettered(self, reads: Reads, *, truncate: bool) -> tuple[dict[str, Array], bool]:
        """Number what a picture reads, and tell whether some of it was cut off."""
        if self.grams is None:
            if reads is not None:
                raise ModalityUnsupported(
                    "this encoder sees pictures and reads no letters: leave 'reads' out, or choose "
                    "a model that has 'text' in its preprocessing"
                )
            return {}, False
        if reads is True:
            raise ReaderMissing(
                '"reads": true asks this service to read the picture, and it has no reader: '
                "install semblance[ocr] and set SEMBLANCE_READ_MARKS=true, or send what it reads"
            )
        ids, cut = self.grams.ids(reads or "")
        if cut and not truncate:
            raise ItemTooLarge(
                f"'reads' has more than {self.grams.characters_max} letters, which is what this "
                "encoder takes; send fewer, or allow it to be cut"
            )
        return {READS_INPUT: ids}, cut


def item_of(item: Mapping[str, object]) -> Item:
    """Read the wire's item object `{"image": ..., "reads": ...}`.

    Raises:
        InputError: it holds something else, or something more.
    """
    extra = ", ".join(repr(key) for key in item if key not in ("image", "reads"))[:200]
    if extra:
        raise ItemUndecodable(
            f'an image item has no field {extra}; send {{"image": "...", "reads": "..."}}'
        )
    return Item("image", _content(item), _reads(item.get("reads")))


def _reads(value: object) -> Reads:
    """Read what a picture is said to read; nothing but blanks is nothing.

    Raises:
        ItemUndecodable: it is neither a text nor true.
        ItemTooLarge: it is too long.
    """
    if value is None or value is False:
        return None
    if value is True:
        return True
    if not isinstance(value, str):
        raise ItemUndecodable("'reads' is what stands in the picture, or true to have it read")
    if len(value) > READS_CHARACTERS_MAX:
        raise ItemTooLarge(
            f"'reads' has {len(value)} characters; the limit is {READS_CHARACTERS_MAX}: send what "
            "is large in the picture"
        )
    return value.strip() or None


def _content(item: Mapping[str, object]) -> bytes:
    """Read base64, alone or in a data: URI.

    Raises:
        ItemUndecodable: it is neither.
    """
    image = item.get("image")
    if not isinstance(image, str):
        raise ItemUndecodable('\'image\' is not a string; send {"image": "<base64>"}')
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
    text = settings.text
    grams = None if text is None else Grams(**text.model_dump())
    return Picture(settings, settings.canvas(), grams)


def _colour(levels: Sequence[int]) -> tuple[int, int, int]:
    red, green, blue = levels
    return red, green, blue
