"""Names that are learnt: drawn, misread by what was counted, kept apart, embedded by law."""

import random
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("rapidfuzz", reason="the train extra is not installed")

from models.texts.characters import romanised  # noqa: E402
from models.training.objective import open_objective  # noqa: E402
from models.training.records import confusions, trials  # noqa: E402
from models.training.records.confusions import edited  # noqa: E402
from models.training.records.crops.learning import Aligned, mined  # noqa: E402
from models.training.records.crops.lines import Lines  # noqa: E402
from models.training.records.crops.tower import CropEncoder  # noqa: E402
from models.training.records.crops.wear import worn  # noqa: E402
from models.training.records.pairs import NamePairs, numbers_of, padded, unseen  # noqa: E402
from models.training.records.pool import Pool  # noqa: E402
from models.training.records.spelling import Spelling  # noqa: E402
from models.training.records.tower import NameEncoder  # noqa: E402
from models.training.records.variants import Variants, mistyped, near, respelt  # noqa: E402

SURNAMES = ["Martin", "Dufour", "Lefèvre", "Bernard", "Clémendot", "Marchand", "Beaumont"]
POOL = Pool(
    surnames=SURNAMES,
    people=[(["Anna", "Jean"], SURNAMES), (["Иван"], ["Петров", "Сидоров"])],
    brands=["Red Harbour 300", "Semblance", "Old Mill Bakery", "Lumen"],
    words=["harbour", "mill", "bakery", "orchard", "lantern"],
    titles=["a study of joins in databases", "usb cable 2 m black"],
    forms=[["AG", "Aktiengesellschaft"], ["Ltd", "Limited", "Ltd."]],
)


def draws(seed: int = 0) -> random.Random:
    return random.Random(seed)


def test_confusions_are_counted_and_drawn_as_often_as_they_were_counted() -> None:
    chance = draws()
    pairs = []
    for _ in range(400):
        text = "".join(chance.choices("abcdef", k=30))
        pairs.append(
            (text, "".join("x" if c == "e" and chance.random() < 0.2 else c for c in text))
        )
    fitted = confusions.fit(pairs)
    assert set(fitted.read) <= {"e", "ee"}
    assert fitted.edits["e"][0] == pytest.approx(0.2, abs=0.02)
    even = replace(fitted, rates=[1.0], after={}, added={})
    read = "".join(even.misread("e" + "abcd" * 3, chance) for _ in range(3000))
    # The lines differ in how hard they are: exp(N(0, 1/2)) is 1.13 on average.
    assert read.count("x") / 3000 == pytest.approx(0.2 * 1.13, abs=0.03)
    assert set(read) == set("abcdex")


def test_the_confusions_that_ship_are_of_letters_that_look_alike() -> None:
    shipped = confusions.load()
    assert shipped.lines > 1000
    assert max(shipped.read["é"], key=shipped.read["é"].__getitem__) in {"e", "é", "è"}
    assert "".join(two[0] for two in edited("Dufour", "Dulour")) == "Dufour"


def test_a_word_is_spelt_as_those_of_the_list_are() -> None:
    spelling, chance = Spelling(["banana"]), draws()
    words = {spelling.draw(chance) for _ in range(50)}
    assert all(word.startswith("bana") and set(word) <= set("ban") for word in words)


def test_a_legal_form_is_spelt_otherwise_or_left_out_and_the_core_stays() -> None:
    variants, chance = Variants(POOL.forms), draws()
    found = {variants._form("Semblance AG", chance) for _ in range(60)}
    assert found == {"Semblance", "Semblance AG", "Semblance Aktiengesellschaft"}


@pytest.mark.parametrize("change", [mistyped, respelt])
def test_a_slip_changes_little(change: object) -> None:
    chance = draws(3)
    assert callable(change)
    for name in ["martin dufour", "clemendot"] * 40:
        changed = change(name, chance)
        assert changed
        assert sum(a != b for a, b in edited(name, changed)) <= 4


def test_a_name_nearby_is_another_but_for_what_reads_alike() -> None:
    chance = draws()
    others = [near("Martin Dufour", "Anna Bernard", chance) for _ in range(100)]
    assert sum(romanised(other) != "martin dufour" for other in others) > 80


