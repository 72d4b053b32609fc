"""Aliases: one step from one gallery to another, durable, and never half."""

import threading

import numpy as np
import pytest

from index.alias_rows import AliasRow, keep
from index.errors import (
    GalleryExists,
    GalleryFull,
    GalleryPointedAt,
    GalleryUnknown,
    NameInvalid,
    StoreCorrupt,
)
from index.exemplar import Exemplar
from index.galleries import Galleries


def anyone(_: str) -> None:
    pass


def stands(galleries):
    return [
        (one.alias, one.gallery.name, one.previous and one.previous.name)
        for one in galleries.aliases.all()
    ]


@pytest.fixture
def three(galleries):
    for name in "abc":
        galleries.create(name, space="s", dim=8)
    return galleries


def test_an_alias_points_moves_and_goes_back(three):
    aliases = three.aliases
    one, new = aliases.point("now", "a", anyone)
    assert (new, one.gallery, one.previous) == (True, three.get("a"), None)
    assert three.get("now") is three.get("a")
    assert not aliases.point("now", "b", anyone)[1]
    assert stands(three) == [("now", "b", "a")]
    assert not aliases.point("now", "b", anyone)[1]
    assert stands(three) == [("now", "b", "a")], "sent again: the one before is still known"
    for gallery, before in (("a", "b"), ("b", "a")):
        back = aliases.roll_back("now", anyone)
        assert (back.gallery.name, back.previous.name) == (gallery, before)
        assert three.get("now") is three.get(gallery)
    aliases.delete("now", anyone)
    for call in (
        lambda: three.get("now"),
        lambda: aliases.get("now"),
        lambda: aliases.delete("now", anyone),
        lambda: aliases.roll_back("now", anyone),
    ):
        with pytest.raises(GalleryUnknown, match="'now'"):
            call()
    assert three.get("b").name == "b"


def test_aliases_survive_a_restart(three, tmp_path):
    three.aliases.point("now", "a", anyone)
    three.aliases.point("now", "b", anyone)
    three.aliases.point("then", "c", anyone)
    three.aliases.point("gone", "c", anyone)
    three.aliases.delete("gone", anyone)
    before = stands(three)
    three.close()
    again = Galleries.open(tmp_path)
    assert stands(again) == before == [("now", "b", "a"), ("then", "c", None)]
    assert again.get("now") is again.get("b")
    again.close()


def test_a_name_is_a_gallery_or_an_alias(three):
    with pytest.raises(GalleryExists, match="'b' is the name of a gallery: use another"):
        three.aliases.point("b", "a", anyone)
    three.aliases.point("now", "a", anyone)
    three.delete("c")
    with pytest.raises(GalleryPointedAt, match="'now' is the name of an alias: use another"):
        three.create("now", space="s", dim=8)
    with pytest.raises(GalleryUnknown, match=r"no gallery 'now'.*not at another alias"):
        three.aliases.point("later", "now", anyone)
    with pytest.raises(GalleryUnknown, match="no gallery 'x'"):
        three.aliases.point("later", "x", anyone)
    for name in ("", "a/b", "x" * 64, "a\n"):
        with pytest.raises(NameInvalid, match=r"alias name .*1 to 63 letters"):
            three.aliases.point(name, "a", anyone)
    assert stands(three) == [("now", "a", None)]


def test_what_an_alias_points_at_is_not_deleted(three, tmp_path):
    three.aliases.point("now", "a", anyone)
    three.aliases.point("too", "a", anyone)
    with pytest.raises(GalleryPointedAt, match="'a' is pointed at by alias 'now', 'too': point it"):
        three.delete("a")
    with pytest.raises(GalleryPointedAt, match="'now' is an alias, through which no gallery"):
        three.delete("now")
    assert three.get("a").count == 0
    for name in ("now", "too"):
        three.aliases.point(name, "b", anyone)
    three.delete("a")
    assert stands(three) == [("now", "b", None), ("too", "b", None)]
    with pytest.raises(GalleryUnknown, match="pointed at no gallery before, or at one that is"):
        three.aliases.roll_back("now", anyone)
    three.create("a", space="s", dim=8)
    three.close()
    again = Galleries.open(tmp_path)
    assert stands(again) == [("now", "b", None), ("too", "b", None)], "the new `a` is another"
    again.close()


def test_there_are_as_many_aliases_as_galleries(three):
    for name in ("one", "two", "three"):
        three.aliases.point(name, "a", anyone)
    with pytest.raises(GalleryFull, match=r"3 aliases stand, .*raise galleries_max"):
        three.aliases.point("four", "a", anyone)
    three.aliases.point("three", "b", anyone)


def test_each_gallery_that_a_change_is_about_must_be_permitted(three):
    class Refused(Exception):
        pass

    def no(name: str):
        def permit(gallery: str) -> None:
            if gallery == name:
                raise Refused

        return permit

    three.aliases.point("now", "a", anyone)
    three.aliases.point("now", "b", anyone)
    for call in (
        lambda: three.aliases.point("new", "a", no("a")),
        lambda: three.aliases.point("new", "x", no("x")),  # whether it stands is not told
        lambda: three.aliases.point("now", "c", no("c")),
        lambda: three.aliases.point("now", "c", no("b")),
        lambda: three.aliases.roll_back("now", no("a")),
        lambda: three.aliases.roll_back("now", no("b")),
        lambda: three.aliases.delete("now", no("b")),
    ):
        with pytest.raises(Refused):
            call()
        assert stands(three) == [("now", "b", "a")]


def test_an_alias_of_no_gallery_is_told_at_start(three, tmp_path):
    three._writer.write(lambda it: keep(it, AliasRow("now", 99, None)), lambda _: None)
    three.close()
    with pytest.raises(StoreCorrupt, match="alias 'now' points nowhere"):
        Galleries.open(tmp_path)


def test_searches_by_alias_see_one_gallery_or_the_other(three, unit):
    """Of two galleries with the same ids and other labels, no answer may mix or miss any."""
    rows = unit(40)
    for name in "ab":
        three.get(name).enrol([Exemplar(f"e{i}", row, name) for i, row in enumerate(rows)])
    three.aliases.point("now", "a", anyone)
    seen: list[tuple[int, frozenset[str | None]]] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                found = three.get("now").search(
                    np.stack([rows[0], rows[1]]), 40, with_payload=len(seen) % 2 == 0
                )
                hits = [hit for some in found.hits for hit in some]
                seen.append((len(hits), frozenset(hit.label for hit in hits)))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test looks at it
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(100):
            if turn % 3:
                three.aliases.roll_back("now", anyone)
            else:
                now = three.aliases.get("now").gallery.name
                three.aliases.point("now", "b" if now == "a" else "a", anyone)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not errors
    assert set(seen) == {(80, frozenset("a")), (80, frozenset("b"))}
