"""Rows read at start: by several threads as by one, and nothing that is not whole."""

import apsw
import numpy as np
import pytest

from index import loading
from index.errors import StoreCorrupt
from index.exemplar import Exemplar
from index.galleries import Galleries

DIM, N = 8, 900


@pytest.fixture
def vectors(unit) -> np.ndarray:
    return unit(N)


@pytest.fixture
def folder(tmp_path, vectors):
    """Two galleries whose rows alternate, some of them removed."""
    galleries = Galleries.open(tmp_path)
    for name in "gh":
        galleries.create(name, space="s", dim=DIM)
    for start in range(0, N, 100):
        for name in "gh":
            galleries.get(name).enrol(
                [Exemplar(f"{name}{n}", vectors[n], f"L{n % 7}") for n in range(start, start + 100)]
            )
    galleries.get("g").remove([f"g{n}" for n in range(0, N, 3)])
    galleries.close()
    return tmp_path


@pytest.mark.parametrize("rows_for_another", [1, 200, 10_000])
def test_each_thread_reads_its_part_to_its_place(folder, vectors, monkeypatch, rows_for_another):
    monkeypatch.setattr(loading, "_ROWS_FOR_ANOTHER", rows_for_another)
    galleries = Galleries.open(folder)
    for name, kept in (("g", [n for n in range(N) if n % 3]), ("h", range(N))):
        view = galleries.get(name)._published.seen()
        assert view.page.ids == [f"{name}{n}" for n in kept]
        assert [view.page.label(at) for at in range(view.n)] == [f"L{n % 7}" for n in kept]
        np.testing.assert_array_equal(view.vectors.take(np.arange(view.n)), vectors[list(kept)])
    galleries.close()


DAMAGE = {
    "vectors missing": "DELETE FROM contents WHERE row = {row}",
    "of a wrong size": "UPDATE contents SET vector = zeroblob(28) WHERE row = {row}",
    "not of unit length": "UPDATE contents SET vector = zeroblob(32) WHERE row = {row}",
}


@pytest.mark.parametrize("what", DAMAGE)
@pytest.mark.parametrize("rows_for_another", [1, 10_000])
def test_a_vector_that_is_not_whole_is_told(folder, monkeypatch, what, rows_for_another):
    monkeypatch.setattr(loading, "_ROWS_FOR_ANOTHER", rows_for_another)
    connection = apsw.Connection(str(folder / "semblance.db"))
    row = connection.execute("SELECT max(row) FROM exemplars").get
    connection.execute(DAMAGE[what].format(row=row))
    connection.close()
    with pytest.raises(StoreCorrupt, match=f"gallery 'h' has .*{what}"):
        Galleries.open(folder)
