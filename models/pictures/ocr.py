"""What stands in a picture in letters, read by RapidOCR. The only door to it.

RapidOCR brings its own use of ONNX Runtime, and OpenCV; no torch is loaded. Its models lie in its
wheel: nothing is fetched.
"""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.pictures.fitting import Square, fitted
from models.pictures.reading import PIXELS_MAX, read

PACKAGE = "rapidocr"
# What bounds the time of a reading: every picture becomes this square, and few lines are read.
SIDE = 480
LINES_MAX = 6
SQUARE = Square(SIDE, ground=(255, 255, 255), contrast=(0, 0, 0), margin=0.04)
SURE = 0.6  # of 1, below which what is read is mostly a figure that looks like a letter
SMALL = 0.4  # of the tallest line: what is smaller is no name of a brand
LINE_PIXELS = 48  # a line's height, as the recogniser takes it; a crop need be no finer
WIDE_MAX = 16  # width by height of a line that is looked at


class Reader:
    """Reads pictures, one after the other; safe to call from several threads.

    Args:
        threads: of one reading.

    Raises:
        ImportError: RapidOCR is not installed.
    """

    def __init__(self, *, threads: int) -> None:
        from rapidocr import RapidOCR  # noqa: PLC0415 - an extra, and a second to import

        few = {"intra_op_num_threads": threads, "inter_op_num_threads": 1}
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Det.limit_side_len": SIDE,
                "Det.limit_type": "max",
                **{f"EngineConfig.onnxruntime.{name}": value for name, value in few.items()},
            }
        )
        # Its settings are changed by each of its calls, and its memory is some 200 MB.
        self._turn = threading.Lock()
        # Its models are loaded at their first use: now, and not while somebody waits.
        blank = np.full((SIDE, SIDE, 3), 255, np.uint8)
        self._engine(blank, use_det=True, use_cls=False, use_rec=False)
        self._engine(blank[:LINE_PIXELS], use_det=False, use_cls=False, use_rec=True)

    def __call__(self, content: bytes) -> str:
        """Read a picture: its lines from top to bottom, without those that are small beside others.

        Args:
            content: of any format that is read; see :func:`models.pictures.reading.read`.

        Returns:
            What stands there; an empty text where nothing does, or nothing that is sure.

        Raises:
            InputError: the picture is at fault.
        """
        image, turn = read(content, pixels_max=PIXELS_MAX, canvas=SQUARE)
        pixels = fitted(image, SQUARE, orientation=turn)
        if pixels is None:
            return ""
        with self._turn:
            return " ".join(self._lines(pixels.transpose(1, 2, 0)))

    def _lines(self, pixels: NDArray[np.uint8]) -> list[str]:
        """Find the tallest lines of a picture (h, w, 3), and read them."""
        found = self._engine(_blue_first(pixels), use_det=True, use_cls=False, use_rec=False)
        if found.boxes is None:
            return []
        quads = [np.asarray(box, np.float64) for box in found.boxes]
        heights = [_sides(quad)[1] for quad in quads]
        least = sorted(heights)[-LINES_MAX:][0]
        tall = max(least, SMALL * max(heights))
        image = Image.fromarray(pixels)
        lines = []
        for quad, height in zip(quads, heights, strict=True):
            if height >= tall:
                line = _blue_first(np.asarray(_straightened(image, quad)))
                told = self._engine(line, use_det=False, use_cls=False, use_rec=True)
                if told.txts and told.scores[0] >= SURE:
                    lines.append(told.txts[0].strip())
        return lines


def _blue_first(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels[..., ::-1])


def _sides(quad: NDArray[np.float64]) -> tuple[float, float]:
    """Tell a box's width and height: (4, 2), clockwise from the upper left."""
    edges = np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1)
    return float(edges[[0, 2]].mean()), float(edges[[1, 3]].mean())


def _straightened(image: Image.Image, quad: NDArray[np.float64]) -> Image.Image:
    """Cut a slanted line out as an upright one."""
    width, height = _sides(quad)
    aspect = min(WIDE_MAX, max(width, 1.0) / max(height, 1.0))
    upper_left, upper_right, lower_right, lower_left = quad.tolist()
    return image.transform(
        (max(8, round(LINE_PIXELS * aspect)), LINE_PIXELS),
        Image.Transform.QUAD,
        (*upper_left, *lower_left, *lower_right, *upper_right),
        Image.Resampling.BICUBIC,
    )
