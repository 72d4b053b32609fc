"""Characters of a name to a unit row."""

import torch
from torch import nn
from torch.nn.functional import gelu, normalize, scaled_dot_product_attention

from models.texts.characters import ALPHABET

IDS = len(ALPHABET) + 1
BUCKETS = 4093  # of trigrams; a prime, so that neighbours do not fall together
DIM, HEADS, TAPS = 192, 4, 5


class Mixed(nn.Module):
    """Each character told what stands within two of it: a convolution, added."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.taps = nn.Conv1d(dim, dim, TAPS, padding=TAPS // 2)

    def forward(self, x: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """Mix (n, length, dim); `there` is 1 or 0, (n, length, 1)."""
        seen = (self.norm(x) * there).transpose(1, 2)
        mixed: torch.Tensor = x + gelu(self.taps(seen)).transpose(1, 2)
        return mixed


class Attended(nn.Module):
    """A layer of a Transformer, normalised first.

    Source: Vaswani et al., "Attention Is All You Need", arXiv:1706.03762; the order of Xiong et
    al., arXiv:2002.04745.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)])
        self.ask, self.told = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.wide, self.back = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)

    def forward(self, x: torch.Tensor, masked: torch.Tensor) -> torch.Tensor:
        """Let characters look at each other; `masked` is added to the scores, (n, 1, 1, length)."""
        n, length, dim = x.shape
        parts = self.ask(self.norms[0](x)).view(n, length, 3, self.heads, dim // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        seen = scaled_dot_product_attention(q, k, v, attn_mask=masked.to(q.dtype))
        x = x + self.told(seen.transpose(1, 2).reshape(n, length, dim))
        told: torch.Tensor = x + self.back(gelu(self.wide(self.norms[1](x))))
        return told


class NameEncoder(nn.Module):
    """Names to unit rows, float32 (n, dim), of their characters, int64 (n, length); 0 is none.

    A character is the sum of vectors of itself, the pair and the trigram that it ends, as in
    fastText; convolutions tell of order nearby, so that attention needs no positions, and a name
    whose words are turned round is still nearly the same. To the row that attention gathers, the
    mean of the n-grams is added: where nothing is learnt yet, it is a bag of n-grams.
    """

    def __init__(self, dim: int = DIM) -> None:
        super().__init__()
        self.letters = nn.Embedding(IDS, dim)
        self.bigrams = nn.Embedding(IDS * IDS, dim)
        self.trigrams = nn.Embedding(BUCKETS, dim)
        for table in (self.letters, self.bigrams, self.trigrams):
            nn.init.normal_(table.weight, std=0.5)
        self.mixed = nn.ModuleList([Mixed(dim) for _ in range(2)])
        self.attended = nn.ModuleList([Attended(dim, HEADS) for _ in range(2)])
        self.norm = nn.LayerNorm(dim)
        self.weigh, self.row = nn.Linear(dim, HEADS), nn.Linear(dim, dim)

    def forward(self, characters: torch.Tensor) -> torch.Tensor:
        """Embed a batch."""
        there = (characters > 0).float()[..., None]
        masked = ((1 - there) * -1e4)[:, None, None, :, 0]
        grams = self._grams(characters) * there
        x = grams
        for mixed in self.mixed:
            x = mixed(x, there)
        for attended in self.attended:
            x = attended(x, masked)
        x = self.norm(x)
        shares = (self.weigh(x) + (1 - there) * -1e4).softmax(1)  # (n, length, heads)
        n, length, dim = x.shape
        gathered = (x.view(n, length, HEADS, dim // HEADS) * shares[..., None]).sum(1)
        mean = grams.sum(1) / there.sum(1).sqrt()
        rows: torch.Tensor = normalize(self.row(gathered.flatten(1)) + 0.3 * mean, dim=1)
        return rows

    def _grams(self, characters: torch.Tensor) -> torch.Tensor:
        """Sum the vectors of the n-grams that end with each character."""
        before = nn.functional.pad(characters, (1, 0))[:, :-1]
        second = nn.functional.pad(characters, (2, 0))[:, :-2]
        trigrams = (characters + IDS * before + IDS * IDS * second) % BUCKETS
        found: torch.Tensor = self.letters(characters) + self.bigrams(characters + IDS * before)
        summed: torch.Tensor = found + self.trigrams(trigrams)
        return summed
