"""Texts to unit rows: by a tower where it is, or by a bundle as it is served."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from models.spelling import spelled
from models.training.code.material import tokens_of
from models.training.code.report import Searcher
from models.training.code.trials import Rows
from models.training.loop import device_of
from models.training.sentence_tower import SentenceTower

TOKENS_MAX = 256


def embedded(tower: SentenceTower, tokenizer: Tokenizer, texts: Sequence[str]) -> Rows:
    """Embed texts with a tower: unit rows float32 (n, width)."""
    return embedded_ids(tower, tokens_of(texts, tokenizer, TOKENS_MAX))


@torch.no_grad()
def embedded_ids(tower: SentenceTower, ids: torch.Tensor, at_once: int = 256) -> Rows:
    """Embed sequences of token ids, padded by 0, with a tower; those of a length together."""
    order = (ids > 0).sum(1).argsort()
    device, rows = device_of(tower), list[torch.Tensor]()
    for some in torch.split(order, at_once):
        part = ids[some]
        part = part[:, : int((part > 0).sum(1).max())].to(device).long()
        rows.append(tower(part, (part > 0).long()).float())
    found: Rows = torch.cat(rows)[order.argsort().to(device)].cpu().numpy()
    return found


def tower_searcher(tower: SentenceTower, tokenizer: Tokenizer, split: bool) -> Searcher:
    """Ask a tower, with code parted into words, or as MiniLM reads any text."""
    return Searcher(
        lambda texts: embedded(tower, tokenizer, texts),
        lambda contents: embedded(
            tower, tokenizer, [spelled(one) if split else _code_of(one) for one in contents]
        ),
    )


def bundle_searcher(folder: Path, kept: Path, threads: int) -> Searcher:
    """Ask a bundle as it is served; rows once made are kept, for they take minutes.

    Args:
        kept: folder for the rows.
    """
    encoder = OnnxEncoder.open(folder, threads=threads, provider="cpu")
    reads_code = encoder.modality == "code"

    def embed(items: Sequence[Item]) -> Rows:
        mark = hashlib.sha256(repr(items).encode()).hexdigest()[:16]
        path = kept / f"{encoder.space}-{mark}.npy"
        if path.exists():
            return np.load(path)  # type: ignore[no-any-return]
        features = [encoder.decode(item) for item in items]
        order = np.argsort([one.cost for one in features], kind="stable")
        rows = np.empty((len(items), encoder.dim), np.float32)
        for some in np.array_split(order, max(1, len(order) // 32)):
            rows[some] = encoder.forward([features[i] for i in some])
        kept.mkdir(parents=True, exist_ok=True)
        np.save(path, rows)
        return rows

    return Searcher(
        lambda texts: embed([Item("text", text) for text in texts]),
        lambda contents: embed(
            [Item("code", one) if reads_code else Item("text", _code_of(one)) for one in contents]
        ),
    )


def _code_of(content: str) -> str:
    """Take the language off."""
    return content.partition("\n")[2]
