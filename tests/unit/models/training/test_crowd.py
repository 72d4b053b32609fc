"""A crowd of brands: none twice, always in one order, drawn once, and gone on with after a stop."""

import io
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the train extra is not installed")

from models.training.marks import crowd
from models.training.marks.atlas import SIDE, Atlas, Mark, png
from models.training.marks.crowd import SIDE_MAX, Crowd, brand_key, listed
from models.training.marks.lettering import Type

SANS = str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
NAMES = ["Ada Works", "ADA-WORKS", "Babbage", "Café Curie", "cafe curie", "광장", "Zuse", "Deck"]


@pytest.fixture
def atlas() -> Atlas:
    marks = [Mark("zuse", "one", 1.0), Mark("zuse", "two", 2.0), Mark("noether", "two", 0.5)]
    pixels = np.random.default_rng(0).integers(256, size=(3, 4, SIDE, SIDE)).astype(np.uint8)
    pixels[:, 3] = 255
    return Atlas.of(marks, pixels)


def test_no_brand_stands_twice_nor_does_one_that_is_left_out(atlas: Atlas) -> None:
    entries = listed(atlas, NAMES, ["BABBAGE"], 100)
    assert sorted(entries) == [
        ("mark", "0"),
        ("mark", "2"),
        ("word", "Ada Works"),
        ("word", "Cafe Curie"),
        ("word", "Deck"),
    ]
    assert entries == listed(atlas, NAMES, ["BABBAGE"], 100)
    assert len({brand_key(of) for kind, of in entries if kind == "word"}) == 3


def test_names_give_way_where_there_are_too_many(atlas: Atlas) -> None:
    entries = listed(atlas, NAMES, [], 3)
    assert sorted(entries) == [("mark", "0"), ("mark", "2"), ("word", "Ada Works")]


def test_what_is_drawn_is_kept_and_a_stop_in_between_is_made_good(
    atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "CHUNK", 2)
    opened: list[int] = []

    def fonts() -> list[str]:
        opened.append(1)
        return [SANS]

    def again() -> Crowd:
        return Crowd(listed(atlas, NAMES, [], 100), atlas, fonts, tmp_path)

    first = again()
    assert first.chunks == 3
    drawn = first.pictures(1)
    (first.folder / "0000.part").write_bytes(b"half")
    assert again().pictures(1) == drawn
    assert len(opened) == 1
    places = [place for chunk in range(3) for place, _ in again().pictures(chunk)]
    assert places == list(range(len(first.entries)))
    assert not list(first.folder.glob("*.part"))
    for chunk in range(3):
        for place, picture in again().pictures(chunk):
            kind, of = first.entries[place]
            assert max(Image.open(io.BytesIO(picture)).size) <= SIDE_MAX
            if kind == "mark":
                assert picture == png(atlas, int(of))
    other = Crowd(first.entries[:2], atlas, fonts, tmp_path)
    assert other.folder != first.folder


def test_one_name_is_always_set_alike_and_another_otherwise() -> None:
    kit = Type([SANS], (), ())
    one, same, other = (crowd.word(name, kit) for name in ("Ada", "Ada", "Zuse"))
    assert one == same != other
    assert one is not None
    alpha = np.asarray(Image.open(io.BytesIO(one)))[..., 3]
    assert alpha.max() >= crowd.SEEN_MIN
