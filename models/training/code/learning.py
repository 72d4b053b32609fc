"""How the code search encoder learns: an objective over rows of the tower and of its slow copy."""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from models.training.code.material import Batch
from models.training.code.soften import soften
from models.training.loop import device_of
from models.training.objective import Keys, open_objective
from models.training.sentence_tower import SentenceTower

MOMENTUM = 0.999
TOGETHER = 32  # sequences of like length, embedded at once on a processor


@dataclass(frozen=True, slots=True)
class Way:
    """One way of learning, for the ablation.

    Args:
        queue: rows of earlier batches that are negatives; 0 learns within the batch alone.
        soft: whether sequences are softly augmented.
        near: whether half of a batch are BM25's neighbours of the other half.
        split: whether code is parted into words.
        temperature: of the scores.
    """

    queue: int = 0
    soft: bool = False
    near: bool = False
    split: bool = True
    temperature: float = 0.05


class InBatch:
    """InfoNCE within the batch, in both directions."""

    def __init__(self, way: Way) -> None:
        self.objective = open_objective("info_nce").build(temperature=way.temperature)

    def __call__(self, tower: nn.Module, batch: Batch) -> torch.Tensor:
        """Tell the loss of a batch."""
        questions, codes = embed(tower, batch)
        loss: torch.Tensor = self.objective(questions, codes, batch.labels)
        return loss


class WithQueue:
    """CoCoSoDa: six terms, keys and queues of a copy of the tower that follows it slowly.

    Args:
        kinds: of the tokens; see `soften`.
        mask_id: the token that masks.
    """

    def __init__(self, way: Way, kinds: torch.Tensor, mask_id: int) -> None:
        self.objective = open_objective("co_coso_da").build(temperature=way.temperature)
        self.way, self.kinds, self.mask_id = way, kinds, mask_id
        self.slow: nn.Module | None = None
        self.queue: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None
        self.step = 0

    def __call__(self, tower: nn.Module, batch: Batch) -> torch.Tensor:
        """Tell the loss of a batch, and keep its keys for those that follow."""
        slow = self._followed(tower)
        questions, codes = embed(tower, batch)
        with torch.no_grad():
            plain = embed(slow, batch)
            soft = embed(slow, self._softened(batch)) if self.way.soft else plain
            queue = self.queue or (plain[0][:0], plain[1][:0], batch.labels[:0])
            joined = (torch.cat(both) for both in zip(queue, (*plain, batch.labels), strict=True))
            a, b, labels = (rows[-self.way.queue :] for rows in joined)
            self.queue = (a, b, labels)
        keys = Keys(*plain, *soft, *queue)
        loss: torch.Tensor = self.objective(questions, codes, batch.labels, keys)
        return loss

    @torch.no_grad()
    def _followed(self, tower: nn.Module) -> nn.Module:
        if self.slow is None:
            self.slow = copy.deepcopy(tower).eval().requires_grad_(False)
        for old, new in zip(self.slow.parameters(), tower.parameters(), strict=True):
            old.lerp_(new, 1 - MOMENTUM)
        return self.slow

    def _softened(self, batch: Batch) -> Batch:
        self.step += 1
        draw = torch.Generator(batch.labels.device).manual_seed(self.step)
        questions, codes = (
            (soften(ids, mask, self.kinds, self.mask_id, draw), mask)
            for ids, mask in (batch.questions, batch.codes)
        )
        return Batch(questions, codes, batch.labels)


def embed(tower: nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Embed the questions and the codes of a batch: unit rows float32 (n, width) each."""
    with torch.autocast(device_of(tower).type, torch.bfloat16):
        questions, codes = _rows(tower, *batch.questions), _rows(tower, *batch.codes)
    return questions, codes


def _rows(tower: nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Embed sequences; on a processor those of like length together, so that less is padding."""
    if ids.device.type != "cpu":
        found: torch.Tensor = tower(ids, mask).float()
        return found
    lengths = mask.sum(1)
    order = lengths.argsort()
    rows = []
    for some in torch.split(order, TOGETHER):
        longest = int(lengths[some].max())
        rows.append(tower(ids[some, :longest], mask[some, :longest]).float())
    return torch.cat(rows)[order.argsort()]


def freeze(tower: SentenceTower, layers: int) -> None:
    """Let only the last layers learn; the embeddings of tokens and places never do.

    A token that the pairs do not hold would otherwise drift from what surrounds it, and the words
    of questions are more than those of docstrings.
    """
    tower.requires_grad_(False)
    for layer in list(tower.layers)[-layers:]:
        layer.requires_grad_(True)