def test_a_step_gives_its_batch_again_and_no_name_that_is_kept_for_trials() -> None:
    pairs = NamePairs(POOL, 1)
    first, again = pairs.draw(3, 12), pairs.draw(3, 12)
    torch.testing.assert_close(first.first, again.first)
    torch.testing.assert_close(first.second, again.second)
    assert first.first.shape == first.second.shape
    names = pairs.names(40, draws())
    assert not any(map(unseen, names))
    assert all(map(unseen, NamePairs(POOL, 1, tried=True).names(6, draws())[:3]))


def test_names_that_are_written_alike_bear_one_number() -> None:
    assert numbers_of(["Lefèvre", "Dufour", "LEFEVRE"]).tolist() == [0, 1, 0]


def test_what_fills_a_batch_up_changes_no_row() -> None:
    torch.manual_seed(0)
    tower = NameEncoder(dim=16).eval()
    names = ["Dufour", "Martin Bernard et Cie", "a"]
    with torch.no_grad():
        together = tower(padded(names))
        alone = torch.cat([tower(padded([name])) for name in names])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))


def test_a_tie_of_two_counts_half() -> None:
    trial = trials.listed(["Éa", "b"], ["ea", "b"], ["EA", "c"])
    assert (trial.names, trial.truth) == (["Éa", "b", "c"], [0, 1])
    scores = np.array([[1, 1, 0], [0, 1, 0.5]], np.float32)
    assert trials.found_first(scores, trial) == 0.75


def test_a_name_is_among_the_best_of_either() -> None:
    trial = trials.NameTrial(["a", "b", "c"], ["x", "y", "z"], [0, 1, 2])
    one = np.array([[3, 2, 1], [3, 2, 1], [3, 2, 1]], np.float32)
    assert trials.found_among([one], trial, 1) == pytest.approx(1 / 3)
    assert trials.found_among([one], trial, 2) == pytest.approx(2 / 3)
    assert trials.found_among([one, -one], trial, 1) == pytest.approx(2 / 3)


def test_names_are_mined_that_lie_nearest() -> None:
    tower = NameEncoder(dim=16).eval()
    names = ["dufour", "dufous", "dufoux", "dufoun", "martin", "martih", "martim", "martix"]
    groups = mined(tower, names)
    assert [group[0] for group in groups] == names
    assert set(groups[0]) == set(names[:4])


def ink(count: int) -> torch.Tensor:
    torch.manual_seed(1)
    return (torch.rand(count, 32, 64) < 0.2).to(torch.uint8) * 255


def test_wear_is_drawn_by_its_seed_and_leaves_the_shape() -> None:
    one, other = (worn(ink(3), torch.Generator().manual_seed(seed)) for seed in (1, 2))
    again = worn(ink(3), torch.Generator().manual_seed(1))
    assert one.shape == (3, 1, 32, 64)
    assert one.dtype == torch.uint8
    torch.testing.assert_close(one, again)
    assert not torch.equal(one, other)


def test_a_blank_line_is_paper_and_a_full_one_is_ink() -> None:
    none = torch.zeros(8, 32, 64, dtype=torch.uint8)
    paper = worn(none, torch.Generator().manual_seed(1)).float().mean((1, 2, 3))
    black = worn(none + 255, torch.Generator().manual_seed(1)).float().mean((1, 2, 3))
    assert (paper > black + 50).all()


@pytest.mark.parametrize("pooled", [False, True])
def test_lines_learn_to_lie_where_their_names_lie(pooled: bool) -> None:
    torch.manual_seed(0)
    names = ["dufour", "martin", "lefevre", "bernard"]
    rows = padded(names)
    texts = rows[:, 1:]
    lengths = torch.tensor([len(name) for name in names])
    batch = Lines(ink(4), rows, rows, texts, lengths, torch.arange(4))
    tower = CropEncoder(dim=16, widths=(4, 4, 8, 8, 8))
    filed = NameEncoder(dim=16).eval().requires_grad_(False)
    aligned = Aligned(filed, open_objective("info_nce").build(), pooled=pooled, wears=1)
    optimiser = torch.optim.Adam(tower.parameters(), lr=1e-3)
    losses = []
    for _ in range(4):
        loss = aligned(tower, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(weight.grad is None for weight in filed.parameters())
