"""The encoder that ships, trained on where it stands: one way, for a machine without a GPU."""

import json
from collections.abc import Sequence

from models.training.code.delta import write_delta
from models.training.code.learning import Way
from models.training.code.study import Learnt, Study, report
from models.training.sentence_tower import SentenceTower

CODE_TOKENS = 128  # of a function in training; longer ones take their time and teach little more


def further(
    made: Study, begin: SentenceTower, minutes: float, alphas: Sequence[float], *, split: bool
) -> Learnt:
    """Train the encoder on, weigh what it has learnt since MiniLM, and write what was found.

    Args:
        made: what is learnt from; its start is MiniLM, from which shares are counted.
        begin: the tower of the bundle that ships.
        minutes: of training.
        alphas: shares of what was learnt that are tried.
        split: whether code is parted into words.
    """
    made.out.mkdir(parents=True, exist_ok=True)
    way = Way(split=split)
    tower = made.learn("further", way, made.material(way), minutes, begin)
    write_delta(made.out / "delta.npz", made.start, tower)
    found = made.weigh(tower, split, alphas)
    (made.out / "figures.json").write_text(json.dumps(found, indent=1) + "\n")
    made.tell(f"by share: {found}")
    means = {alpha: sum(by.values()) / len(by) for alpha, by in found.items()}
    best = max(means, key=means.__getitem__)
    learnt = Learnt(means[best], best, tower)
    report(made, learnt, split=split)
    return learnt
