"""Regions of a picture: what a small net proposes, cut out as pictures; and the picture whole."""

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import ItemEmpty, ModalityUnsupported
from models.modality import Item
from models.pictures.fitting import TURNS, Square, fitted, flattened
from models.pictures.reading import PIXELS_MAX, format_of, read, undecodable
from models.region import Propose, Region, apart

GREY = (128, 128, 128)
WHITE = (255, 255, 255)
# Regions are cut from the picture at this size: a mark of a thirtieth of it has 40 pixels.
WORKING_SIDE = 1280
SIDE_MIN = 8  # pixels of the working picture, below which nothing can be told
MARGIN = 0.08  # share of a box's sides that is cut out around it: a box is never quite right
OVERLAP_MAX = 0.5  # of two boxes, beyond which the less likely one is the same thing


class PictureRegions:
    """Proposes boxes, in pixels of the upright picture: see :class:`models.region.Regions`.

    Args:
        propose: the net; see :mod:`models.region`.
        side: of the square that it takes.
        pixels_max: the largest picture by its header.
    """

    place = "box"

    def __init__(self, propose: Propose, *, side: int, pixels_max: int) -> None:
        self._propose = propose
        self._square = Square(side, ground=GREY)
        self._pixels_max = pixels_max

    def of(self, item: Item, most: int) -> list[Region]:
        """Propose regions of a picture, the likeliest first, and the whole picture last."""
        if item.modality != "image" or not isinstance(item.content, bytes):
            raise ModalityUnsupported(
                f"regions are looked for in pictures, not in items of modality {item.modality!r}; "
                "send an image"
            )
        picture, across = upright(item.content, self._pixels_max)
        scale = across / picture.width
        found = []
        for box, score in self._boxes(picture)[: max(0, most - 1)]:
            places = [round(float(edge) * scale, 1) for edge in box]
            low, high = (places[0], places[1]), (places[2], places[3])
            found.append(Region(low, high, _cut(picture, box), score))
        size = (round(picture.width * scale, 1), round(picture.height * scale, 1))
        return [*found, Region((0.0, 0.0), size, item, 0.0)]

    def _boxes(self, picture: Image.Image) -> list[tuple[NDArray[np.float64], float]]:
        """Return boxes in pixels of the picture, none the same thing as a likelier one."""
        pixels = fitted(picture, self._square)
        assert pixels is not None  # it has no alpha
        boxes, scores = self._propose(pixels[None])
        side = self._square.size
        inner = np.array(self._square.inner(*picture.size))
        offset, size = (side - inner) // 2, np.array(picture.size)
        edges = (boxes[0].reshape(-1, 2, 2) * side - offset) / inner * size
        edges = np.clip(edges, 0, size)
        good = np.all(edges[:, 1] - edges[:, 0] >= SIDE_MIN, axis=1) & np.isfinite(scores[0])
        kept = apart(edges[good].reshape(-1, 4), scores[0][good], OVERLAP_MAX)
        return [(edges[good].reshape(-1, 4)[at], float(scores[0][good][at])) for at in kept]


def build(propose: Propose, side: int, config: Mapping[str, object]) -> PictureRegions:
    """Open the regions of pictures of one bundle."""
    pixels_max = config.get("pixels_max", PIXELS_MAX)
    assert isinstance(pixels_max, int)  # the modality has read it before
    return PictureRegions(propose, side=side, pixels_max=pixels_max)


def upright(content: bytes, pixels_max: int) -> tuple[Image.Image, int]:
    """Decode a picture to be looked at: RGB on white, turned upright, within the working size.

    Returns:
        The picture, and how wide it is by its header, turned as well.

    Raises:
        InputError: the picture is at fault.
    """
    if not content:
        raise ItemEmpty("the picture has no bytes; send the whole file")
    name, look = format_of(content)
    with undecodable(name):
        header = look(content)
    image, turn = read(content, pixels_max=pixels_max, canvas=Square(WORKING_SIDE // 2))
    image.thumbnail((WORKING_SIDE, WORKING_SIDE))
    if image.mode == "RGBA":
        image = Image.fromarray(flattened(np.asarray(image), WHITE))
    if turn in TURNS:
        image = image.transpose(TURNS[turn])
    return image, header.height if turn in (5, 6, 7, 8) else header.width


def _cut(picture: Image.Image, box: NDArray[np.float64]) -> Item:
    """Cut a box out, with its margin; uncompressed, which costs least to write and read."""
    around = MARGIN * (box[2:] - box[:2])
    low = np.floor(np.maximum(box[:2] - around, 0)).astype(int)
    high = np.ceil(np.minimum(box[2:] + around, picture.size)).astype(int)
    file = io.BytesIO()
    picture.crop((*low.tolist(), *high.tolist())).save(file, "BMP")
    return Item("image", file.getvalue())
