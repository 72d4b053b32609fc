"""The plots of docs/logos.md on verification, and on who is unknown.

Ours beside histograms of gradients and a perceptual hash, from `LOGOS_DATA` and `LOGOS_WORK` as for
`logos`. A stranger is a query whose own reference is left out; the threshold is what just so many
strangers pass: of this set, not of another.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Plot

from models.modality import open_modality
from models.onnx_encoder import OnnxEncoder
from models.training.baselines import baseline
from models.training.evaluation import Told, Trial, scores_of, strangers, told_at
from models.training.publishing import bundle_embed
from models.training.recipe import open_recipe
from models.training.recipes.logo import SIDES
from models.training.trials import kept_trials
from tests.bench.figures import Figure
from tests.bench.logos import BUNDLE, DATA, WORK

ON_REQUEST = True
RATES = (0.01, 0.05)  # of strangers who are given a name
PAIRS = np.geomspace(1e-4, 1, 81)  # rates of false accepts: of pairs there are tens of thousands
STRANGERS = np.geomspace(1e-2, 1, 61)  # of strangers there are some hundreds, or eighty
NAMES = {
    "vehicles34": "car badges, 34 marks",
    "vehicles387": "car badges, 387 marks",
    "held_printed": "held out, printed",
    "held_seen": "held out, drawn photo",
}
STYLES = {"ours": "C0-", "HOG": "C1--", "pHash": "C2:"}

Scored = Mapping[str, Mapping[str, np.ndarray]]
"""By set and encoder, (queries, references)."""
Curve = Callable[[np.ndarray, Trial], np.ndarray]


def figures() -> list[Figure]:
    """Draw the plots, and tell what is refused at stated rates."""
    encoder = OnnxEncoder.open(BUNDLE, provider="cpu", threads=1)
    trials = trials_drawn()
    modality = open_modality("image", encoder.manifest.preprocessing, BUNDLE)
    embeds = {
        "ours": bundle_embed(encoder),
        "HOG": baseline("hog", modality),
        "pHash": baseline("phash", modality),
    }
    scored = {
        name: {who: scores_of(trial, embed) for who, embed in embeds.items()}
        for name, trial in trials.items()
    }
    mpl.rcParams["svg.hashsalt"] = "semblance"  # the same plot is the same file
    pairs = Path("docs/logos-verification.svg"), PAIRS, "false accepts of pairs"
    draw(*pairs, "true pairs accepted", trials, scored, verified)
    unknown = Path("docs/logos-unknown.svg"), STRANGERS, "strangers given a name"
    draw(*unknown, "named rightly", trials, scored, named)
    return [refused(name, rate, trials[name], scored[name]) for name in NAMES for rate in RATES]


def trials_drawn() -> Mapping[str, Trial]:
    """Return the trials of the recipe, whose grounds it draws where they are not kept."""
    if not (WORK / "grounds.npy").exists():
        open_recipe("logo").build(DATA, WORK)
    return kept_trials(DATA, WORK, SIDES[-1])


def refused(name: str, rate: float, trial: Trial, scores: Mapping[str, np.ndarray]) -> Figure:
    """Tell what becomes of queries whose mark is enrolled, at a rate of false accepts."""
    ours, hog = (told(scores[who], trial, rate) for who in ("ours", "HOG"))
    return Figure(
        f"{name}: named at a false-accept rate of {rate}",
        f"{ours.right:.3f}",
        f"unknown {ours.unknown:.3f} HOG {hog.right:.3f}",
        ours.right / hog.right if hog.right else None,
    )


def told(scores: np.ndarray, trial: Trial, rate: float) -> Told:
    """Tell what becomes of the queries where so many of them as strangers are given a name."""
    return told_at(scores, trial.truth, strangers(scores, trial.truth), rate)


def verified(scores: np.ndarray, trial: Trial) -> np.ndarray:
    """Return the share of true pairs accepted, at each share of false ones."""
    own = np.zeros(scores.shape, bool)
    own[np.arange(len(scores)), list(trial.truth)] = True
    cuts = np.quantile(scores[~own], 1 - PAIRS)
    return np.array([(scores[own] >= cut).mean() for cut in cuts])


def named(scores: np.ndarray, trial: Trial) -> np.ndarray:
    """Return the share of queries named rightly, at each share of strangers named."""
    return np.array([told(scores, trial, rate).right for rate in STRANGERS])


def draw(
    path: Path,
    rates: np.ndarray,
    across: str,
    up: str,
    trials: Mapping[str, Trial],
    scored: Scored,
    curve: Curve,
) -> None:
    """Draw one panel per set, one line per encoder."""
    plot = Plot(figsize=(9, 2.8), layout="constrained")
    panels = plot.subplots(1, len(NAMES), sharey=True)
    for axes, (name, title) in zip(panels, NAMES.items(), strict=True):
        for who, scores in scored[name].items():
            axes.plot(rates, curve(scores, trials[name]), STYLES[who], label=who)
        axes.set(xscale="log", title=title, xlabel=across, ylim=(0, 1))
        axes.title.set_fontsize(9)
        axes.grid(color="0.9")
        axes.set_xticks(10.0 ** np.arange(np.log10(rates[0]), 1))
    panels[0].set_ylabel(up)
    panels[0].legend(fontsize=8)
    plot.savefig(path, metadata={"Date": None})
