"""CoCoSoDa's objective with the keys and queues of a momentum encoder."""

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from models.training.objective import Keys, open_objective  # noqa: E402

MODULE = open_objective("co_coso_da")
LABELS, QUEUE_LABELS = [0, 1, 2, 3, 4, 4], [0, 9, 8, 4]


def unit(draw: "torch.Generator", rows: int, dim: int = 5) -> "torch.Tensor":
    made = torch.randn(rows, dim, dtype=torch.float64, generator=draw)
    return torch.nn.functional.normalize(made, dim=1)


def made(seed: int) -> tuple["torch.Tensor", ...]:
    draw = torch.Generator().manual_seed(seed)
    return tuple(unit(draw, rows) for rows in (6, 6, 6, 6, 6, 6, 4, 4))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("symmetrical", [True, False])
def test_with_keys_and_queues_it_is_its_own_slow_reference(seed: int, symmetrical: bool) -> None:
    a, b, *rows = made(seed)
    found = MODULE.build(symmetrical=symmetrical)(
        a, b, torch.tensor(LABELS), Keys(*rows, torch.tensor(QUEUE_LABELS))
    )
    keys = Keys(*(one.tolist() for one in rows), QUEUE_LABELS)
    expected = MODULE.reference(a.tolist(), b.tolist(), LABELS, keys, symmetrical=symmetrical)
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_it_is_the_mean_of_six_terms_of_info_nce() -> None:
    a, b, key_a, key_b, soft_a, soft_b, *_ = made(0)
    nothing = a[:0]
    keys = Keys(key_a, key_b, soft_a, soft_b, nothing, nothing, torch.arange(0))
    one_way = open_objective("info_nce").build(temperature=0.07, symmetrical=False)
    pairs = [(a, key_b), (a, soft_b), (a, soft_a), (b, key_a), (b, soft_a), (b, soft_b)]
    expected = sum(one_way(*pair).item() for pair in pairs) / 6
    assert MODULE.build()(a, b, None, keys).item() == pytest.approx(expected, rel=1e-12)


def test_a_queue_adds_negatives_and_kin_in_it_are_none() -> None:
    a, b, *rows, queue_a, queue_b = made(1)
    objective, labels = MODULE.build(), torch.arange(6)

    def loss(*queue_labels: int) -> float:
        count = len(queue_labels)
        marks = torch.tensor(queue_labels, dtype=torch.int64)
        return objective(a, b, labels, Keys(*rows, queue_a[:count], queue_b[:count], marks)).item()

    assert loss() < loss(9) < loss(9, 8)
    # What is in the queue of a row's own pair is no negative of that row, but of the others.
    assert loss() < loss(0) < loss(9)


def test_keys_are_not_learnt_through() -> None:
    a, b, *rows = (one.requires_grad_() for one in made(2))
    keys = Keys(*(one.detach() for one in rows), torch.tensor(QUEUE_LABELS))
    MODULE.build()(a, b, torch.tensor(LABELS), keys).backward()
    assert a.grad is not None
    assert b.grad is not None
    assert all(one.grad is None for one in rows)
