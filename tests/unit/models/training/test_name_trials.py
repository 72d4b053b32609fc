"""Trials of the text tower: who is asked, of what, and what is read of it."""

import csv
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("onnx", reason="the train extra is not installed")

from models.modality import Item  # noqa: E402
from models.training.names.__main__ import joined  # noqa: E402
from models.training.names.trials import (  # noqa: E402
    across_collections,
    in_photos,
    lettered,
    weighed,
)
from models.training.recipe import as_item  # noqa: E402
from models.training.views.pairs import held_out  # noqa: E402

MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 10">'
    '<path fill="{fill}" d="M0 0h{width}v5H0z"/></svg>'
)
ROWS = [
    ("acme-wide", "acme", "one", 40, "red"),
    ("acme-icon", "acme", "two", 10, "red"),
    ("acme-word", "acme", "two", 38, "blue"),
    ("bolt", "bolt", "one", 10, "lime"),
    ("cook", "cook", "two", 10, "black"),
    ("empty", "void", "one", 10, "none"),
]


@pytest.fixture
def logos(tmp_path: Path) -> Path:
    with (tmp_path / "logos.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "brand", "source"])
        for name, brand, source, width, fill in ROWS:
            (tmp_path / f"{name}.svg").write_text(MARK.format(width=width, fill=fill))
            table.writerow([f"{name}.svg", brand, source])
    return tmp_path


def test_a_brand_of_two_collections_is_asked_at_the_nearest_proportions(logos: Path) -> None:
    trial = across_collections(logos, lambda brand: brand != "cook")
    assert list(trial.names) == ["acme", "bolt"]
    assert list(trial.truth) == [0]
    blue = across_collections(logos, lambda brand: brand == "acme").queries[0]
    assert trial.queries == [blue]
    assert len(set(trial.references)) == 2


def test_references_get_their_names_and_queries_what_is_read(logos: Path) -> None:
    trial = in_photos(across_collections(logos, lambda brand: brand == "acme"))
    (photo,) = trial.queries
    assert isinstance(photo, bytes)
    assert photo.startswith(b"\xff\xd8")
    seen: list[bytes] = []

    def read(content: bytes) -> str:
        seen.append(content)
        return "ACNE"

    told = lettered(trial, read)
    assert seen == [photo]
    assert list(told.queries) == [Item("image", photo, "ACNE")]
    assert [as_item("image", one).reads for one in told.references] == list(trial.names)
    silent = lettered(trial, lambda content: "")
    assert list(silent.queries) == [Item("image", photo)]


def test_brands_to_weigh_on_are_learnt_from() -> None:
    brands = [f"brand-{number}" for number in range(2000)]
    chosen = [brand for brand in brands if weighed(brand)]
    assert 100 < len(chosen) < 400
    assert not any(held_out(brand) for brand in chosen)


def test_a_joint_score_is_that_of_the_graph() -> None:
    rng = np.random.default_rng(0)
    seen = [
        rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in rng.normal(size=(2, 3, 4))
    ]
    said = [np.zeros((3, 2)), np.eye(3)[:, :2]]
    alone = joined(seen, said, 0.5)
    expected = seen[0] @ seen[1].T / np.array([1.25**0.5, 1.25**0.5, 1.0])
    np.testing.assert_allclose(alone, expected)
    np.testing.assert_allclose(joined(seen, said, 0.0), seen[0] @ seen[1].T)
