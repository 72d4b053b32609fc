"""What a training changed: small enough to be carried, and scaled to keep what was known before.

Source: Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), arXiv:2109.01903:
weights between those of the start and those of the end are better on both than either.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

LEVELS = 127


def write_delta(path: Path, start: nn.Module, end: nn.Module) -> None:
    """Write the changes of the weights as int8, each row with its scale; a change is small.

    What did not change is left out.
    """
    arrays = {}
    before = start.state_dict()
    for name, weight in end.state_dict().items():
        change = (weight.cpu().float() - before[name].cpu().float()).numpy()
        if change.any():
            rows = change.reshape(len(change), -1) if change.ndim > 1 else change[None]
            scale = np.abs(rows).max(axis=1, keepdims=True).astype(np.float32) / LEVELS
            arrays[f"{name}:scale"] = scale
            levels = np.rint(rows / np.maximum(scale, 1e-30)).astype(np.int8)
            arrays[f"{name}:levels"] = levels.reshape(change.shape)
    np.savez_compressed(path, **arrays)


def add_delta(tower: nn.Module, path: Path, alpha: float = 1.0) -> None:
    """Add a share of the changes to the weights they were changes of."""
    state = tower.state_dict()
    with np.load(path) as kept:
        for key in (key for key in kept if key.endswith(":levels")):
            name = key.removesuffix(":levels")
            levels = kept[key].astype(np.float32)
            rows = levels.reshape(len(levels), -1) if levels.ndim > 1 else levels[None]
            change = (rows * kept[f"{name}:scale"]).reshape(levels.shape)
            state[name] += alpha * torch.from_numpy(change)


@torch.no_grad()
def between(start: nn.Module, end: nn.Module, alpha: float, into: nn.Module) -> nn.Module:
    """Set a module's weights to those at a share of the way from start to end."""
    there = into.state_dict()
    before, after = start.state_dict(), end.state_dict()
    for name, weight in there.items():
        weight.copy_(torch.lerp(before[name].float(), after[name].float(), alpha))
    return into
