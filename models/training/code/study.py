"""The ways of learning side by side, each from MiniLM's weights, and the best for longer."""

import copy
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.training.code.bm25 import neighbours
from models.training.code.delta import between, write_delta
from models.training.code.embedding import TOKENS_MAX, embedded_ids, tower_searcher
from models.training.code.learning import InBatch, Way, WithQueue, freeze
from models.training.code.material import (
    CODE_TOKENS,
    Material,
    material_of,
    tokens_of,
    written,
)
from models.training.code.pairs import Pair, held_out, read_pairs, says, sentence
from models.training.code.report import by_language, compare, failures, unrelated_quantile
from models.training.code.soften import kinds_of
from models.training.code.trials import Rows, Trial, cosqa, docstrings, figures, ranks
from models.training.loop import fit
from models.training.schedule import Schedule
from models.training.sentence_tower import SentenceTower, tower_of_bundle

WAYS = {
    "in-batch": Way(),
    "queue": Way(queue=4096, temperature=0.07),
    "queue-soft": Way(queue=4096, soft=True, temperature=0.07),
    "near": Way(near=True),
    "queue-soft-near": Way(queue=4096, soft=True, near=True, temperature=0.07),
}
SHORT = 0.09  # of the time for each way, and for code as it stands; the rest is for the best
ALPHAS = (0.2, 0.35, 0.5, 0.65, 0.8, 1.0)
STEPS = 200_000  # of a way, unless its minutes are over before
NEAR = 4  # neighbours kept of each pair
TRIED_MAX = 3000
PACKAGE_MAX = 4000
BLOCK, BARE_MAX = 2048, 800  # of what is searched for neighbours: pairs, and characters of each

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Study:
    """What all ways learn from and are tried on.

    Args:
        start: MiniLM's tower.
        near: of each pair, whom BM25 confuses with it; None where no way asks.
        trials: by whose figures the best is chosen: Python of packages that are kept from training,
            and web queries.
        others: pairs in other languages, of packages that are kept from training.
        out: folder for figures and what was learnt.
        work: folder for checkpoints and logs.
        layers: how many of its last layers learn.
        code_tokens: of a function, while it is learnt from.
        check_steps: steps between two checkpoints.
    """

    start: SentenceTower
    tokenizer: Tokenizer
    learnt: Sequence[Pair]
    near: NDArray[np.int32] | None
    trials: Sequence[Trial]
    others: Sequence[Pair]
    out: Path
    work: Path
    device: torch.device
    layers: int
    size: int
    rate: float
    tell: Tell
    code_tokens: int = CODE_TOKENS
    check_steps: int = 1_000_000_000

    def material(self, way: Way) -> Material:
        """Tokenize the pairs as a way reads them."""
        return material_of(
            self.learnt, self.tokenizer, self.device,
            near=self.near, split=way.split, code_tokens=self.code_tokens,
        )  # fmt: skip

    def learn(
        self,
        name: str,
        way: Way,
        material: Material,
        minutes: float,
        begin: SentenceTower | None = None,
    ) -> SentenceTower:
        """Train a tower one way for some minutes.

        Args:
            begin: what it begins with; by default, the start.
        """
        torch.manual_seed(0)
        tower = copy.deepcopy(begin or self.start).to(self.device)
        freeze(tower, self.layers)
        schedule = Schedule(
            steps=STEPS, size=self.size, rate=self.rate, warm=20, decay=0.01, averaged=0.99,
            report_steps=20, check_steps=self.check_steps, minutes=minutes,
        )  # fmt: skip
        kinds = kinds_of(self.tokenizer).to(self.device)
        mask_id = self.tokenizer.token_to_id("[MASK]") or 0
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

    def weigh(
        self, learnt: SentenceTower, split: bool, alphas: Sequence[float]
    ) -> Mapping[float, Mapping[str, float]]:
        """Tell the reciprocal ranks between the start's weights and those learnt, by share."""
        asked = [
            tuple(
                tokens_of(texts, self.tokenizer, TOKENS_MAX)
                for texts in (trial.questions, [written(*one, split) for one in trial.codes])
            )
            for trial in self.trials
        ]
        tower = copy.deepcopy(self.start).to(self.device).eval()
        start, end = copy.deepcopy(tower), learnt.to(self.device)
        told = {}
        for alpha in alphas:
            between(start, end, alpha, tower)
            # On a processor, in half of the time; what is published is measured as it is served.
            with torch.autocast(self.device.type, torch.bfloat16, self.device.type == "cpu"):
                told[alpha] = {
                    trial.name: _mrr(trial, *(embedded_ids(tower, ids, 64) for ids in both))
                    for trial, both in zip(self.trials, asked, strict=True)
                }
            self.tell(f"{alpha}: {told[alpha]}")
        return told


