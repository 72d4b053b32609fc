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


def test_means_of_a_few_labels_have_a_line_of_their_own(galleries: Galleries) -> None:
    """The rows of a label lie around it, so that pairs score higher than means."""
    gallery = galleries.create("few", space="s", dim=DIM, label_score=MEAN)[0]
    about = np.repeat(unit(3, 8), 5, axis=0) + 0.5 * unit(4, 40)
    gallery.enrol([Exemplar(f"{i}", row, f"word {i // 5}") for i, row in enumerate(about)])
    line = gallery.provisional(MEAN)
    assert line is not None
    assert gallery.provisional(NEAREST) is None
    own = np.repeat(unit(3, 8), 1, axis=0)
    found = gallery.search(own, 1, group_by_label=True, label_score=MEAN)
    assert all(hits[0].score >= line for hits in found.hits)


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
