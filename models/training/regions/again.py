"""Scenes seen again in other colours and mirrored, since drawing one is dear."""

import numpy as np
import torch

from models.training.regions.scenes import Scene, Scenes

APART = 7  # batches between two looks at a scene


class Again:
    """Draws small scenes first and whole ones later, each several times.

    The same step gives the same batch.

    Args:
        small, whole: what is drawn; `whole` has twice the side, and a quarter as many in a batch.
        turn: the first step of whole scenes.
        times: how often a scene is seen.
    """

    def __init__(self, small: Scenes, whole: Scenes, turn: int, times: int = 2) -> None:
        self.small, self.whole, self.turn, self.times = small, whole, turn, times
        self.kept: dict[int, Scene] = {}

    def draw(self, step: int, size: int) -> Scene:
        """Draw the batch of a step."""
        number = step // self.times - APART * (step % self.times)
        if number not in self.kept:
            self.kept = {old: kept for old, kept in self.kept.items() if old > number - 2 * APART}
            early = number * self.times < self.turn
            scenes, count = (self.small, size) if early else (self.whole, size // 4)
            self.kept[number] = scenes.draw(number % (1 << 31), count)
        scene = self.kept[number]
        return varied(np.random.default_rng((self.small.seed, 1, step)), scene)


def varied(rng: np.random.Generator, scene: Scene) -> Scene:
    """Mirror a batch, swap its colours, turn it to its negative: each by chance.

    A mark in a mirror is no longer that mark, but its box still holds one: this is the proposer's
    right alone.
    """
    pixels, boxes = scene.pixels[:, torch.from_numpy(rng.permutation(3))], scene.boxes
    if rng.random() < 0.5:
        side = pixels.shape[-1]
        pixels = pixels.flip(3)
        boxes = torch.stack([side - boxes[:, 2], boxes[:, 1], side - boxes[:, 0], boxes[:, 3]], 1)
    if rng.random() < 0.2:
        pixels = 255 - pixels
    return Scene(pixels.contiguous(), boxes, scene.rows)
