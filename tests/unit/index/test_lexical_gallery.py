"""What a gallery does with words on disk, beside an index, and where they are split otherwise."""

import apsw
import numpy as np
import pytest

from index import fusion, planner, words
from index.errors import GalleryExists, NotLexical, RowsInvalid, StoreCorrupt
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.generations import Arrival
from index.outcome import Outcome
from tests.hybrid_oracle import fused

DIM, WEIGHT = 8, 0.4
SAID = ["parse_header", "read a file", "parse the file", "write", "of of of"]


@pytest.fixture
def said(unit) -> list[Exemplar]:
    """Fifty exemplars with words."""
    return [
        Exemplar(f"e{at:02}", row, None, None, {"text": f"{SAID[at % 5]} {at}"})
        for at, row in enumerate(unit(50, DIM))
    ]


def asked(gallery, query, text="parse file", k=12):
    (hits,) = gallery.search([query], k, texts=[text], weight=WEIGHT).hits
    return [(hit.id, hit.label, hit.score, hit.fused) for hit in hits]


def test_words_stand_as_written_after_a_restart(galleries, said, unit, tmp_path):
    gallery, _ = galleries.create("g", space="s", dim=DIM, lexical=WEIGHT)
    gallery.enrol(said)
    gallery.remove(["e02", "e11"])
    gallery.enrol([Exemplar("e03", said[3].vector, "file", None, None)])
    (query,) = unit(1, DIM, seed=1)
    stay = [one for one in said if one.id not in ("e02", "e03", "e11")]
    stay.append(Exemplar("e03", said[3].vector, "file"))
    expected = fused(stay, query, "parse file", WEIGHT)[:12]
    assert asked(gallery, query) == expected
    galleries.close()
    again = Galleries.open(tmp_path)
    assert asked(again.get("g"), query) == expected
    assert again.get("g").state().lexical.weight == WEIGHT
    again.close()


def test_words_that_another_program_split_are_split_anew(galleries, said, unit, tmp_path):
    gallery, _ = galleries.create("g", space="s", dim=DIM, lexical=WEIGHT)
    gallery.enrol(said)
    galleries.create("plain", space="s", dim=DIM)[0].enrol(said)
    (query,) = unit(1, DIM, seed=1)
    expected = asked(gallery, query)
    galleries.close()
    connection = apsw.Connection(str(tmp_path / "semblance.db"))
    connection.execute("UPDATE words SET bag = x''; UPDATE splitting SET version = 0")
    connection.execute("DELETE FROM words WHERE row = 7")
    again = Galleries.open(tmp_path)
    assert asked(again.get("g"), query) == expected
    again.close()
    assert connection.execute("SELECT version FROM splitting").get == words.VERSION
    assert connection.execute("SELECT count(*) FROM words").get == len(said)
    connection.close()


def test_words_of_a_wrong_size_are_refused(galleries, said, tmp_path):
    galleries.create("g", space="s", dim=DIM, lexical=WEIGHT)[0].enrol(said)
    galleries.close()
    connection = apsw.Connection(str(tmp_path / "semblance.db"))
    connection.execute("UPDATE words SET bag = x'00' WHERE row = 7")
    connection.close()
    with pytest.raises(StoreCorrupt, match="words of a wrong size"):
        Galleries.open(tmp_path)


class Half:
    """An index that finds the even rows only."""

    name, recall = "pq", 0.5

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def candidates(self, queries, want):
        order = np.argsort(-(queries @ self.rows.T), axis=1)
        return np.stack([row[row % 2 == 0][:want] for row in order])


def test_words_find_what_an_index_misses(galleries, said, unit, monkeypatch):
    monkeypatch.setattr(planner, "SCANNED_ROWS", 10)
    monkeypatch.setattr(fusion, "_NEAR_MIN", 12)
    gallery, _ = galleries.create("g", space="s", dim=DIM, lexical=WEIGHT)
    gallery.enrol(said)
    built = Half(np.stack([one.vector for one in said]))
    gallery.upkeep.attach(Arrival(Outcome("", 50, 50, "pq"), built, np.arange(1, 51)), lambda _: 0)
    query, text = said[3].vector, "15"  # both odd, and only one has the word
    all_of_it = fused(said, query, text, WEIGHT)
    seen = [one for one in all_of_it if int(one[0][1:]) % 2 == 0 or one[3][1] > 0]
    assert asked(gallery, query, text, k=3) == seen[:3] != all_of_it[:3]
    assert "e15" in [one[0] for one in seen[:3]]
    (hits,) = gallery.search([query], 3, texts=[text], weight=WEIGHT, exact=True).hits
    assert [hit.id for hit in hits] == [one[0] for one in all_of_it[:3]]


def test_what_cannot_be_is_refused(galleries, said):
    for weight in (0.0, 1.5, float("nan")):
        with pytest.raises(RowsInvalid, match="lexical"):
            galleries.create("g", space="s", dim=DIM, lexical=weight)
    gallery, _ = galleries.create("g", space="s", dim=DIM)
    with pytest.raises(GalleryExists, match=r"lexical is None, not 0\.4"):
        galleries.create("g", space="s", dim=DIM, lexical=0.4)
    with pytest.raises(NotLexical, match="keeps no words"):
        gallery.search([said[0].vector], 1, texts=["a"], weight=0.3)
