"""The ways of learning side by side, each from MiniLM's weights, and the best for longer."""

import copy
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.training.code.bm25 import neighbours
from models.training.code.delta import between, write_delta
from models.training.code.embedding import tower_searcher
from models.training.code.learning import InBatch, Way, WithQueue, freeze
from models.training.code.material import Material, material_of
from models.training.code.pairs import Pair, held_out, read_pairs, sentence
from models.training.code.report import by_language, compare, failures
from models.training.code.soften import kinds_of
from models.training.code.trials import Trial, cosqa, docstrings, figures, ranks
from models.training.loop import fit
from models.training.schedule import Schedule
from models.training.sentence_tower import SentenceTower, tower_of_bundle

WAYS = {
    "in-batch": Way(),
    "queue": Way(queue=4096, temperature=0.07),
    "queue-soft": Way(queue=4096, soft=True, temperature=0.07),
    "near": Way(near=True),
    "queue-soft-near": Way(queue=4096, soft=True, near=True, temperature=0.07),
    "near-unsplit": Way(near=True, split=False),
}
SHORT = 0.09  # of the time, for each way; what is left is for the best
ALPHAS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0)
STEPS = 200_000  # of a way, unless its minutes are over before
NEAR = 4  # neighbours kept of each pair
TRIED_MAX = 4000
PACKAGE_MAX = 4000
BLOCK, BARE_MAX = 2048, 800  # of what is searched for neighbours: pairs, and characters of each

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Study:
    """What all ways learn from and are tried on.

    Args:
        start: MiniLM's tower.
        near: of each pair, whom BM25 confuses with it.
        away: the pairs of packages that are kept from training.
        out: folder for figures and what was learnt.
        work: folder for checkpoints and logs.
        layers: how many of its last layers learn.
    """

    start: SentenceTower
    tokenizer: Tokenizer
    learnt: Sequence[Pair]
    near: NDArray[np.int32]
    trials: Sequence[Trial]
    away: Sequence[Pair]
    out: Path
    work: Path
    device: torch.device
    layers: int
    size: int
    rate: float
    tell: Tell

    def material(self, way: Way) -> Material:
        """Tokenize the pairs as a way reads them."""
        return material_of(
            self.learnt, self.tokenizer, self.device, near=self.near, split=way.split
        )

    def learn(self, name: str, way: Way, material: Material, minutes: float) -> SentenceTower:
        """Train a tower one way for some minutes."""
        torch.manual_seed(0)
        tower = copy.deepcopy(self.start).to(self.device)
        freeze(tower, self.layers)
        schedule = Schedule(
            steps=STEPS, size=self.size, rate=self.rate, warm=50, decay=0.01, averaged=0.99,
            report_steps=50, check_steps=1_000_000_000, minutes=minutes,
        )  # fmt: skip
        kinds = kinds_of(self.tokenizer).to(self.device)
        mask_id = self.tokenizer.token_to_id("[MASK]")
        lose = WithQueue(way, kinds, mask_id) if way.queue else InBatch(way)
        learnt = fit(
            tower,
            material if way.near else material.without_near(),
            lose,
            schedule,
            self.work / name,
            evaluate=lambda _: {},
            workers=0,
        )
        assert isinstance(learnt, SentenceTower)
        return learnt

    def weigh(self, learnt: SentenceTower, way: Way) -> Mapping[str, Mapping[str, float]]:
        """Tell the reciprocal ranks between the start's weights and those learnt, by share."""
        tower = copy.deepcopy(self.start).to(self.device).eval()
        start, end = self.start.to(self.device), learnt.to(self.device)
        told = {}
        for alpha in ALPHAS:
            between(start, end, alpha, tower)
            asked = tower_searcher(tower, self.tokenizer, way.split)
            told[f"{alpha:g}"] = {
                trial.name: figures(ranks(asked.scores(trial), trial.truth))["mrr"]
                for trial in self.trials
            }
        return told


def study(made: Study, minutes: float) -> None:
    """Train every way for a while and the best for longer; write figures and what that learnt.

    Args:
        minutes: of training, in all.
    """
    made.out.mkdir(parents=True, exist_ok=True)
    told, best, kept = dict[str, object](), "", -1.0
    material: dict[bool, Material] = {}
    for name, way in WAYS.items():
        if way.split not in material:
            material = {way.split: made.material(way)}  # of the other reading, no more is needed
        score, _, _ = _one(made, name, way, material[way.split], minutes * SHORT, told)
        if way.split and score > kept:
            best, kept = name, score
    way = WAYS[best]
    left = minutes * (1 - SHORT * len(WAYS))
    _, alpha, learnt = _one(made, f"{best}-long", way, made.material(way), left, told)
    write_delta(made.out / "delta.npz", made.start, learnt)
    _compare(made, way, learnt, alpha)


