"""Pairs of one recording, drawn and altered on the device where it is learnt: CLMR's chain."""

import torch

from models.training.recipe import Pair
from models.training.sounds.altering import Chances, altered, as_samples, uniform
from models.training.sounds.clips import RATE, Clips
from models.training.sounds.shelf import Shelf, generator, learner

# Of CLMR's chain (arXiv:2103.09410, section 3.1): polarity, filters, delay, reverberation with its
# chances; gain is undone by the level that serving gives; noise oftener, as it is asked for.
CLMR = Chances(
    polarity=0.8,
    echo=0.6,
    echo_seconds=1.0,
    delay=0.3,
    bands_db=8.0,
    line=0.8,
    telephone=0.15,
    noise=0.5,
    noise_db=(0.0, 30.0),
    babble=0.2,
    clip=0.1,
    coarse=0.1,
)
FAST_OCTAVES = 0.11  # by which a view is heard faster or slower: 8 %
ITEM_OCTAVES = 0.6  # by which an item is: another item then
APART_SECONDS = 1.5  # that one crop of an item may begin after the other
OTHER = 0.5  # how many items are of two recordings at once


class RecordingPairs:
    """Pairs of crops of one recording, each altered.

    There are more items than recordings: an item may be heard faster or slower, backwards, or
    together with another, in both of its views alike.

    Args:
        recordings: of any length; shorter ones than the window are repeated.
        samples: of a window, at `RATE`.
        apart: seconds that one crop of an item may begin after the other.
        resampled: how many samples are made of those of a window; None: as many.
    """

    def __init__(
        self,
        recordings: Clips,
        samples: int,
        seed: int,
        *,
        chances: Chances = CLMR,
        apart: float = APART_SECONDS,
        resampled: int | None = None,
    ) -> None:
        self.shelf = Shelf(recordings, learner())
        self.samples, self.seed, self.chances = samples, seed, chances
        self.apart, self.resampled = apart, resampled

    def draw(self, step: int, size: int) -> Pair:
        """Draw the batch of a step; see `Pairs`."""
        shelf = self.shelf
        device = shelf.lengths.device
        draw = generator(device, self.seed, step)
        at = torch.randint(len(shelf.lengths), (2, size), generator=draw, device=device)
        like = at[0]
        item = 2 ** uniform(like, -ITEM_OCTAVES, ITEM_OCTAVES, draw)
        item = item * torch.where(uniform(like, 0, 1, draw) < 0.15, -1.0, 1.0)
        start = uniform(like, 0, 1, draw, 2)
        share = torch.where(
            uniform(like, 0, 1, draw) < OTHER, uniform(like, 0.1, 1, draw), torch.zeros_like(item)
        )
        views = []
        for _ in range(2):
            fast = 2 ** uniform(like, -FAST_OCTAVES, FAST_OCTAVES, draw)
            late = uniform(like, 0, self.apart * RATE, draw)
            time = torch.arange(self.samples, device=device) * fast + late
            first = self._crop(at[0], start[:, :1], time * item)
            second = self._crop(at[1], start[:, 1:], time * item)
            behind = shelf.behind(size, self.samples, draw)
            sounds = altered(first + share * second, behind, self.chances, draw)
            views.append(as_samples(self._fitted(sounds)))
        # Two items of one recording are no negatives: the first recording is an item's label.
        return Pair(views[0], views[1], at[0])

    def _crop(self, at: torch.Tensor, start: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        lengths = self.shelf.lengths[at, None].float()
        where = (start * lengths + time).remainder(lengths - 1)
        heard = self.shelf.heard(at, torch.zeros_like(start), lengths, where)
        return heard / (heard.square().mean(1, keepdim=True).sqrt() + 1e-4)

    def _fitted(self, sounds: torch.Tensor) -> torch.Tensor:
        if self.resampled is None:
            return sounds
        return torch.nn.functional.interpolate(
            sounds[:, None], self.resampled, mode="linear", align_corners=True
        )[:, 0]
