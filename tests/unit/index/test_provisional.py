"""A gallery that nobody calibrated tells where strangers would score, by its own exemplars."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from index import provisional
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.gallery import Gallery
from index.label_scores import MEAN, NEAREST
from index.provisional import LABELS_MIN, Provisional

DIM = 16


@pytest.fixture
def galleries(tmp_path: Path) -> Iterator[Galleries]:
    found = Galleries.open(tmp_path)
    yield found
    found.close()


def unit(seed: int, n: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def filled(galleries: Galleries, n: int, name: str = "marks") -> Gallery:
    gallery = galleries.create(name, space="s", dim=DIM)[0]
    gallery.enrol([Exemplar(f"{i}", row, f"brand {i}") for i, row in enumerate(unit(0, n))])
    return gallery


def test_a_tenth_of_the_strangers_passes(galleries: Galleries) -> None:
    """The exemplars are drawn as the strangers are, so that the rate is the one that is meant."""
    gallery = filled(galleries, 400)
    line = gallery.provisional(NEAREST)
    assert line is not None
    found = gallery.search(unit(1, 2000), 1)
    passed = np.mean([hits[0].score >= line for hits in found.hits])
    assert 0.05 < passed < 0.16
    mean = gallery.provisional(MEAN)
    assert mean == pytest.approx(line, abs=1e-5), "one exemplar a label: its mean is itself"


def test_few_labels_tell_nothing(galleries: Galleries) -> None:
    assert filled(galleries, LABELS_MIN - 1).provisional(NEAREST) is None
    unlabelled = galleries.create("plain", space="s", dim=DIM)[0]
    unlabelled.enrol([Exemplar(f"{i}", row, None) for i, row in enumerate(unit(0, 100))])
    assert unlabelled.provisional(NEAREST) is None


def test_it_is_found_anew_when_the_gallery_has_grown_by_a_fifth(
    galleries: Galleries, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    measure = Provisional._measured
    monkeypatch.setattr(
        provisional.Provisional, "_measured", lambda *a: looks.append(1) or measure(*a)
    )
    gallery = filled(galleries, 100)
    first = gallery.provisional(NEAREST)
    more = unit(2, 50)
    gallery.enrol([Exemplar(f"n{i}", row, f"new {i}") for i, row in enumerate(more[:15])])
    assert gallery.provisional(NEAREST) == first
    assert len(looks) == 1
    gallery.enrol([Exemplar(f"m{i}", row, f"more {i}") for i, row in enumerate(more)])
    assert gallery.provisional(NEAREST) != first
    assert len(looks) == 2
