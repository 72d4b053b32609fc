"""Hybrid search on CoSQA: vectors, words, both by rank and by weight, in one run.

500 questions of the web are asked of 6 267 Python functions (`CODE_DATA` names the folder that has
`code_search` in it), then 500 of the functions are asked for by name, alone and in a question.
Embedding them takes minutes, once.
"""

import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.exemplar import Exemplar
from index.fusion import WEIGHT
from index.galleries import Galleries
from index.gallery import Gallery
from index.words import split
from models.onnx_encoder import OnnxEncoder
from models.onnx_session import cores
from tests.bench.figures import Figure
from tests.bench.texts import KEPT, embedded_texts

ON_REQUEST = True  # it needs data that does not come with the repository
DATA = Path(os.environ.get("CODE_DATA", "../shared/data")) / "code_search"
BUNDLE = Path(os.environ.get("CODE_BUNDLE", "models/bundles/minilm"))
WEIGHTS = (0.05, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7, 0.8, 0.9)
NAMED, HITS, RANK_CONSTANT = 500, 100, 60
_NAME = re.compile(r"\s*(?:async\s+)?def\s+(\w+)")


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions, each with the one function that answers it."""

    what: str
    texts: Sequence[str]
    truth: np.ndarray


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores (q, n) of every function for every question."""

    dense: np.ndarray
    lexical: np.ndarray

    def fused(self, weight: float) -> np.ndarray:
        """Return the scores of both, by weight."""
        return (1 - weight) * self.dense + weight * self.lexical

    def by_rank(self) -> np.ndarray:
        """Return reciprocal ranks added. Source: Cormack, Clarke and Büttcher, SIGIR 2009."""
        each = (np.argsort(np.argsort(-one, 1), 1) + 1 for one in (self.dense, self.lexical))
        return sum(1 / (RANK_CONSTANT + rank) for rank in each)


def figures() -> list[Figure]:
    """Measure MRR and what is found first, as they are scored and as they are served."""
    codes = codes_of(json.loads((DATA / "cosqa-codes.txt").read_text("utf-8")))
    encoder = OnnxEncoder.open(BUNDLE, threads=cores(), provider="cpu")
    rows = kept(encoder, "codes", codes)
    with tempfile.TemporaryDirectory() as folder:
        galleries = Galleries.open(Path(folder))
        gallery, _ = galleries.create("cosqa", space="s", dim=rows.shape[1], lexical=WEIGHT)
        gallery.enrol(
            [
                Exemplar(str(at), row, None, None, {"text": code})
                for at, (code, row) in enumerate(zip(codes, rows, strict=True))
            ]
        )
        found = [
            figure
            for asked in (questions(codes), *names(codes))
            for figure in measured(gallery, asked, rows, kept(encoder, asked.what, asked.texts))
        ]
        galleries.close()
    return found


def measured(gallery: Gallery, asked: Asked, rows: np.ndarray, queries: np.ndarray) -> list[Figure]:
    """Score all, then ask the gallery itself."""
    scored = Scored(queries @ rows.T, lexical_of(gallery, asked.texts))
    ways = {
        "dense alone": scored.dense,
        "BM25 alone": scored.lexical,
        "fused by rank": scored.by_rank(),
        **{f"words weigh {weight:.2f}": scored.fused(weight) for weight in WEIGHTS},
    }
    ranks = {way: ranks_of(scores, asked.truth) for way, scores in ways.items()}
    found = gallery.search(queries, HITS, texts=asked.texts).hits
    served = [
        next((at + 1 for at, hit in enumerate(hits) if hit.id == str(truth)), np.inf)
        for hits, truth in zip(found, asked.truth, strict=True)
    ]
    ranks[f"served, {gallery.weight:.2f}"] = np.array(served)
    return [
        Figure(
            f"{asked.what}: MRR, {way}",
            f"{np.mean(1 / rank):.3f}",
            f"first {np.mean(rank == 1):.3f}",
            float(np.mean(1 / rank) / np.mean(1 / ranks["dense alone"])),
        )
        for way, rank in ranks.items()
    ]


def codes_of(positions: dict[str, int]) -> list[str]:
    """Return the functions in the order of their numbers."""
    return sorted(positions, key=positions.__getitem__)


def questions(codes: Sequence[str]) -> Asked:
    """Return the questions of the web."""
    told = json.loads((DATA / "cosqa-dev-500.json").read_text("utf-8"))
    at = {code: position for position, code in enumerate(codes)}
    return Asked("web", [one["doc"] for one in told], np.array([at[one["code"]] for one in told]))


def names(codes: Sequence[str]) -> list[Asked]:
    """Return functions asked for by name: names of several words that one function bears."""
    found = [match and match[1] for match in map(_NAME.match, codes)]
    often = Counter(name and "".join(split(name)[:1]) for name in found)
    named = [
        (name, at)
        for at, name in enumerate(found)
        if name and len(split(name)) > 2 and often[split(name)[0]] == 1
    ]
    some = [named[at] for at in np.random.default_rng(0).permutation(len(named))[:NAMED]]
    truth = np.array([at for _, at in some])
    return [
        Asked("name", [name for name, _ in some], truth),
        Asked("name in a question", [f"what does {name} return" for name, _ in some], truth),
    ]


def lexical_of(gallery: Gallery, texts: Sequence[str]) -> np.ndarray:
    """Return the lexical scores (q, n), as the gallery finds them."""
    view = gallery._published.seen()
    assert view.lexicon is not None
    scores = np.zeros((len(texts), view.n))
    for at, text in enumerate(texts):
        matched = view.lexicon.matched(split(text))
        scores[at, np.searchsorted(view.numbers, matched.numbers)] = matched.scores
    return scores


def ranks_of(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the rank (q,) of the true one, behind those before it that score the same."""
    own = scores[np.arange(len(truth)), truth][:, np.newaxis]
    ties = (scores == own) & (np.arange(scores.shape[1]) < truth[:, np.newaxis])
    ranks: np.ndarray = 1 + (scores > own).sum(1) + ties.sum(1)
    return ranks


def kept(encoder: OnnxEncoder, what: str, texts: Sequence[str]) -> np.ndarray:
    """Return the rows (n, d) of texts, embedded once."""
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"cosqa-{what.replace(' ', '-')}-{encoder.space[:12]}.npy"
    if not path.exists():
        np.save(path, embedded_texts(encoder, list(texts)))
    rows: np.ndarray = np.load(path)
    return rows
