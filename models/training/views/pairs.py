"""Batches of pairs: one view of each mark as a reference shows it, one as a photo does."""

import copy
import hashlib
from collections import defaultdict

import numpy as np
import torch
from numpy.typing import NDArray

from models.training.marks.atlas import Atlas
from models.training.recipe import Pair
from models.training.views.chance import Chance
from models.training.views.geometry import turned
from models.training.views.lockups import lockup
from models.training.views.pictures import clean, photo

HELD_OUT = 10  # one brand in so many is kept for evaluation
AT_ONCE = 48  # views: more would leave the processor's cache
LOCKUP_ASPECT_MAX = 2.5  # a wider mark is a name itself
NAMED = "word"  # the source whose marks are names, for lockups


def held_out(brand: str) -> bool:
    """Tell by its name alone whether a brand is kept for evaluation."""
    return int(hashlib.sha256(brand.encode()).hexdigest(), 16) % HELD_OUT == 0


class MarkPairs:
    """Draws batches of pairs of an atlas; the same seed and step give the same batch.

    Args:
        atlas: marks of which none is held out.
        photos: uint8 (m, 3, h, w), the grounds.
        side: of the pictures.
        shares: how much of a batch comes from each source.
        turns: the share of marks that are turned or mirrored, both views alike: another mark.
    """

    def __init__(
        self,
        atlas: Atlas,
        photos: torch.Tensor,
        side: int,
        shares: dict[str, float],
        seed: int,
        *,
        turns: float = 0.0,
    ) -> None:
        self.atlas, self.photos, self.side, self.seed = atlas, photos, side, seed
        self.turns = turns
        self.aspects = atlas.aspects()
        brands = sorted({mark.brand for mark in atlas.marks})
        number = {brand: i for i, brand in enumerate(brands)}
        self.labels = torch.tensor([number[mark.brand] for mark in atlas.marks])
        self.rows: dict[str, NDArray[np.int64]] = {
            source: np.array([i for i, m in enumerate(atlas.marks) if m.source == source])
            for source in shares
        }
        self.shares = {source: share for source, share in shares.items() if len(self.rows[source])}
        self.names = self.rows.get(NAMED, np.arange(len(atlas.marks)))
        self.lettered = np.array([mark.source == NAMED for mark in atlas.marks])
        self.kin = _kin(atlas)
        self.device = torch.device("cpu")
        self.held: torch.Tensor | None = None  # all marks, on a device

    def to(self, device: torch.device) -> "MarkPairs":
        """Draw on a device from now on: there the marks are held, and a batch is drawn at once."""
        moved = copy.copy(self)
        moved.device, moved.held = device, self.atlas.held(device)
        moved.aspects, moved.labels = self.aspects.to(device), self.labels.to(device)
        moved.photos = self.photos.to(device)
        return moved

    def draw(self, step: int, size: int) -> Pair:
        """Draw one batch."""
        rng = np.random.default_rng((self.seed, step))
        total = sum(self.shares.values())
        chosen = np.concatenate(
            [
                rng.choice(self.rows[source], round(size * share / total), replace=False)
                for source, share in self.shares.items()
            ]
        )
        most = AT_ONCE if self.held is None else len(chosen)
        drawn = [self._views(chosen[i : i + most], rng) for i in range(0, len(chosen), most)]
        first, second = (torch.cat(views) for views in zip(*drawn, strict=True))
        return Pair(first, second, self.labels[chosen])

    def _views(
        self, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw a clean picture of each mark, and a photo of it or of its kin."""
        others = np.array([rng.choice(self.kin[i]) if i in self.kin else i for i in rows.tolist()])
        chance = self._chance(rng, len(rows))
        (a, a_aspects), (b, b_aspects) = self._look(rows), self._look(others)
        if self.turns:
            few = self._chance(rng, len(rows))
            free = few.happens(self.turns) & torch.from_numpy(~self.lettered[rows]).to(self.device)
            which = few.integers(2, 3).bool() & free[:, None]
            (a, a_aspects), (b, b_aspects) = (
                turned(a, a_aspects, which),
                turned(b, b_aspects, which),
            )
        wide = a_aspects < LOCKUP_ASPECT_MAX
        with_a = chance.happens(0.1) & wide
        with_b = (chance.happens(0.4) & with_a) | (chance.happens(0.12) & wide)
        with_b &= torch.from_numpy(rows == others).to(self.device)
        named = (with_a | with_b).nonzero()[:, 0]
        if len(named):
            names = rng.choice(self.names, len(named))
            few = self._chance(rng, len(named))
            both, aspects = lockup(few, a[named], a_aspects[named], *self._look(names))
            for marks, shapes, chosen in ((a, a_aspects, with_a), (b, b_aspects, with_b)):
                marks[named[chosen[named]]] = both[chosen[named]]
                shapes[named[chosen[named]]] = aspects[chosen[named]]
        second = photo(chance, b, b_aspects, self.photos, self.side)
        first = clean(chance, a, a_aspects, self.side)
        heavy = chance.happens(0.12).nonzero()[:, 0]
        if len(heavy):
            few = self._chance(rng, len(heavy))
            first[heavy] = photo(few, a[heavy], a_aspects[heavy], self.photos, self.side)
        return first, second

    def _chance(self, rng: np.random.Generator, rows: int) -> Chance:
        return Chance(int(rng.integers(1 << 62)), rows, self.device)

    def _look(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return marks in [0, 1], and their proportions."""
        if self.held is None:
            return self.atlas.look(rows.tolist()), self.aspects[rows]
        chosen = torch.from_numpy(rows).to(self.device)
        return self.held[chosen].float() / 255, self.aspects[chosen]


def _kin(atlas: Atlas) -> dict[int, list[int]]:
    """List, for each mark, those of its brand that look like it: same proportions, same shape."""
    brands = defaultdict(list)
    for i, mark in enumerate(atlas.marks):
        brands[mark.brand].append(i)
    kin = {}
    for rows in brands.values():
        if len(rows) < 2:
            continue
        shapes = np.stack([_shape(atlas.pixels(i)) for i in rows])
        alike = shapes @ shapes.T > 0.5
        for i, row in enumerate(alike):
            near = [
                rows[j]
                for j in np.flatnonzero(row).tolist()
                if 0.75 < atlas.marks[rows[i]].aspect / atlas.marks[rows[j]].aspect < 1.33
            ]
            if len(near) > 1:
                kin[rows[i]] = near
    return kin


def _shape(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Describe a mark by where its edges are, whatever its colours; a unit row."""
    cells = pixels.reshape(4, 16, pixels.shape[1] // 16, 16, -1).mean((2, 4))
    small = cells.astype(np.float32)
    slopes = np.abs(np.diff(small, axis=1))[:, :, :-1] + np.abs(np.diff(small, axis=2))[:, :-1]
    row: NDArray[np.float32] = slopes.max(0).ravel()
    row -= row.mean()
    return row / max(float(np.linalg.norm(row)), 1e-6)
