"""What the door does for a GPU, with a stand-in for FAISS's half of it where there is none."""

import numpy as np
import pytest

from index import faiss_door
from index.backend import open_backend
from index.choosing import choose
from index.chunks import Chunks
from index.faiss_door import FaissIndex, gpus
from index.vectors import unit_rows

DIM, N = 16, 24_000


@pytest.fixture
def moved(monkeypatch) -> list[str]:
    """Return what was moved to the GPU and from it."""
    moves: list[str] = []

    def to_gpu(resources, device, index):
        assert (resources, device) == ("resources", 0)
        moves.append("to")
        return index

    def to_cpu(index):
        moves.append("from")
        return index

    faiss_door._resources.cache_clear()
    stand_in = {
        "get_num_gpus": lambda: 1,
        "StandardGpuResources": lambda: "resources",
        "index_cpu_to_gpu": to_gpu,
        "index_gpu_to_cpu": to_cpu,
    }
    for name, function in stand_in.items():
        monkeypatch.setattr(faiss_door.faiss, name, function, raising=False)
    yield moves
    faiss_door._resources.cache_clear()


@pytest.fixture
def rows() -> Chunks:
    return Chunks.of(unit_rows(np.random.default_rng(0).standard_normal((N, DIM)), DIM))


@pytest.mark.parametrize("name", ["gpu_flat", "gpu_ivf"])
def test_it_is_built_there_written_from_there_and_read_back_to_there(moved, rows, name):
    choice = choose(rows, name, 0.9, np.inf)
    assert choice.measured is not None, choice.why
    built = choice.measured.index
    assert built.gpu
    assert moved == ["to"]
    again = FaissIndex.load(bytes(built.dump()), built.parameter, gpu=True)
    assert moved == ["to", "from", "to"]
    queries = rows.take(np.arange(5))
    np.testing.assert_array_equal(again.search(queries, 9, 8), built.search(queries, 9, 8))
    assert built.search(queries, 5000, 8).shape == (5, 2048)  # FAISS refuses more there


def test_one_that_does_not_fit_is_told_and_another_is_taken(moved, rows, monkeypatch):
    def full(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(faiss_door.faiss, "index_cpu_to_gpu", full)
    choice = choose(rows, "gpu_flat", 0.9, np.inf)
    assert choice.measured is None
    assert "gpu_flat does not fit: out of memory" in choice.why


def test_a_machine_without_a_gpu_plans_none_and_takes_none(rows):
    if gpus():
        pytest.skip("there is a GPU")
    assert open_backend("gpu_flat").plan(N, DIM) is None
    assert open_backend("gpu_ivf").plan(N, DIM) is None
    with pytest.raises(ValueError, match="there is none"):
        FaissIndex.load(b"", None, gpu=True)
