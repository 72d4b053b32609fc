"""How the clones' encoder begins and learns: MiniLM's layers, a vocabulary of its own."""

import copy
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn

from models.training.clones.pairs import Views
from models.training.loop import device_of
from models.training.objective import Keys, Objective, open_objective
from models.training.sentence_tower import SentenceTower, Shape, tower_of_bundle

MEANS = {"v": "variable", "f": "function", "t": "type", "m": "member"}
PARTS = 4  # of a batch, by length: padding is computed for nothing
Lose = Callable[[nn.Module, Views], torch.Tensor]


def begun(words: Mapping[str, int], minilm: Path, layers: int = 6) -> SentenceTower:
    """Make a tower of MiniLM's layers, whose tokens begin as the mean of their spelling's pieces.

    Args:
        minilm: the shipped bundle.
        layers: how many of its six are kept, from the first on.
    """
    source = tower_of_bundle(minilm)
    tokenizer = Tokenizer.from_file(str(minilm / "tokenizer.json"))
    tower = SentenceTower(Shape(vocabulary=len(words), layers=layers))
    state = {name: one for name, one in source.state_dict().items() if name != "tokens.weight"}
    state = {name: one for name, one in state.items() if name in tower.state_dict()}
    pieces = source.tokens.weight.detach()
    noise = torch.Generator().manual_seed(1)
    rows = torch.empty(len(words), pieces.shape[1])
    for word, number in words.items():
        ids = tokenizer.encode(_spelt(word), add_special_tokens=False).ids
        rows[number] = pieces[ids].mean(0) if ids else pieces.mean(0)
        rows[number] += 0.01 * torch.randn(rows.shape[1], generator=noise)
    tower.load_state_dict(state | {"tokens.weight": rows})
    return tower


def _spelt(word: str) -> str:
    """Write a token as MiniLM may have read it: its parts, or what it stands for."""
    role = re.fullmatch(r"([vftm])\d+", word)
    if role:
        return MEANS[role.group(1)]
    if word[0] == "<" and word[-1] == ">" and len(word) > 2:
        return "number" if word.startswith("<int") else word[1:-1]
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", word.lstrip('"'))
    return parted.replace("_", " ") if re.search(r"\w", parted) else parted


def embed(tower: nn.Module, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Embed rows in parts of similar length; unit rows in the order given."""
    device = device_of(tower)
    order = lengths.argsort()
    rows = []
    for part in order.chunk(min(PARTS, len(order))):
        longest = int(lengths[part].max())
        some = ids[part, :longest].to(device, non_blocking=True)
        there = torch.arange(longest)[None] < lengths[part, None]
        with torch.autocast(device.type, torch.bfloat16):
            rows.append(tower(some, there.to(device, some.dtype)).float())
    return torch.cat(rows)[order.argsort().to(device)]


class InBatch:
    """An objective of the two halves of a batch."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    def __call__(self, tower: nn.Module, batch: Views) -> torch.Tensor:
        """Tell the loss of a batch."""
        first, second = embed(tower, batch.ids, batch.lengths).chunk(2)
        return self.objective(first, second, batch.labels.to(first.device))


class WithQueue:
    """MoCo: keys of a copy of the tower that follows it slowly, and a queue of those before.

    Args:
        momentum: of the copy; the paper's.
        queue: how many keys are kept.
    """

    def __init__(self, momentum: float = 0.999, queue: int = 4096) -> None:
        self.objective = open_objective("moco").build()
        self.momentum, self.size = momentum, queue
        self.slow: nn.Module | None = None
        self.queue: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    def __call__(self, tower: nn.Module, batch: Views) -> torch.Tensor:
        """Tell the loss of a batch, and keep its keys for those that follow."""
        if self.slow is None:
            self.slow = copy.deepcopy(tower).eval().requires_grad_(False)
        first, second = embed(tower, batch.ids, batch.lengths).chunk(2)
        labels = batch.labels.to(first.device)
        with torch.no_grad():
            for old, new in zip(self.slow.parameters(), tower.parameters(), strict=True):
                old.lerp_(new, 1 - self.momentum)
            a, b = embed(self.slow, batch.ids, batch.lengths).chunk(2)
        queue = self.queue or (a[:0], b[:0], labels[:0])
        joined = [torch.cat(both) for both in zip(queue, (a, b, labels), strict=True)]
        self.queue = (joined[0][-self.size :], joined[1][-self.size :], joined[2][-self.size :])
        loss: torch.Tensor = self.objective(first, second, labels, Keys(a, b, a, b, *queue))
        return loss


class WithPrototypes:
    """SwAV: the prototypes are learnt with the tower, of which they are no part that is kept."""

    def __init__(self, tower: SentenceTower, count: int = 128) -> None:
        self.objective = open_objective("swav").build()
        width = tower.tokens.weight.shape[1]
        rows = torch.randn(count, width, generator=torch.Generator().manual_seed(1))
        rows = nn.functional.normalize(rows, dim=1).to(device_of(tower))
        tower.register_parameter("prototypes", nn.Parameter(rows))

    def __call__(self, tower: nn.Module, batch: Views) -> torch.Tensor:
        """Tell the loss of a batch."""
        first, second = embed(tower, batch.ids, batch.lengths).chunk(2)
        rows = nn.functional.normalize(cast(torch.Tensor, tower.prototypes).float(), dim=1)
        loss: torch.Tensor = self.objective(first, second, prototypes=rows)
        return loss


@torch.no_grad()
def embedded(
    tower: nn.Module, views: list[NDArray[np.uint16]], at_once: int = 256
) -> NDArray[np.float32]:
    """Embed views, in batches."""
    rows = []
    order = sorted(range(len(views)), key=lambda place: len(views[place]))
    for start in range(0, len(order), at_once):
        part = [views[place] for place in order[start : start + at_once]]
        lengths = torch.tensor([len(view) for view in part])
        ids = torch.zeros(len(part), int(lengths.max()), dtype=torch.int64)
        for row, view in zip(ids, part, strict=True):
            row[: len(view)] = torch.from_numpy(view.astype(np.int64))
        rows.append(embed(tower, ids, lengths).cpu().numpy())
    out = np.empty((len(views), rows[0].shape[1]), np.float32)
    out[order] = np.concatenate(rows)
    return out
