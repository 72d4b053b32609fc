"""Soft data augmentation: some tokens masked, or replaced by others of their kind.

Source: Shi et al., "CoCoSoDa", arXiv:2204.03293, section 3.2: dynamic masking and dynamic
replacement, each of any tokens or of those of one kind, 15 % of what stands there, each time anew.
"""

from enum import IntEnum

import torch
from tokenizers import Tokenizer

SHARE = 0.15
_KEYWORDS = (
    "def class return if else elif for while in not and or is none true false try except "
    "finally raise with as import from lambda yield pass break continue self this function "
    "const let var new throw catch switch case default null undefined typeof instanceof static "
    "public private protected final void int float double char bool boolean string str func "
    "type struct interface package defer go range map chan nil fn mut pub impl use mod match "
    "end do begin rescue ensure unless until require module echo foreach array object async "
    "await print assert del global"
)
KEYWORDS = frozenset(_KEYWORDS.split())


class Kind(IntEnum):
    """What a token is."""

    SPECIAL = 0
    NAME = 1
    KEYWORD = 2
    NUMBER = 3
    SIGN = 4


def kinds_of(tokenizer: Tokenizer) -> torch.Tensor:
    """Tell the kind of each token of a vocabulary: int8 (tokens,)."""
    kinds = torch.full((tokenizer.get_vocab_size(),), int(Kind.NAME), dtype=torch.int8)
    for token, number in tokenizer.get_vocab().items():
        plain = token.removeprefix("##")
        if token.startswith("[") and token.endswith("]") and len(token) > 2:
            kinds[number] = Kind.SPECIAL
        elif token in KEYWORDS:
            kinds[number] = Kind.KEYWORD
        elif plain.isdigit():
            kinds[number] = Kind.NUMBER
        elif not any(letter.isalnum() for letter in plain):
            kinds[number] = Kind.SIGN
    return kinds


def soften(
    ids: torch.Tensor,
    mask: torch.Tensor,
    kinds: torch.Tensor,
    mask_id: int,
    draw: torch.Generator,
    share: float = SHARE,
) -> torch.Tensor:
    """Augment a batch of sequences, each in one of the four ways.

    A replacement is drawn from the batch itself, so that frequent tokens are frequent; special
    tokens stay.

    Args:
        ids, mask: (n, t).
        kinds: of each token of the vocabulary.
        mask_id: the token that masks.
    """
    count = len(ids)
    of = kinds[ids] * mask.to(kinds.dtype)
    chance = torch.rand(count, 4, device=ids.device, generator=draw)
    there = of > 0
    # Of one kind: that of a token drawn at random, so that frequent kinds are chosen more often.
    drawn = torch.rand(of.shape, device=ids.device, generator=draw)
    place = (drawn * there).argmax(dim=1, keepdim=True)
    fit = there & ((of == of.gather(1, place)) | (chance[:, :1] < 0.5))
    many = share * there.sum(1, keepdim=True) / fit.sum(1, keepdim=True).clamp(min=1)
    chosen = fit & (torch.rand(of.shape, device=ids.device, generator=draw) < many)
    other = _others(ids, of, draw)
    return torch.where(chosen, torch.where(chance[:, 1:2] < 0.5, mask_id, other), ids)


def _others(ids: torch.Tensor, of: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Draw for each token another of its kind, from the batch."""
    others = ids.clone()
    for kind in Kind:
        if kind != Kind.SPECIAL:
            there = of == kind
            some = ids[there]
            if len(some):
                turn = torch.randint(len(some), (len(some),), device=ids.device, generator=draw)
                others[there] = some[turn]
    return others
