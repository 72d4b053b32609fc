"""What JPEG leaves of pictures: by the codec, or as tensor operations where a GPU draws them.

Source: ITU-T Recommendation T.81 (1992), annexes A.3 and K.1; quality as in libjpeg. What is coded
without loss, Huffman's part, is left out.
"""

import io
import math

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import avg_pool2d, interpolate

BLOCK = 8
# Table K.1 for brightness, K.2 for colour.
BRIGHTNESS = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
COLOUR = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99), (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * BLOCK,) * 4,
)  # fmt: skip
# JFIF's brightness, blueness, redness of red, green, blue.
YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def saved(pictures: torch.Tensor, qualities: torch.Tensor) -> torch.Tensor:
    """Save uint8 (n, 3, h, w) as JPEG of qualities (n,), colours halved, and read them again.

    On a GPU both sides are multiples of 16.
    """
    return (
        _coded(pictures, qualities)
        if pictures.device.type == "cpu"
        else rounded(pictures, qualities)
    )


def _coded(pictures: torch.Tensor, qualities: torch.Tensor) -> torch.Tensor:
    seen = []
    for picture, quality in zip(pictures, qualities.tolist(), strict=True):
        buffer = io.BytesIO()
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(buffer, "jpeg", quality=quality)
        seen.append(torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1))
    return torch.stack(seen) if seen else pictures


def rounded(pictures: torch.Tensor, qualities: torch.Tensor) -> torch.Tensor:
    """Do as `saved` by rounding what a cosine transform makes of blocks; on any device."""
    ycc = torch.tensor(YCC, device=pictures.device)
    planes = torch.einsum("cd,ndhw->nchw", ycc, pictures.float()).round()
    bright = _rounded(planes[:, :1] - 128, BRIGHTNESS, qualities) + 128
    small = avg_pool2d(planes[:, 1:], 2).round()
    colour = interpolate(
        _rounded(small, COLOUR, qualities), scale_factor=2, mode="bilinear", align_corners=False
    )
    back = torch.einsum("cd,ndhw->nchw", torch.linalg.inv(ycc), torch.cat([bright, colour], 1))
    return back.round().clamp(0, 255).to(torch.uint8)


def _rounded(
    planes: torch.Tensor, table: tuple[tuple[int, ...], ...], qualities: torch.Tensor
) -> torch.Tensor:
    """Round the cosine transforms of the blocks of (n, c, h, w) to multiples by a table."""
    rows, count, high, wide = planes.shape
    shape = (rows, count, high // BLOCK, BLOCK, wide // BLOCK, BLOCK)
    turn = _cosines(planes.device)
    scale = torch.where(qualities < 50, 5000 / qualities, 200 - 2 * qualities).floor()
    plain = torch.tensor(table, device=planes.device)
    step = ((plain * scale[:, None, None] + 50) / 100).floor().clamp(1, 255)
    step = step[:, None, None, :, None, :]
    waves = torch.einsum("ui,ncyixj,vj->ncyuxv", turn, planes.view(shape), turn)
    kept = (waves / step).round() * step
    levels = torch.einsum("ui,ncyuxv,vj->ncyixj", turn, kept, turn)
    return levels.reshape(planes.shape).round().clamp(-128, 127)


def _cosines(device: torch.device) -> torch.Tensor:
    """Return the (8, 8) orthonormal cosine transform."""
    index = torch.arange(BLOCK, device=device)
    turn = torch.cos(torch.pi / BLOCK * index[:, None] * (index + 0.5)) * math.sqrt(2 / BLOCK)
    turn[0] /= math.sqrt(2)
    return turn