def _one(
    made: Study, name: str, way: Way, material: Material, minutes: float, told: dict[str, object]
) -> tuple[float, float, SentenceTower]:
    """Train one way, weigh it, and write what was found of all until now.

    Returns:
        The best mean over the trials, the share of the changes that it is reached by, the tower.
    """
    began = time.monotonic()
    learnt = made.learn(name, way, material, minutes)
    spent = time.monotonic() - began
    found = made.weigh(learnt, way)
    told[name] = {"seconds": round(spent, 1), "mrr_by_alpha": found}
    (made.out / "figures.json").write_text(json.dumps(told, indent=1) + "\n")
    means = {alpha: sum(by.values()) / len(by) for alpha, by in found.items()}
    best = max(means, key=means.__getitem__)
    made.tell(f"{name}: {spent:.0f} s; at {best}: {found[best]}; at 0: {found['0']}")
    return means[best], float(best), learnt


def _compare(made: Study, way: Way, learnt: SentenceTower, alpha: float) -> None:
    """Write the figures of the encoder beside those of what it has to beat."""
    tower = copy.deepcopy(made.start).to(made.device).eval()
    start = copy.deepcopy(tower)
    between(start, learnt.to(made.device), alpha, tower)
    told = {}
    for trial in (*made.trials, *by_language(made.away)):
        scores = [
            tower_searcher(one, made.tokenizer, split).scores(trial)
            for one, split in ((start, False), (tower, way.split))
        ]
        told[trial.name] = {
            "figures": compare(trial, *scores),
            "failures": failures(trial, scores[1]),
        }
        made.tell(f"{trial.name}: {told[trial.name]['figures']}")
    (made.out / "report.json").write_text(json.dumps({"alpha": alpha, **told}, indent=1) + "\n")


def near_of(learnt: Sequence[Pair], kept: Path, tell: Tell) -> NDArray[np.int32]:
    """Find whom BM25 confuses with whom; it takes minutes, and is kept beside the pairs."""
    if kept.exists():
        found: NDArray[np.int32] = np.load(kept)
        if len(found) == len(learnt):
            return found
    tell("looking for neighbours")
    asked, codes = [sentence(p.told) for p in learnt], [p.bare[:BARE_MAX] for p in learnt]
    found = neighbours(asked, codes, NEAR, block=BLOCK, processes=4)
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.save(kept, found)
    return found


def capped(pairs: Sequence[Pair]) -> list[Pair]:
    """Leave of each package so many at most, drawn at random, so that none is most of them."""
    count, kept = Counter[str](), list[Pair]()
    for place in np.random.default_rng(0).permutation(len(pairs)):
        pair = pairs[place]
        count[pair.package] += 1
        if count[pair.package] <= PACKAGE_MAX:
            kept.append(pair)
    return kept


def prepare(
    pairs: Sequence[Path],
    dev: Path | None,
    start: Path,
    out: Path,
    work: Path,
    *,
    device: torch.device,
    layers: int,
    size: int,
    rate: float,
    tell: Tell,
) -> Study:
    """Read the pairs, part them by package, and find who is near whom.

    Args:
        dev: folder of CoSQA's dev split, which is looked at and never learnt from.
        start: the bundle whose weights are started from.
    """
    every = list(read_pairs(*pairs))
    away = [pair for pair in every if held_out(pair.package)]
    learnt = capped([pair for pair in every if not held_out(pair.package)])
    some = np.random.default_rng(0).permutation(len(away))[:TRIED_MAX]
    away = [away[i] for i in sorted(some)]
    tell(f"{len(learnt)} pairs to learn from, {len(away)} of other packages to be tried on")
    return Study(
        start=tower_of_bundle(start),
        tokenizer=Tokenizer.from_file(str(start / "tokenizer.json")),
        learnt=learnt,
        near=near_of(learnt, work / "near.npy", tell),
        trials=[docstrings(away), *([cosqa(dev)] if dev else [])],
        away=away,
        out=out,
        work=work,
        device=device,
        layers=layers,
        size=size,
        rate=rate,
        tell=tell,
    )
