"""How many labels until the threshold is within .01 of the best F1: asked for, and at random.

3 000 names made by code, embedded by the encoder `names`, ten candidates each; the labels are the
truth. Five dialogues of each kind. By name only: a minute or two.
"""

from collections.abc import Callable

import numpy as np

from index.linking.asking import Asking
from index.linking.pairs import Pairs
from index.linking.threshold import without_labels
from service.linking import _pooled, _run
from service.records.deduping import DedupeTerms, candidates_of, first_alike
from service.records.schema import Field, Schema
from service.records.tables import Table
from tests.bench.figures import Figure
from tests.people import people

ON_REQUEST = True
NAMES, COPIES, DIALOGUES, LABELS = 3000, 0.25, 5, 150
NEAR = 0.01


def figures() -> list[Figure]:
    """Ask, and tell the median number of labels from which on F1 stays near the best."""
    names, owner = people(NAMES, COPIES)
    schema = Schema((Field("name", "name"),))
    records = _run(_pooled(Table.of([{"name": name} for name in names]), schema, None))
    pairs, _ = candidates_of(records, first_alike(records), DedupeTerms())
    owners = np.array(owner)
    truth = owners[pairs.left] == owners[pairs.right]
    best = max(f1_at(pairs, truth, one) for one in np.linspace(0.3, 1, 701))
    alone = without_labels(pairs).best(pairs.scores)
    made = [
        Figure("best F1 of pairs", f"{best:.3f}"),
        Figure(
            "without labels", f"{f1_at(pairs, truth, alone.threshold):.3f}",
            f"told {alone.f1:.3f} at {alone.threshold:.3f}",
        ),
    ]  # fmt: skip
    for what, hint, active in (
        ("asked for, from the threshold without", alone.threshold, True),
        ("asked for", None, True),
        ("at random, from the threshold without", alone.threshold, False),
        ("at random", None, False),
    ):
        short = np.stack(
            [shortfalls(pairs, truth, best, hint, active, n) for n in range(DIALOGUES)]
        )
        needed = [last_far(one) for one in short]
        at = ", ".join(f"{short[:, n - 1].mean():.3f} at {n}" for n in (10, 20, 40, 80, LABELS))
        made.append(Figure(f"labels {what}", f"{np.median(needed):.0f}", f"{sorted(needed)}"))
        made.append(Figure(f"  short of the best: {at}", ""))
    return made


def shortfalls(
    pairs: Pairs, truth: np.ndarray, best: float, hint: float | None, active: bool, seed: int
) -> np.ndarray:
    """Return by how much F1 falls short of the best after each label."""
    asking = Asking(pairs, hint, seed)
    at_random = iter(np.random.default_rng(seed).permutation(len(pairs)).tolist())
    following: Callable[[], int | None] = asking.next if active else (lambda: next(at_random))
    short = []
    for _ in range(LABELS):
        pair = following()
        assert pair is not None
        asking.answer(pair, bool(truth[pair]))
        told = asking.curves().best(pairs.scores)
        short.append(best - f1_at(pairs, truth, told.threshold))
    return np.array(short)


def last_far(short: np.ndarray) -> int:
    """Return after how many labels F1 stays near the best; one more than there were if never."""
    far = np.flatnonzero(short > NEAR)
    return int(far[-1]) + 2 if len(far) else 1


def f1_at(pairs: Pairs, truth: np.ndarray, threshold: float) -> float:
    """Return the F1 of candidates at or above a threshold."""
    kept = pairs.scores >= np.float32(threshold)
    return float(2 * (truth & kept).sum() / max(kept.sum() + truth.sum(), 1))
