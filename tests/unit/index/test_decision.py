import pytest

from index.decision import decide
from index.hits import Hit


def hit(label: str | None, score: float, name: str = "x") -> Hit:
    return Hit(name, label, score, 1)


@pytest.mark.parametrize(
    ("hits", "verdict", "label"),
    [
        ([], "unknown", None),
        ([hit("A", 0.49)], "unknown", None),
        ([hit("A", 0.5)], "match", "A"),  # at the threshold is accepted
        ([hit("A", 0.9), hit("B", 0.89)], "ambiguous", "A"),
        ([hit("A", 0.9), hit("B", 0.5)], "match", "A"),  # far behind
        ([hit("A", 0.51), hit("B", 0.4999)], "match", "A"),  # close, but below the threshold
        ([hit("A", 0.9), hit("A", 0.9), hit("B", 0.7)], "match", "A"),  # the same label is no rival
        ([hit("A", 0.9), hit("A", 0.9), hit("B", 0.9)], "ambiguous", "A"),
        ([hit(None, 0.9, "e1")], "match", "e1"),  # without a label goes by its id
        ([hit(None, 0.9, "e1"), hit("e1", 0.9, "e2")], "match", "e1"),
        ([hit(None, 0.9, "e1"), hit(None, 0.9, "e2")], "ambiguous", "e1"),
    ],
)
def test_verdicts(hits, verdict, label):
    decision = decide(hits, threshold=0.5)
    assert (decision.verdict, decision.label) == (verdict, label)
    assert decision.threshold == 0.5
    assert decision.score == (hits[0].score if hits else None)


def test_the_margin_is_the_callers():
    hits = [hit("A", 0.9), hit("B", 0.8)]
    assert decide(hits, 0.5, margin=0.05).verdict == "match"
    assert decide(hits, 0.5, margin=0.2).verdict == "ambiguous"


def test_the_probability_is_that_of_the_best_score():
    assert decide([hit("A", 0.9)], 0.5, probability_of=lambda s: s / 2).probability == 0.45
    assert decide([hit("A", 0.9)], 0.5).probability is None
