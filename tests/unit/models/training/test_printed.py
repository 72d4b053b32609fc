"""Readings cut to their names, and batches of them beside the names that are nearest."""

import numpy as np
import pytest
import torch

from models.texts.characters import romanised
from models.training.names_again import held_rows
from models.training.records.pairs import padded, unseen
from models.training.records.pool import Pool
from models.training.records.printed import NEAREST, PrintedPairs, of_name
from models.training.records.readings import Reading
from models.training.records.tower import NameEncoder

WORDS = ["maison", "grand", "acme", "zeta", "atelier", "moulin", "verre", "lampe"]
POOL = Pool(
    surnames=["Dufour", "Duflot", "Martin", "Bernard", "Petit", "Leroy", "Moreau"],
    people=[(["Jean", "Anna"], ["Dufour", "Martin", "Petit"])],
    brands=["Acme", "Zeta Works", "Moulin Bleu"],
    words=WORDS * 60,
    titles=["grand lamp of glass", "wheel of steel"],
    forms=[["Ltd", "Limited"], ["SA", "Société anonyme"]],
)


@pytest.mark.parametrize(
    ("name", "rest", "read", "found"),
    [
        ("Dufour", "", "Dufuur", "Dufuur"),
        ("Dufour", ", tailleur, r. du Bac, 3.", "Dufonr, taiileur, r. du Bac, 3.", "Dufonr"),
        ("Dufour", ", tailleur", "Dufour; tailleur", "Dufour"),
        ("Dufour", "", "", None),
        ("Dufour", "", "ZA RE SE PARER", None),  # no reading of it at all
    ],
)
def test_of_a_line_the_reading_of_its_name_is_kept(
    name: str, rest: str, read: str, found: str | None
) -> None:
    assert of_name(Reading(name, rest, read)) == found


def made() -> tuple[PrintedPairs, NameEncoder]:
    torch.manual_seed(0)
    names = [f"{one} {two}" for one in POOL.surnames for two in ("fils", "jeune", "et Cie")]
    pairs = PrintedPairs(POOL, [Reading(name, "", f"{name[:-1]}x") for name in names], 60, 3)
    tower = NameEncoder()
    pairs.place(tower.eval())
    return pairs, tower


def test_names_kept_for_trials_are_never_learnt_from() -> None:
    pairs, _ = made()
    assert len(pairs.names) == len({romanised(name) for name in pairs.names}) > 40
    assert not any(unseen(name) for name in pairs.names)
    assert 0 < len(pairs.read) < 21


def test_each_reading_is_told_from_the_names_nearest_to_its_own() -> None:
    pairs, tower = made()
    batch = pairs.draw(5, 8)
    again = pairs.draw(5, 8)
    assert torch.equal(batch.texts, again.texts) and torch.equal(batch.rows, again.rows)
    assert len(batch.texts) == 8 + 2 and len(batch.stay) == 2
    rows = batch.rows.numpy()
    assert len({row.tobytes() for row in rows}) == len(rows)  # each name once
    own = pairs.rows @ rows[batch.truth[0]]
    nearest = np.sort(own)[-NEAREST - 1 :]
    there = rows @ rows[batch.truth[0]]
    assert set(nearest.round(4)) <= set(there.round(4))
    # Names as they are filed stand where their rows are.
    with torch.inference_mode():
        filed = tower(batch.texts[8:]).numpy()
    assert (filed * rows[batch.stay]).sum(1) == pytest.approx(1.0, abs=1e-4)


def test_learning_brings_readings_home_and_leaves_names_where_they_are() -> None:
    pairs, tower = made()
    names = padded(pairs.names)
    optimiser = torch.optim.AdamW(tower.parameters(), lr=3e-4)
    losses = []
    for step in range(18):
        loss = held_rows(tower, pairs.draw(step % 3, 16))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-3:]) < sum(losses[:3])
    with torch.inference_mode():
        moved = (tower.eval()(names).numpy() * pairs.rows).sum(1)
    assert moved.mean() > 0.95
