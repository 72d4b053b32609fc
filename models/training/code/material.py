"""Pairs as tokens: what the code search encoder learns from, and the batches drawn of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from tokenizers import Tokenizer

from models.spelling import content_of, spelled
from models.training.code.pairs import Pair
from models.training.code.questions import STYLES, asked

QUESTION_TOKENS, CODE_TOKENS = 40, 160  # of training; what is served reads 256
CHARACTERS = 2000  # of a function: more than fit
DOCUMENTED = 0.3  # of the functions keep their docstring: as users have them


@dataclass(frozen=True, slots=True)
class Tokens:
    """Sequences of token ids, padded by 0: int32 (..., t)."""

    ids: torch.Tensor

    def part(self, *places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take some, as ids and mask int64 (n, t), as short as the longest of them allows."""
        ids = self.ids[places].long()
        mask = ids > 0
        longest = int(mask.sum(1).max())
        return ids[:, :longest], mask[:, :longest].long()


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions and functions, ids and masks; row i of one belongs to row i of the other."""

    questions: tuple[torch.Tensor, torch.Tensor]
    codes: tuple[torch.Tensor, torch.Tensor]
    labels: torch.Tensor


@dataclass(frozen=True, slots=True)
class Material:
    """Draws batches; the same step gives the same batch.

    Args:
        questions: (n, STYLES, t).
        bare, documented: the functions without and with docstrings, (n, t).
        near: places of pairs that BM25 confuses with each, (n, k); of them half a batch is made.
            None: batches are drawn at random.
    """

    questions: Tokens
    bare: Tokens
    documented: Tokens
    near: torch.Tensor | None = None
    seed: int = 0

    def draw(self, step: int, size: int) -> Batch:
        """Draw the batch of a step."""
        device = self.bare.ids.device
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + step)

        def rand(count: int) -> torch.Tensor:
            return torch.rand(count, generator=generator).to(device)

        count = len(self.bare.ids)
        chosen = torch.randperm(count, generator=generator)[:size].to(device)
        if self.near is not None:
            first = chosen[: (size + 1) // 2]
            turn = (rand(len(first)) * self.near.shape[1]).long()
            chosen = torch.cat([first, self.near[first, turn].long()])
            chosen = torch.unique(chosen)
        told = rand(len(chosen)) < DOCUMENTED
        # Beside its docstring, a function is asked for in other words than those of the docstring.
        style = torch.where(
            told, STYLES // 2 + rand(len(chosen)) * STYLES / 2, rand(len(chosen)) * STYLES
        )
        whole = Tokens(
            torch.where(told[:, None], self.documented.ids[chosen], self.bare.ids[chosen])
        )
        every = torch.arange(len(chosen), device=device)
        return Batch(self.questions.part(chosen, style.long()), whole.part(every), chosen)

    def without_near(self) -> "Material":
        """Give the same pairs, in batches drawn at random."""
        return replace(self, near=None)


def material_of(
    pairs: Sequence[Pair],
    tokenizer: Tokenizer,
    device: torch.device,
    *,
    near: np.ndarray | None = None,
    split: bool = True,
    code_tokens: int = CODE_TOKENS,
    seed: int = 0,
) -> Material:
    """Tokenize pairs: STYLES questions of each, and its function without and with docstring.

    Args:
        split: whether code is parted into words, as the modality `code` parts it.
        code_tokens: of a function; what is beyond is cut.
    """
    draw = random.Random(seed)  # noqa: S311 - seeded draws of a training
    questions = [question for pair in pairs for question in asked(pair, draw)]
    bare = [written(pair.bare[:CHARACTERS], pair.language, split) for pair in pairs]
    whole = [written(pair.code[:CHARACTERS], pair.language, split) for pair in pairs]
    asked_ids = tokens_of(questions, tokenizer, QUESTION_TOKENS)
    bare_ids, whole_ids = tokens_of(bare + whole, tokenizer, code_tokens).chunk(2)
    return Material(
        questions=Tokens(asked_ids.view(len(pairs), STYLES, -1).to(device)),
        bare=Tokens(bare_ids.to(device)),
        documented=Tokens(whole_ids.to(device)),
        near=None if near is None else torch.from_numpy(near).to(device),
        seed=seed,
    )


def written(code: str, language: str, split: bool = True) -> str:
    """Write a function as the modality `code` gives it to the tokenizer.

    >>> written("def readAll(): ...", "python"), written("def readAll(): ...", "python", False)
    ('python def read All', 'def readAll(): ...')
    """
    return spelled(content_of(code, language)) if split else code


def tokens_of(texts: Sequence[str], tokenizer: Tokenizer, most: int) -> torch.Tensor:
    """Tokenize texts, cut to `most` tokens, padded by 0: int32 (n, t)."""
    tokenizer.enable_truncation(most)
    tokenizer.no_padding()
    # A text far beyond the limit costs no more than its beginning.
    encoded = tokenizer.encode_batch_fast([text[: 12 * most] for text in texts])
    ids = np.zeros((len(texts), max(len(one.ids) for one in encoded)), np.int32)
    for row, one in enumerate(encoded):
        ids[row, : len(one.ids)] = one.ids
    return torch.from_numpy(ids)