def _mrr(trial: Trial, questions: Rows, codes: Rows) -> float:
    return figures(ranks(questions @ codes.T, trial.truth))["mrr"]


def study(made: Study, minutes: float) -> None:
    """Train the ways for a while, the best for longer; write figures, and the best weights by then.

    Args:
        minutes: of training, in all.
    """
    made.out.mkdir(parents=True, exist_ok=True)
    told: dict[str, object] = {
        name: made.weigh(made.start, split, [0.0])
        for name, split in (("MiniLM", False), ("MiniLM, split", True))
    }
    made.tell(f"start: {told}")
    material = made.material(Way())
    best, kept = "", Learnt(-1.0, 0.0, made.start)
    for name, way in WAYS.items():
        found = _one(made, name, way, material, minutes * SHORT, (0.5, 1.0), told)
        if found.score > kept.score:
            best, kept = name, found
            write_delta(made.out / "delta.npz", made.start, found.tower)
    left = minutes * (1 - SHORT * (len(WAYS) + 1))
    long = _one(made, f"{best}-long", WAYS[best], material, left, ALPHAS, told)
    if long.score > kept.score:
        kept = long
        write_delta(made.out / "delta.npz", made.start, long.tower)
    report(made, kept, split=WAYS[best].split)
    unsplit = replace(WAYS[best], split=False)
    _one(made, f"{best}-unsplit", unsplit, made.material(unsplit), minutes * SHORT, (1.0,), told)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a way came to.

    Args:
        score: the best mean over the trials.
        alpha: the share of the changes that it is reached by.
    """

    score: float
    alpha: float
    tower: SentenceTower


def _one(
    made: Study,
    name: str,
    way: Way,
    material: Material,
    minutes: float,
    alphas: Sequence[float],
    told: dict[str, object],
) -> Learnt:
    """Train one way, weigh it, and write what was found of all until now."""
    began = time.monotonic()
    tower = made.learn(name, way, material, minutes)
    spent = time.monotonic() - began
    found = made.weigh(tower, way.split, alphas)
    told[name] = {"seconds": round(spent, 1), "mrr_by_alpha": found}
    (made.out / "figures.json").write_text(json.dumps(told, indent=1) + "\n")
    means = {alpha: sum(by.values()) / len(by) for alpha, by in found.items()}
    best = max(means, key=means.__getitem__)
    made.tell(f"{name}: {spent:.0f} s; {found}")
    return Learnt(means[best], best, tower)


def report(made: Study, learnt: Learnt, *, split: bool) -> None:
    """Write the figures of the encoder beside those of what it has to beat.

    Args:
        split: whether it reads code parted into words.
    """
    tower = copy.deepcopy(made.start).to(made.device).eval()
    start = copy.deepcopy(tower)
    between(start, learnt.tower.to(made.device), learnt.alpha, tower)
    told: dict[str, object] = {"alpha": learnt.alpha, "split": split}
    for trial in (*made.trials, *by_language(made.others)):
        scores = [
            tower_searcher(one, made.tokenizer, parted).scores(trial)
            for one, parted in ((start, False), (tower, split))
        ]
        told.setdefault("unrelated", unrelated_quantile(scores[1], trial.truth))
        found = compare(trial, *scores)
        told[trial.name] = {"figures": found, "failures": failures(trial, scores[1])}
        (made.out / "report.json").write_text(json.dumps(told, indent=1) + "\n")
        made.tell(f"{trial.name}: {found}")


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
    tried: int = TRIED_MAX,
    with_near: bool = True,
) -> Study:
    """Read the pairs, part them by package, and find who is near whom.

    Args:
        dev: folder of CoSQA's dev split, which is looked at and never learnt from.
        start: the bundle whose weights are started from.
        tried: pairs of other packages that are asked for, at most.
        with_near: whether it is found who is near whom, which takes minutes.
    """
    every = [pair for pair in read_pairs(*pairs) if says(pair.told)]
    away = [pair for pair in every if held_out(pair.package)]
    learnt = capped([pair for pair in every if not held_out(pair.package)])
    order = np.random.default_rng(0).permutation(len(away))
    away = [away[i] for i in order]
    python = [pair for pair in away if pair.language == "python"][:tried]
    others = [pair for pair in away if pair.language != "python"][:tried]
    tell(f"{len(learnt)} pairs to learn from, {len(python)} and {len(others)} of other packages")
    return Study(
        start=tower_of_bundle(start),
        tokenizer=Tokenizer.from_file(str(start / "tokenizer.json")),
        learnt=learnt,
        near=near_of(learnt, work / "near.npy", tell) if with_near else None,
        trials=[docstrings(python), *([cosqa(dev)] if dev else [])],
        others=others,
        out=out,
        work=work,
        device=device,
        layers=layers,
        size=size,
        rate=rate,
        tell=tell,
    )
