"""What a line of print is taught: to lie where its name lies, alone and with its own reading."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import ctc_loss, normalize

from models.training.loop import device_of
from models.training.objective import Objective
from models.training.records.crops.lines import Lines
from models.training.records.crops.tower import CropEncoder
from models.training.records.crops.wear import worn
from models.training.records.pairs import padded

READ_SHARE = 0.3  # of the loss of CTC, beside that of the rows
GROUP, MINED, MINED_ROWS = 4, 12_000, 2048


@dataclass
class Aligned:
    """CLIP's loss on a line and what a reader made of it; the tower of names stays as it is.

    Source: Arora, Yang, Jheng, Dell, "Linking Representations with Multimodal Contrastive
    Learning", arXiv:2304.03464, section 3; with CTC (Graves et al., 2006) on what can be seen,
    by which letters are learnt in a hundredth of the lines.

    Args:
        names: the frozen tower of names.
        pooled: whether the row of the line is pooled with that of its reading, and asks for the
            name among all names of the batch: the second stage.
    """

    names: nn.Module
    objective: Objective
    pooled: bool
    wears: int = 2

    def __call__(self, tower: nn.Module, batch: Lines) -> torch.Tensor:
        """Score one batch, each line worn so many times."""
        assert isinstance(tower, CropEncoder)
        device = device_of(tower)
        ink = batch.ink.to(device).repeat(self.wears, 1, 1)
        chance = torch.Generator(device).manual_seed(int(batch.names.sum()) + int(ink.sum()))
        with torch.no_grad():
            pixels = worn(ink, chance).expand(-1, 3, -1, -1)
            readings, filed = self._rows(batch, device)
        with torch.autocast(device.type, torch.bfloat16):
            rows, symbols = tower.read(pixels)
        rows = rows.float()
        labels = batch.labels.to(device)
        loss = torch.zeros((), device=device)
        for part in rows.chunk(self.wears):
            if self.pooled:
                weight = torch.rand(len(part), 1, generator=chance, device=device)
                pooled = normalize(weight * part + (1 - weight) * readings, dim=1)
                loss = loss + self.objective(pooled, filed, labels)
            else:
                loss = loss + self.objective(part, readings, labels)
            loss = loss + self.objective(part, filed, labels)
        return loss / (2 * self.wears) + READ_SHARE * self._reading(symbols, batch)

    def _rows(self, batch: Lines, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        self.names.to(device)
        return self.names(batch.readings.to(device)), self.names(batch.names.to(device))

    def _reading(self, symbols: torch.Tensor, batch: Lines) -> torch.Tensor:
        """Score what is read in the columns against what can be seen."""
        shares = symbols.float().log_softmax(2).transpose(0, 1)
        columns = torch.full((symbols.shape[0],), symbols.shape[1])
        texts, lengths = batch.texts.repeat(self.wears, 1), batch.lengths.repeat(self.wears)
        return ctc_loss(shares, texts.to(shares.device), columns, lengths, zero_infinity=True)


@torch.no_grad()
def mined(tower: nn.Module, names: Sequence[str]) -> list[list[str]]:
    """Group each name with those that the tower finds nearest: hard negatives, found beforehand.

    Returns:
        Lists of `GROUP` names, the first of which is the one that the others are near to.
    """
    device = device_of(tower)
    rows = torch.cat(
        [tower(padded(names[i : i + 256]).to(device)) for i in range(0, len(names), 256)]
    )
    groups = []
    for start in range(0, len(names), MINED_ROWS):
        nearest = (rows[start : start + MINED_ROWS] @ rows.T).topk(GROUP, 1).indices
        groups += [[names[i] for i in places] for places in nearest.tolist()]
    return groups
