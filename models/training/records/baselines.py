"""What needs no training: distances of strings, n-grams, a sentence encoder."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process
from rapidfuzz.distance import JaroWinkler, Levenshtein
from sklearn.feature_extraction.text import TfidfVectorizer

from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from models.texts.characters import romanised
from models.training.evaluation import Rows
from models.training.publishing import bundle_embed
from models.training.recipe import Encoded

Scorer = Callable[[Sequence[str], Sequence[str]], Rows]
"""Queries and names to scores, (queries, names)."""
GRAMS = (2, 4)  # characters of an n-gram, within words


def by_distance(score: Callable[..., float]) -> Scorer:
    """Score by a function of rapidfuzz."""

    def scores(queries: Sequence[str], names: Sequence[str]) -> Rows:
        found: Rows = process.cdist(queries, names, scorer=score, dtype=np.float32)
        return found

    return scores


def tf_idf(queries: Sequence[str], names: Sequence[str]) -> Rows:
    """Score by the cosine of weighted character n-grams, fitted on the names."""
    fitted = TfidfVectorizer(analyzer="char_wb", ngram_range=GRAMS, sublinear_tf=True).fit(names)
    found: NDArray[np.float64] = (fitted.transform(queries) @ fitted.transform(names).T).toarray()
    return found.astype(np.float32)


def by_encoder(folder: Path) -> Scorer:
    """Score by the inner products of a text bundle's embeddings."""
    embed = bundle_embed(OnnxEncoder.open(folder, provider="cpu"))

    def scores(queries: Sequence[str], names: Sequence[str]) -> Rows:
        asked, filed = (in_order_of_length(embed, texts) for texts in (queries, names))
        found: Rows = asked @ filed.T
        return found

    return scores


def with_strings(score: Scorer) -> Scorer:
    """Let the distance of strings count as much, of what `names` sees of a text.

    So `semblance link` scores a field with `rerank` at one half.
    """
    alike = by_distance(Levenshtein.normalized_similarity)

    def both(queries: Sequence[str], names: Sequence[str]) -> Rows:
        written = [[romanised(text) for text in texts] for texts in (queries, names)]
        found: Rows = np.mean([score(queries, names), alike(*written)], axis=0, dtype=np.float32)
        return found

    return both


def with_grams(score: Scorer) -> Scorer:
    """Let strings count, of what `names` sees: two fifths their distance, one fifth n-grams."""
    alike = by_distance(Levenshtein.normalized_similarity)

    def all_three(queries: Sequence[str], names: Sequence[str]) -> Rows:
        written = [[romanised(text) for text in texts] for texts in (queries, names)]
        found: Rows = (
            0.4 * score(queries, names) + 0.4 * alike(*written) + 0.2 * tf_idf(*written)
        ).astype(np.float32)
        return found

    return all_three


def remembered(score: Scorer) -> Scorer:
    """Score the same two lists once; they are kept, so that none takes the place of another."""
    kept: dict[tuple[int, int], tuple[Sequence[str], Sequence[str], Rows]] = {}

    def scores(queries: Sequence[str], names: Sequence[str]) -> Rows:
        key = id(queries), id(names)
        if key not in kept:
            kept[key] = queries, names, score(queries, names)
        return kept[key][2]

    return scores


def in_order_of_length(
    embed: Callable[[Sequence[Encoded]], NDArray[np.float32]], texts: Sequence[str]
) -> Rows:
    """Embed texts, short ones together, as the service does."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    rows = embed([Item("text", readable(texts[i])) for i in order])
    found = np.empty_like(rows)
    found[order] = rows
    return found


def readable(text: str) -> str:
    """Give a text that any encoder takes, where nothing was read."""
    return text if any(letter.isalnum() for letter in text) else "x"


STRINGS: dict[str, Scorer] = {
    "Levenshtein": by_distance(Levenshtein.normalized_similarity),
    "Jaro-Winkler": by_distance(JaroWinkler.similarity),
    "token set": by_distance(fuzz.token_set_ratio),
    "TF-IDF, n-grams": tf_idf,
}
