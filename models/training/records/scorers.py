"""Ways to score pairs of records: by one text of all fields, or field by field."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process
from rapidfuzz.distance import JaroWinkler, Levenshtein
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.onnx_encoder import OnnxEncoder
from models.texts.characters import romanised
from models.training.evaluation import Rows
from models.training.publishing import bundle_embed
from models.training.records.baselines import GRAMS, in_order_of_length
from models.training.records.matching import PairScorer, RecordPairs, Scores

Compared = Callable[[Sequence[str], Sequence[str]], Scores]
"""Texts of either side to the scores of each with its own (n,)."""
STRINGS_SHARE = 0.5  # of a field's score, beside the encoder's
BATCH = 1 << 14  # pairs whose n-grams are multiplied at once


def by_string(score: Callable[..., float]) -> Compared:
    """Compare by a function of rapidfuzz."""

    def compared(left: Sequence[str], right: Sequence[str]) -> Scores:
        found: Scores = process.cpdist(left, right, scorer=score, dtype=np.float32)
        return found

    return compared


def by_grams(left: Sequence[str], right: Sequence[str]) -> Scores:
    """Compare by the cosine of weighted character n-grams, fitted on both sides."""
    texts = sorted({*left, *right})
    if not any(text.strip() for text in texts):
        return np.zeros(len(left), np.float32)
    fitted = TfidfVectorizer(analyzer="char_wb", ngram_range=GRAMS, sublinear_tf=True)
    rows, place = fitted.fit_transform(texts), {text: i for i, text in enumerate(texts)}
    at = np.array([[place[one], place[other]] for one, other in zip(left, right, strict=True)])
    parts = [
        np.asarray(rows[some[:, 0]].multiply(rows[some[:, 1]]).sum(1)).ravel()
        for some in np.array_split(at, len(at) // BATCH + 1)
    ]
    return np.concatenate(parts).astype(np.float32)


class ByEncoder:
    """Compares by the rows of a text bundle; each text is embedded once."""

    def __init__(self, folder: Path) -> None:
        self.embed = bundle_embed(OnnxEncoder.open(folder, provider="cpu", threads=1))
        self.rows: dict[str, NDArray[np.float32]] = {}

    def __call__(self, left: Sequence[str], right: Sequence[str]) -> Scores:
        """Compare."""
        new = sorted({*left, *right} - self.rows.keys())
        if new:
            self.rows |= zip(new, in_order_of_length(self.embed, new), strict=True)
        one, other = (np.stack([self.rows[text] for text in side]) for side in (left, right))
        found: Scores = np.einsum("nd,nd->n", one, other)
        return found


def with_strings(compared: Compared) -> Compared:
    """Let the distance of strings count too, as `semblance link` does with `rerank`."""
    alike = by_string(Levenshtein.normalized_similarity)

    def both(left: Sequence[str], right: Sequence[str]) -> Scores:
        written = [[romanised(text) for text in side] for side in (left, right)]
        return (1 - STRINGS_SHARE) * compared(left, right) + STRINGS_SHARE * alike(*written)

    return both


def whole(compared: Compared) -> PairScorer:
    """Score pairs by all of their fields in one text."""
    return lambda pairs: compared(*pairs.texts)


def pooled(compared: Compared) -> PairScorer:
    """Score pairs by the mean over the fields that both records have."""

    def scores(pairs: RecordPairs) -> Scores:
        total, there = np.zeros(len(pairs.same), np.float32), np.zeros(len(pairs.same), np.float32)
        for field in pairs.fields:
            both, found = _of_field(compared, *pairs.column(field))
            total[both] += found
            there[both] += 1
        return np.where(there > 0, total / np.maximum(there, 1), -1.0).astype(np.float32)

    return scores


def _of_field(
    compared: Compared, left: Sequence[str], right: Sequence[str]
) -> tuple[NDArray[np.int64], Scores]:
    """Compare where both have a value: which pairs these are, and their scores."""
    there = [place for place, two in enumerate(zip(left, right, strict=True)) if all(two)]
    if not there:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    return np.array(there), compared([left[i] for i in there], [right[i] for i in there])


class Weighed:
    """Scores pairs by what their fields say, weighed by logistic regression on labelled pairs.

    Args:
        ways: each compares every field, and the whole text.
    """

    def __init__(self, ways: Sequence[Compared]) -> None:
        self.ways = ways
        self.model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))

    def fitted(self, pairs: RecordPairs) -> "Weighed":
        """Learn the weights."""
        self.fields = pairs.fields
        self.model.fit(self._features(pairs), pairs.same)
        return self

    def __call__(self, pairs: RecordPairs) -> Scores:
        """Score."""
        found: Scores = self.model.decision_function(self._features(pairs)).astype(np.float32)
        return found

    def _features(self, pairs: RecordPairs) -> Rows:
        """Tell of each pair what each way says of each field, and which fields are missing."""
        columns = [way(*pairs.texts) for way in self.ways]
        for field in self.fields:
            left, right = pairs.column(field)
            missing = np.ones(len(pairs.same), np.float32)
            for way in self.ways:
                found = np.zeros(len(pairs.same), np.float32)
                both, found_there = _of_field(way, left, right)
                found[both], missing[both] = found_there, 0.0
                columns.append(found)
            columns.append(missing)
        return np.stack(columns, axis=1)


STRINGS: dict[str, Compared] = {
    "Levenshtein": by_string(Levenshtein.normalized_similarity),
    "Jaro-Winkler": by_string(JaroWinkler.similarity),
    "token set": by_string(fuzz.token_set_ratio),
    "TF-IDF, n-grams": by_grams,
}
