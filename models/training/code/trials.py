"""Questions and functions to find: the trials of the encoder, and what ranks tell."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.code.pairs import Pair, sentence

Rows = NDArray[np.float32]
_DOCSTRING = re.compile(
    r"""(?P<head>\A.*?:[^\n]*\n?)\s*[rRuUbB]{0,2}(?P<mark>\"{3}|'{3}).*?(?P=mark)[ \t]*\n?""", re.S
)


@dataclass(frozen=True, slots=True)
class Trial:
    """Questions, each of which one function answers.

    Args:
        codes: the functions, each with its language.
        truth: the place among them of each question's own.
    """

    name: str
    questions: Sequence[str]
    codes: Sequence[tuple[str, str]]
    truth: NDArray[np.int64]


def cosqa(folder: Path, *, bare: bool = False) -> Trial:
    """Read the 500 web queries of CoSQA's dev split (Huang et al., arXiv:2105.13239).

    Args:
        folder: holds `cosqa-dev-500.json` and `cosqa-codes.txt`.
        bare: whether the docstrings of the functions are taken away.
    """
    places = json.loads((folder / "cosqa-codes.txt").read_text(encoding="utf-8"))
    asked = json.loads((folder / "cosqa-dev-500.json").read_text(encoding="utf-8"))
    codes = sorted(places, key=places.__getitem__)
    return Trial(
        "cosqa-dev-bare" if bare else "cosqa-dev",
        [one["doc"] for one in asked],
        [(undocumented(code) if bare else code, "python") for code in codes],
        np.array([int(one["retrieval_idx"]) for one in asked], np.int64),
    )


def docstrings(pairs: Sequence[Pair], name: str = "held-out-python") -> Trial:
    """Ask for each function by the first sentence said of it, which is not in its code."""
    return Trial(
        name,
        [sentence(pair.told) for pair in pairs],
        [(pair.bare, pair.language) for pair in pairs],
        np.arange(len(pairs), dtype=np.int64),
    )


def undocumented(code: str) -> str:
    """Take the docstring away from a Python function, whatever Python it is of.

    >>> undocumented('def f(x):\\n    \"\"\"Say it.\"\"\"\\n    return x')
    'def f(x):\\n    return x'
    """
    return _DOCSTRING.sub(lambda found: found["head"], code, count=1)


def ranks(scores: Rows, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rank each question's own function, 1 where nothing scores higher; ties count half."""
    own = scores[np.arange(len(truth)), truth][:, None]
    above, level = (scores > own).sum(axis=1), (scores == own).sum(axis=1) - 1
    return np.asarray(1 + above + level // 2, np.int64)


def figures(found: NDArray[np.int64]) -> Mapping[str, float]:
    """Tell the mean reciprocal rank, and how often the own one is among the first."""
    return {"mrr": float((1 / found).mean())} | {
        f"recall@{k}": float((found <= k).mean()) for k in (1, 5, 10)
    }
