"""Pairs of words and of snippets of speech, drawn and altered on the device where it is learnt."""

import torch

from models.training.recipe import Pair
from models.training.sounds.altering import Chances, altered, as_samples, uniform
from models.training.sounds.clips import RATE, Clips
from models.training.sounds.shelf import Shelf, generator, learner

SNIPPET_LABELS = 1_000_000  # from here on, so that they are nobody's words
FASTER_OCTAVES = 0.28  # by which a sound is heard faster or slower, and higher or lower
WORD_EDGE, SNIPPET_EDGE = 0.03, 0.06  # seconds that may be missing at an end
ASIDE_SECONDS, ANYWHERE = 0.12, 0.2  # how far from the middle; and how many stand anywhere


class WordPairs:
    """Pairs of one word in two voices, and of one snippet of speech twice, all altered.

    Args:
        words: clips of one label say the same word.
        speech: what snippets are cut out of, and what is heard behind.
        samples: of a window.
        seed: of all draws.
        chances: of alterations.
        snippets: the part of a batch that is cut out of speech.
        seconds: the shortest and the longest snippet.
        per_word: pairs of one word in a batch.
    """

    def __init__(
        self,
        words: Clips,
        speech: Clips,
        samples: int,
        seed: int,
        *,
        chances: Chances = Chances(),  # noqa: B008 - frozen
        snippets: float = 0.25,
        seconds: tuple[float, float] = (0.25, 0.9),
        per_word: int = 2,
    ) -> None:
        device = learner()
        self.words, self.speech = Shelf(words, device), Shelf(speech, device)
        self.samples, self.seed, self.chances = samples, seed, chances
        self.snippets, self.seconds, self.per_word = snippets, seconds, per_word
        self.order = torch.argsort(self.words.labels, stable=True)
        self.labels, self.counts = torch.unique(self.words.labels, return_counts=True)
        self.firsts = self.counts.cumsum(0) - self.counts

    def draw(self, step: int, size: int) -> Pair:
        """Draw the batch of a step; see `Pairs`."""
        device = self.labels.device
        draw = generator(device, self.seed, step)
        cut = round(size * self.snippets)
        said = max(1, (size - cut) // self.per_word)
        kinds = torch.randint(len(self.labels), (said,), generator=draw, device=device)
        kinds = kinds.repeat_interleave(self.per_word)
        at = torch.randint(len(self.speech.lengths), (cut,), generator=draw, device=device)
        span = uniform(at, *self.seconds, draw) * RATE
        start = uniform(at, 0, 1, draw) * (self.speech.lengths[at, None] - span).clamp(min=0)
        views = []
        for _ in range(2):
            turn = (uniform(kinds, 0, 1, draw)[:, 0] * self.counts[kinds]).long()
            which = self.order[self.firsts[kinds] + turn]
            ends = self.words.lengths[which, None].float()
            words = self.view(self.words, which, torch.zeros_like(ends), ends, draw, WORD_EDGE)
            cuts = self.view(self.speech, at, start, start + span, draw, SNIPPET_EDGE)
            sounds = torch.cat([words, cuts])
            behind = self.speech.behind(len(sounds), self.samples, draw)
            views.append(as_samples(altered(sounds, behind, self.chances, draw)))
        own = SNIPPET_LABELS + torch.arange(cut, device=device)
        return Pair(views[0], views[1], torch.cat([self.labels[kinds], own]))

    def view(
        self,
        shelf: Shelf,
        at: torch.Tensor,
        first: torch.Tensor,
        last: torch.Tensor,
        draw: torch.Generator,
        edge: float,
    ) -> torch.Tensor:
        """Hear clips faster or slower, a little cut at the ends, near the middle of the window."""
        first = first + uniform(at, 0, edge * RATE, draw)
        last = last - uniform(at, 0, edge * RATE, draw)
        rate = 2 ** uniform(at, -FASTER_OCTAVES, FASTER_OCTAVES, draw)
        # What is longer than the window by more than a tenth is heard so much faster.
        rate = torch.maximum(rate, (last - first) / (1.1 * self.samples))
        free = (self.samples - (last - first) / rate).clamp(min=0) / 2
        near = torch.minimum(free, torch.full_like(free, ASIDE_SECONDS * RATE))
        span = torch.where(uniform(at, 0, 1, draw) < ANYWHERE, free, near)
        shift = uniform(at, -1, 1, draw) * span
        time = torch.arange(self.samples, device=at.device) - self.samples / 2 + shift
        return shelf.heard(at, first, last, (first + last) / 2 + time * rate)
