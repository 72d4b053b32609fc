"""What stands beside the clones' encoder: TF-IDF and MiniLM, on sources and on abstract views."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from tokenizers import Tokenizer

from models.training.clones.trials import clone_figures
from models.training.loop import device_of
from models.training.sentence_tower import tower_of_bundle

Rows = NDArray[np.float32]
MINILM_TOKENS = 256


def tf_idf(texts: Sequence[str], *, is_code: bool) -> Rows:
    """Weigh the words of texts: unit rows, dense."""
    pattern = r"\w+|[^\w\s]" if is_code else r"\S+"
    weighed = TfidfVectorizer(lowercase=False, token_pattern=pattern, sublinear_tf=True)
    rows: Rows = weighed.fit_transform(texts).toarray().astype(np.float32)
    return rows


@torch.no_grad()
def minilm(texts: Sequence[str], bundle: Path, device: str, at_once: int = 64) -> Rows:
    """Embed texts with MiniLM as it is shipped."""
    tower = tower_of_bundle(bundle).to(device).eval()
    tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
    tokenizer.enable_truncation(MINILM_TOKENS)
    tokenizer.no_padding()
    encodings = [one.ids for one in tokenizer.encode_batch(list(texts))]
    order = sorted(range(len(texts)), key=lambda place: len(encodings[place]))
    out = np.empty((len(texts), 384), np.float32)
    for start in range(0, len(order), at_once):
        part = order[start : start + at_once]
        longest = max(len(encodings[place]) for place in part)
        ids = torch.zeros(len(part), longest, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, place in enumerate(part):
            ids[row, : len(encodings[place])] = torch.tensor(encodings[place])
            mask[row, : len(encodings[place])] = 1
        on = device_of(tower)
        out[part] = tower(ids.to(on), mask.to(on)).float().cpu().numpy()
    return out


def baselines(
    sources: Sequence[str],
    abstract: Sequence[str],
    problems: Sequence[str],
    languages: Sequence[str],
    bundle: Path,
    device: str,
) -> dict[str, dict[str, float]]:
    """Tell the figures of each."""
    rows = {
        "TF-IDF, source": tf_idf(sources, is_code=True),
        "TF-IDF, abstract": tf_idf(abstract, is_code=False),
        "MiniLM, source": minilm(sources, bundle, device),
        "MiniLM, abstract": minilm(abstract, bundle, device),
    }
    return {name: clone_figures(one, problems, languages) for name, one in rows.items()}
