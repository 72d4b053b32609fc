"""What a line of print goes through: ink, paper, a scan; on a GPU as on the processor."""

import math

import torch
from torch.nn.functional import affine_grid, avg_pool2d, conv2d, grid_sample, interpolate, pad

BLOCK = 8  # pixels a side that JPEG compresses together


def worn(ink: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Wear lines, each in its own way.

    Args:
        ink: uint8 (n, h, w), 255 where there is ink.
        draw: on the device of the ink.

    Returns:
        uint8 (n, 1, h, w): grey, as scanned; ink is dark.
    """
    lines = ink[:, None].float() / 255
    lines = _bent(lines, draw)
    lines = _inked(lines, draw)
    lines = _scanned(lines, draw)
    return (lines.clamp(0, 1) * 255).round().to(torch.uint8)


def _uniform(like: torch.Tensor, low: float, high: float, draw: torch.Generator) -> torch.Tensor:
    """Draw one number per line, (n, 1, 1, 1)."""
    drawn = torch.rand(like.shape[0], 1, 1, 1, generator=draw, device=like.device)
    return low + (high - low) * drawn


def _chosen(like: torch.Tensor, share: float, draw: torch.Generator) -> torch.Tensor:
    """Choose so many of the lines: 1 or 0, (n, 1, 1, 1)."""
    return (_uniform(like, 0, 1, draw) < share).float()


def _field(like: torch.Tensor, cell: int, draw: torch.Generator) -> torch.Tensor:
    """Draw a field that changes slowly, of about a unit of deviation, (n, 1, h, w)."""
    n, _, h, w = like.shape
    size = (n, 1, max(2, h // cell), max(2, w // cell))
    coarse = torch.randn(size, generator=draw, device=like.device)
    return interpolate(coarse, (h, w), mode="bicubic")


def _bent(lines: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Turn, slant, stretch and bend a little: pages are not flat, and lines not straight."""
    n, _, h, w = lines.shape
    turn = _uniform(lines, -0.012, 0.012, draw)
    slant = _uniform(lines, -0.06, 0.06, draw)
    across, down = _uniform(lines, 0.9, 1.1, draw), _uniform(lines, 0.88, 1.2, draw)
    x, y = _uniform(lines, -0.015, 0.03, draw), _uniform(lines, -0.1, 0.1, draw)
    # The left edge stays where it is, as lines begin there.
    rows = torch.cat([across, slant * h / w, x + across - 1, turn * w / h, down, y], 3)
    grid = affine_grid(rows.view(n, 2, 3), [n, 1, h, w], align_corners=False)
    bend = _field(lines, 16, draw)[:, 0] * 0.03
    grid = torch.stack([grid[..., 0], grid[..., 1] + bend], -1)
    return grid_sample(lines, grid, mode="bilinear", align_corners=False)


def _inked(lines: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Let ink spread or fail: a blur, cut at a level that differs from place to place."""
    soft = _blurred(lines, _uniform(lines, 0.45, 1.1, draw))
    level = _uniform(lines, 0.2, 0.44, draw)
    level = level + _uniform(lines, 0.0, 0.12, draw) * _field(lines, 12, draw)
    level = level + _uniform(lines, 0.0, 0.14, draw) * _field(lines, 2, draw)
    sharp = _uniform(lines, 6, 18, draw)
    return torch.sigmoid((soft - level.clamp(0.08, 0.8)) * sharp)


def _scanned(lines: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Lay the ink on paper, and scan that: coarse, uneven, noisy, in two levels, compressed."""
    lines = _coarse(lines, draw)
    specks = (_field(lines, 1, draw) > _uniform(lines, 2.9, 4.5, draw)).float()
    lines = torch.maximum(lines, specks * _chosen(lines, 0.5, draw))
    paper = _uniform(lines, 0.72, 1.0, draw) + 0.06 * _field(lines, 24, draw)
    black = _uniform(lines, 0.0, 0.4, draw)
    grey = paper + (black - paper) * lines
    noise = torch.randn(grey.shape, generator=draw, device=grey.device)
    grey = grey + noise * _uniform(lines, 0, 0.05, draw)
    two = torch.sigmoid((grey - _uniform(lines, 0.4, 0.62, draw)) * 30)
    bilevel = _chosen(lines, 0.35, draw)
    grey = bilevel * two + (1 - bilevel) * grey
    pressed = _chosen(lines, 0.4, draw)
    return pressed * _compressed(grey, draw) + (1 - pressed) * grey


def _blurred(lines: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Blur each line by a Gaussian of its own, 7 pixels wide."""
    away = torch.arange(-3, 4, device=lines.device, dtype=lines.dtype)
    taps = torch.exp(-(away**2) / (2 * sigma.view(-1, 1) ** 2))
    taps = taps / taps.sum(1, keepdim=True)
    n = lines.shape[0]
    flat = pad(lines.transpose(0, 1), (3, 3, 3, 3), mode="replicate")
    flat = conv2d(flat, taps.view(n, 1, 1, 7), groups=n)
    return conv2d(flat, taps.view(n, 1, 7, 1), groups=n).transpose(0, 1)


def _coarse(lines: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Scan some at a half, or two thirds, of the pixels."""
    h, w = lines.shape[-2:]
    half = interpolate(avg_pool2d(lines, 2), (h, w), mode="bilinear")
    third = interpolate(
        interpolate(lines, (2 * h // 3, 2 * w // 3), mode="area"), (h, w), mode="bilinear"
    )
    kind = _uniform(lines, 0, 1, draw)
    return torch.where(kind < 0.3, half, torch.where(kind < 0.6, third, lines))


def _compressed(grey: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Round the cosines of blocks, the fine ones coarser, as JPEG does."""
    n, _, h, w = grey.shape
    k = torch.arange(BLOCK, device=grey.device, dtype=grey.dtype)
    turns = torch.cos(math.pi / BLOCK * (k[None] + 0.5) * k[:, None]) * math.sqrt(2 / BLOCK)
    turns[0] /= math.sqrt(2)
    blocks = grey.reshape(n, h // BLOCK, BLOCK, w // BLOCK, BLOCK).transpose(2, 3)
    cosines = turns @ blocks @ turns.T
    step = (1 + k[None] + k[:, None]) * _uniform(grey, 0.01, 0.09, draw).view(n, 1, 1, 1, 1)
    blocks = turns.T @ ((cosines / step).round() * step) @ turns
    return blocks.transpose(2, 3).reshape(n, 1, h, w)
