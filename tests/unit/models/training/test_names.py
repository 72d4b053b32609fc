"""The text tower: readings near their names, a joint score that is the law it states."""

import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from models.pictures.grams import Grams, plain  # noqa: E402
from models.training.names import fitting  # noqa: E402
from models.training.names.fitting import fitted  # noqa: E402
from models.training.names.misread import misread  # noqa: E402
from models.training.names.pairs import (  # noqa: E402
    NamePairs,
    found_first,
    learnable,
    parted,
    tried,
)
from models.training.names.tower import Lettered, NameTower  # noqa: E402
from models.training.objective import open_objective  # noqa: E402
from models.training.schedule import Schedule  # noqa: E402

GRAMS = Grams(sizes=(1, 2), buckets=512, characters_max=16)
draw = random.Random(4)
NAMES = sorted(
    {
        "".join(draw.choices("aeiou", k=1) + draw.choices("bcdfgklmnprst", k=1)[:1]) * 2
        + "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=5))
        for _ in range(400)
    }
)


def ids(*texts: str) -> torch.Tensor:
    return torch.from_numpy(np.stack([GRAMS.ids(text)[0] for text in texts]))


class Pixels(torch.nn.Module):
    """The first pixels as they are, as a unit row."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(pixels.float().flatten(1)[:, :4], dim=1)


def test_the_score_is_the_mean_of_both_cosines_and_the_picture_alone_is_itself() -> None:
    torch.manual_seed(0)
    names, weight = NameTower(GRAMS.buckets, dim=8).eval(), 0.5
    joint = Lettered(Pixels(), names, weight)
    pixels = torch.randint(256, (4, 3, 2, 2), dtype=torch.uint8)
    reads = ids("semblance", "semb1ance", "porcelain", "")
    with torch.no_grad():
        rows, seen, read = joint(pixels, reads), Pixels()(pixels), names(reads)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(4))
    law = (seen @ seen.T + weight**2 * read @ read.T) / (1 + weight**2)
    torch.testing.assert_close((rows @ rows.T)[:3, :3], law[:3, :3])
    assert not read[3].any()
    torch.testing.assert_close(rows[3], torch.cat([seen[3], torch.zeros(8)]))
    # A picture alone, asked of names: the ranking of pictures, by one factor.
    torch.testing.assert_close(rows[:3] @ rows[3], seen[:3] @ seen[3] / (1 + weight**2) ** 0.5)


def test_a_short_reading_counts_for_less() -> None:
    torch.manual_seed(0)
    tower = NameTower(Grams().buckets)
    full = Grams()
    rows = [
        torch.from_numpy(full.ids(text)[0])[None] for text in ("x", "ab", "abc", "abcd", "long")
    ]
    with torch.no_grad():
        lengths = [float(tower(row).norm()) for row in rows]
    assert lengths == pytest.approx([4 / 13, 7 / 13, 10 / 13, 1.0, 1.0])


def test_a_reading_is_seeded_and_mostly_still_the_name() -> None:
    readings = [misread("Semblance Works", NAMES, random.Random(seed)) for seed in range(200)]
    assert readings == [misread("Semblance Works", NAMES, random.Random(s)) for s in range(200)]
    assert len(set(readings)) > 100
    kept = sum(plain(one).replace(" ", "") == "semblanceworks" for one in readings)
    assert 20 < kept < 150
    assert all(plain(one) for one in readings)


def test_names_that_are_kept_from_training_are_not_learnt_however_they_are_spelt() -> None:
    names = ["Café Noir", "cafe-noir", "Acme", "ACME", "!!", "Bolt"]
    assert learnable(names, ["cafenoir"]) == ["ACME", "Bolt"]
    learnt, unseen = parted(NAMES)
    assert sorted([*learnt, *unseen]) == NAMES
    assert 0.03 < len(unseen) / len(NAMES) < 0.2


def test_a_step_draws_the_same_batch() -> None:
    one, two = (NamePairs(NAMES, GRAMS, 3).draw(5, 16) for _ in range(2))
    assert torch.equal(one.first, two.first)
    assert torch.equal(one.second, two.second)
    other = NamePairs(NAMES, GRAMS, 3).draw(6, 16)
    assert not torch.equal(one.first, other.first)


def test_it_is_fitted_once_and_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        fitting, "SCHEDULE", Schedule(steps=40, size=64, rate=3e-3, warm=5, check_steps=40)
    )
    objective = open_objective("info_nce").build(temperature=0.07)
    tower = fitted(NAMES, GRAMS, objective, tmp_path)
    trial = tried(NAMES, GRAMS)
    torch.manual_seed(fitting.SEED)
    assert found_first(tower, trial) > found_first(NameTower(GRAMS.buckets), trial)
    again = fitted(NAMES, GRAMS, objective, tmp_path)
    assert all(
        torch.equal(a, b)
        for a, b in zip(tower.state_dict().values(), again.state_dict().values(), strict=True)
    )
