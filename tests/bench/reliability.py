"""Are probabilities what they say, and false accepts as rare as promised? On questions to Python.

A gallery of every second function of the standard library by its signature; the first paragraphs of
docstrings ask for them, half of them for functions that are not enrolled; those that several share
are left out. Calibrated on the questions about one half of the functions, measured on the other, in
ten splits. Writes the plot of docs/galleries.md, for which it needs what `make setup-dev` installs.
"""

import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Plot

from index.calibration import Calibration
from index.exemplar import Exemplar
from index.galleries import Galleries
from models.onnx_encoder import OnnxEncoder
from models.onnx_session import cores
from service.samples import python
from tests.bench.figures import Figure
from tests.bench.texts import embedded_texts

ON_REQUEST = True
RATE, BINS, SPLITS = 0.05, 10, 10
PLOT = Path("docs/reliability.svg")


@dataclass(frozen=True, slots=True)
class Split:
    """What a calibration said of each question (q,), and what was so."""

    calibration: Calibration
    told: np.ndarray
    scores: np.ndarray
    right: np.ndarray
    nobodys: np.ndarray

    def accepted(self, of: np.ndarray) -> float:
        """Return the share of some questions whose best hit passes the threshold."""
        return float(np.mean(self.scores[of] >= self.calibration.threshold))


def figures() -> list[Figure]:
    """Compare in each split what was promised with what was seen, and draw all of them."""
    texts = [row["item"]["text"].split("\n", 1) for row in python.rows()]
    pairs = [
        (re.sub(r"[._]+", " ", signature), asked) for signature, *rest in texts for asked in rest
    ]
    times = Counter(asked for _, asked in pairs)
    pairs = [(signature, asked) for signature, asked in pairs if times[asked] == 1]
    encoder = OnnxEncoder.open(Path("models/bundles/minilm"), threads=cores(), provider="cpu")
    rows = [embedded_texts(encoder, list(some)) for some in zip(*pairs, strict=True)]
    orders = [np.random.default_rng(seed).permutation(len(pairs)) for seed in range(SPLITS)]
    splits = [split(*(some[order] for some in rows)) for order in orders]
    told, right = (
        np.concatenate([getattr(one, name) for one in splits]) for name in ("told", "right")
    )
    draw(told, right)
    bare = np.concatenate([one.scores for one in splits]).clip(0, 1)
    error, of_scores = expected_error(told, right), expected_error(bare, right)
    accepted = [one.accepted(one.nobodys) for one in splits]
    most, bound = max(accepted), mean(one.calibration.far_upper for one in splits)
    found = mean(one.accepted(one.right) for one in splits)
    return [
        Figure(
            "calibration error", f"{error:.3f}", f"bare score {of_scores:.3f}", error / of_scores
        ),
        Figure("best hits that are right", f"{right.mean():.3f}", f"told {told.mean():.3f}"),
        Figure(
            f"false accepts at a rate of {RATE}", f"{mean(accepted):.3f}",
            f"most {most:.3f}, bound {bound:.3f}", mean(accepted) / RATE,
        ),
        Figure("best hits that are right, accepted", f"{found:.3f}"),
    ]  # fmt: skip


def split(signatures: np.ndarray, questions: np.ndarray) -> Split:
    """Calibrate a gallery on the first half of the questions (n, d), and ask it the second."""
    half, enrolled = len(questions) // 2, range(0, len(questions), 2)
    labels = [str(at) if at in enrolled else None for at in range(len(questions))]
    with tempfile.TemporaryDirectory() as folder:
        galleries = Galleries.open(Path(folder))
        gallery, _ = galleries.create("python", space="bench", dim=signatures.shape[1])
        gallery.enrol([Exemplar(str(at), signatures[at]) for at in enrolled])
        calibration = gallery.calibrate(
            false_accept_rate=RATE, queries=questions[:half], labels=labels[:half]
        )
        best = [hits[0] for hits in gallery.search(questions[half:], 1).hits]
        galleries.close()
    return Split(
        calibration,
        np.array([calibration.probability_of(hit.score) for hit in best], float),
        np.array([hit.score for hit in best]),
        np.array([hit.id == label for hit, label in zip(best, labels[half:], strict=True)]),
        np.array([label is None for label in labels[half:]]),
    )


def bins(told: np.ndarray, right: np.ndarray) -> list[tuple[float, float, int]]:
    """Return by tenths the mean probability told, the share that was right, and how many."""
    tenth = np.minimum((told * BINS).astype(int), BINS - 1)
    return [
        (
            float(told[tenth == at].mean()),
            float(right[tenth == at].mean()),
            int((tenth == at).sum()),
        )
        for at in np.unique(tenth)
    ]


def expected_error(told: np.ndarray, right: np.ndarray) -> float:
    """Return the mean distance of the two.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, eq. 3.
    """
    return sum(n * abs(said - seen) for said, seen, n in bins(told, right)) / len(told)


def draw(told: np.ndarray, right: np.ndarray) -> None:
    """Draw what was right over what was told, with 95 % of chance around it."""
    said, seen, n = (np.array(column) for column in zip(*bins(told, right), strict=True))
    mpl.rcParams["svg.hashsalt"] = "semblance"  # the same plot is the same file
    plot = Plot(figsize=(4.5, 4.5), layout="constrained")
    axes = plot.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    spread = 1.96 * np.sqrt(np.maximum(seen * (1 - seen), 0.25 / n) / n)
    axes.errorbar(said, seen, spread, marker="o", linestyle="none", capsize=3)
    for x, y, count in zip(said, seen, n, strict=True):
        axes.annotate(f"{count}", (x, y), xytext=(6, -10), textcoords="offset points", fontsize=7)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability told", ylabel="share that was right")
    plot.savefig(PLOT, metadata={"Date": None})
