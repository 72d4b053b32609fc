"""What is said twice in speech that nobody wrote down, found by what learnt synthetic words.

So that real voices say the same, too: a snippet and the one nearest to it in another utterance,
where each is the other's nearest, are one word.

Source: Park and Glass, "Unsupervised Pattern Discovery in Speech", 2008, for words found by their
repetition; Dwibedi et al., "With a Little Help from My Friends", arXiv:2104.14548, for nearest
neighbours as positives.
"""

from collections.abc import Callable, Iterator
from functools import cached_property

import torch

from models.training.recipe import Pair, Weights
from models.training.sounds.altering import altered, as_samples, power
from models.training.sounds.clips import RATE
from models.training.sounds.shelf import generator
from models.training.sounds.words import SNIPPET_LABELS, WordPairs

LENGTHS = (0.3, 0.42, 0.6)  # seconds of snippets that are compared
HOP = 0.08
ROWS_AT_ONCE = 2048
# A snippet is word-like where its ends are softer than the whole, and it is no silence.
EDGE_SECONDS, EDGE_POWER, LEAST_POWER = 0.04, 0.7, 0.15
NEAR_SECONDS = 0.13  # snippets of one utterance that are as good as one
LABELS = 2 * SNIPPET_LABELS


class FoundPairs:
    """Word pairs, and pairs that a tower finds in the speech of theirs when the first is drawn.

    Args:
        make: what goes on to be learnt from.
        tower: gets the weights by which is found; see `begun_from`.
        share: the part of a batch that was found.
        score: from which on two snippets are taken for one word.
    """

    def __init__(
        self,
        make: Callable[[], WordPairs],
        tower: torch.nn.Module,
        *,
        share: float = 0.25,
        score: float = 0.7,
    ) -> None:
        self._make, self._tower = make, tower
        self.share, self.score = share, score
        self.places = torch.zeros(0, 3)

    def begun_from(self, weights: Weights, _: torch.nn.Module) -> Weights:
        """Take the weights by which is found; hands them on as they are."""
        self._tower.load_state_dict(weights)
        return weights

    @cached_property
    def pairs(self) -> WordPairs:
        """What goes on to be learnt from."""
        return self._make()

    @cached_property
    @torch.no_grad()
    def found(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Find pairs: places of two snippets, int64 (m, 2), and the group of each, int64 (m,)."""
        self.places = self._candidates()
        tower = self._tower.to(self.places.device).eval()
        rows = torch.cat([tower(as_samples(part)) for part in self._heard_in_parts()])
        owner = self.places[:, 0].long()
        best, nearest = _nearest(rows, owner)
        middle = (self.places[:, 1] + self.places[:, 2]) / 2
        back = nearest[nearest]
        near = (middle[back] - middle).abs() < NEAR_SECONDS * RATE
        mutual = (owner[back] == owner) & near & (best >= self.score)
        first = torch.arange(len(rows), device=rows.device)[mutual]
        couples = torch.stack([first, nearest[first]], 1)
        return couples, LABELS + _groups(couples, len(rows), owner, middle)

    def draw(self, step: int, size: int) -> Pair:
        """Draw the batch of a step; see `Pairs`."""
        couples, groups = self.found
        count = round(size * self.share) if len(couples) else 0
        base = self.pairs.draw(step, size - count)
        if not count:
            return base
        speech, device = self.pairs.speech, couples.device
        draw = generator(device, self.pairs.seed + 1, step)
        at = torch.randint(len(couples), (count,), generator=draw, device=device)
        views = []
        for side in range(2):
            place = self.places[couples[at, side]]
            which, first, last = place[:, 0].long(), place[:, 1:2], place[:, 2:3]
            sounds = self.pairs.view(speech, which, first, last, draw, EDGE_SECONDS)
            behind = speech.behind(count, self.pairs.samples, draw)
            views.append(as_samples(altered(sounds, behind, self.pairs.chances, draw)))
        return Pair(
            torch.cat([base.first, views[0]]),
            torch.cat([base.second, views[1]]),
            torch.cat([base.labels, groups[at]]),
        )

    def _candidates(self) -> torch.Tensor:
        """List snippets that may be words, (m, 3): clip, first and last sample."""
        speech = self.pairs.speech
        found = []
        for seconds in LENGTHS:
            span, hop = seconds * RATE, HOP * RATE
            for clip, length in enumerate(speech.lengths.tolist()):
                starts = torch.arange(0, max(1.0, length - span), hop)
                ends = (starts + span).clamp(max=length - 1)
                found.append(torch.stack([torch.full_like(starts, clip), starts, ends], 1))
        places = torch.cat(found).to(speech.lengths.device)
        self.places = places
        edge = round(EDGE_SECONDS * RATE)
        kept = []
        for part, place in zip(
            self._heard_in_parts(), torch.split(places, ROWS_AT_ONCE), strict=True
        ):
            length = (place[:, 2:] - place[:, 1:2]).clamp(min=1)
            whole = part.square().sum(1, keepdim=True) / length
            first = ((part.shape[1] - length) / 2).long()
            at = torch.arange(edge, device=part.device)
            ends = torch.cat([first + at, first + length.long() - edge + at], 1)
            soft = part.gather(1, ends.clamp(0, part.shape[1] - 1)).square().mean(1, keepdim=True)
            kept.append(((soft < EDGE_POWER * whole) & (whole > 0))[:, 0])
        loud = torch.cat([power(part)[:, 0] for part in self._heard_in_parts()])
        return places[torch.cat(kept) & (loud > LEAST_POWER * loud.mean())]

    def _heard_in_parts(self) -> Iterator[torch.Tensor]:
        """Hear the snippets, in the middle of the window."""
        speech, samples = self.pairs.speech, self.pairs.samples
        time = torch.arange(samples, device=speech.lengths.device) - samples / 2
        for place in torch.split(self.places, ROWS_AT_ONCE):
            at, first, last = place[:, 0].long(), place[:, 1:2], place[:, 2:3]
            yield speech.heard(at, first, last, (first + last) / 2 + time)


def _nearest(rows: torch.Tensor, owner: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the best score of each row among those of other owners, and whose it is."""
    best, nearest = [], []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        scores = rows[some] @ rows.T
        top = scores.masked_fill(owner[some, None] == owner[None], -2.0).max(1)
        best.append(top.values)
        nearest.append(top.indices)
    return torch.cat(best), torch.cat(nearest)


def _groups(
    couples: torch.Tensor, count: int, owner: torch.Tensor, middle: torch.Tensor
) -> torch.Tensor:
    """Number couples so that those which share a snippet, or nearly, have one number."""
    parent = list(range(count))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for a, b in couples.tolist():
        parent[root(a)] = root(b)
    # Overlapping snippets of one utterance are one place, by cells of time.
    cells: dict[tuple[int, int], int] = {}
    owners, middles = owner.tolist(), middle.tolist()
    for one in sorted({side for couple in couples.tolist() for side in couple}):
        cell = (owners[one], round(middles[one] / (NEAR_SECONDS * RATE)))
        parent[root(one)] = root(cells.setdefault(cell, one))
    return torch.tensor([root(a) for a, _ in couples.tolist()], device=couples.device)
