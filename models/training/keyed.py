"""What objectives have in common whose rows look among keys of a momentum encoder.

Source: He et al., "Momentum Contrast for Unsupervised Visual Representation Learning",
arXiv:1911.05722, equation 1.
"""

import torch
from torch.nn.functional import cross_entropy

from models.training.objective import Keys

Tensors = Keys[torch.Tensor, torch.Tensor]


def own_keys(a: torch.Tensor, b: torch.Tensor, owner: torch.Tensor) -> Tensors:
    """Take a batch, (n, d) each, as the keys of itself: no queue, and nothing is softened."""
    return Keys(a, b, a, b, a[:0], b[:0], owner[:0])


def found_among(
    rows: torch.Tensor,
    partners: torch.Tensor,
    queue: torch.Tensor,
    owner: torch.Tensor,
    queue_owner: torch.Tensor,
    temperature: float,
) -> torch.Tensor:
    """Tell how well each row finds its partner among all partners and a queue: InfoNCE.

    Args:
        rows, partners: unit rows (n, d); row i belongs to partner i.
        queue: unit rows (m, d), negatives.
        owner, queue_owner: int64 (n,) and (m,); rows of one label are never each other's negatives.
    """
    among = torch.cat([partners, queue])
    itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    kin = torch.cat([(owner[:, None] == owner) & ~itself, owner[:, None] == queue_owner], 1)
    logits = (rows @ among.T / temperature).masked_fill(kin, float("-inf"))
    return cross_entropy(logits, torch.arange(len(rows), device=rows.device))
