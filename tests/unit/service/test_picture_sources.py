"""Galleries of pictures from folders, zips and tables; SVGs drawn; what is outside stays there."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from models.errors import InputError, ItemTooLarge, ItemUndecodable
from models.pictures.thumbnail import thumbnail
from service.builder import sending
from service.picture_rows import FILE_BYTES_MAX, files_inside, with_files
from service.source import Columns, SourceInvalid, SourceRow, open_source
from service.svg import Rasteriser, check, is_svg
from tests.pictures import encoded, noise, turned

RED = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 10">'
    b'<path fill="red" d="M0 0h20v10H0z"/></svg>'
)
PNG = encoded(noise(), "PNG")


def rows_of(
    path: Path,
    *,
    thumbnails: bool = False,
    reads_label: bool = False,
    columns: Columns | None = None,
) -> list[SourceRow]:
    source = open_source(path, columns or Columns())
    beside = files_inside(path if path.is_dir() else path.parent)
    reader = source.read_file or beside
    return list(with_files(source, reader, thumbnails=thumbnails, reads_label=reads_label))


def told(rows: list[SourceRow]) -> list[tuple[str, str | None]]:
    return [(row.exemplar["id"], row.exemplar["label"]) for row in rows if row.exemplar]


def picture(row: SourceRow) -> Image.Image:
    assert row.exemplar is not None, row.reason
    return Image.open(io.BytesIO(base64.b64decode(row.exemplar["item"]["image"], validate=True)))


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def zipped(folder: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(folder / "marks.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return folder / "marks.zip"


FILES = {"acme/1.png": PNG, "acme/2.svg": RED, "b/c/x.PNG": PNG, "flat.svg": RED, "notes.pdf": b""}
TOLD = [
    ("acme/1.png", "acme"), ("acme/2.svg", "acme"), ("b/c/x.PNG", "b/c"), ("flat.svg", "flat"),
]  # fmt: skip


@pytest.mark.parametrize("pack", [write, zipped])
def test_a_folder_or_a_zip_of_pictures(
    pack: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path
) -> None:
    rows = rows_of(pack(tmp_path, FILES))
    assert told(rows) == TOLD
    assert base64.b64decode(rows[0].exemplar["item"]["image"]) == PNG  # type: ignore[index]
    drawn = picture(rows[1])
    assert (drawn.size, drawn.mode) == ((256, 64), "RGBA")
    assert drawn.getpixel((10, 10)) == (255, 0, 0, 255)
    assert drawn.getpixel((250, 10)) == (0, 0, 0, 0)


def table(kind: str, folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"marks.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines))
    else:
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_table_that_names_files_or_holds_base64(kind: str, tmp_path: Path) -> None:
    write(tmp_path, {"logos/a.png": PNG, "logos/b.svg": RED})
    packed = base64.b64encode(PNG).decode()
    uri = "data:image/svg+xml;base64," + base64.b64encode(RED).decode()
    held = uri if kind != "csv" else base64.b64encode(RED).decode()  # a comma ends a cell
    values = ["logos/a.png", "logos/b.svg", packed, held]
    rows = [
        {"id": f"{at}", "label": "x", "image": value, "year": 1950 + at}
        for at, value in enumerate(values)
    ]
    found = rows_of(table(kind, tmp_path, rows))
    assert [row.reason for row in found] == [""] * 4
    assert [picture(row).size for row in found] == [(60, 40), (256, 64), (60, 40), (256, 64)]
    payload = found[0].exemplar["payload"]  # type: ignore[index]
    assert payload in ({"year": 1950}, {"year": "1950"})


def test_parquet_may_hold_bytes_also_beside_a_path(tmp_path: Path) -> None:
    rows = [{"id": "a", "logo": PNG}, {"id": "b", "logo": RED}]
    found = rows_of(table("parquet", tmp_path, rows), columns=Columns(image="logo"))
    assert [picture(row).size for row in found] == [(60, 40), (256, 64)]
    beside = [{"id": "a", "image": {"bytes": PNG, "path": "elsewhere.png"}}]
    assert picture(rows_of(table("parquet", tmp_path, beside))[0]).size == (60, 40)


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "csv"])
def test_a_column_tells_what_a_picture_reads_and_the_label_where_it_tells_nothing(
    kind: str, tmp_path: Path
) -> None:
    write(tmp_path, {"a.png": PNG})
    rows = [
        {"id": "1", "label": "Acme", "image": "a.png", "reads": "ACME Inc", "year": 1},
        {"id": "2", "label": "Bolt", "image": "a.png", "reads": "", "year": 2},
        {"id": "3", "label": "", "image": "a.png", "reads": "", "year": 3},
    ]
    path = table(kind, tmp_path, rows)

    def read(**options: Any) -> list[Any]:
        found = [row.exemplar for row in rows_of(path, **options)]
        assert [list(one["payload"]) for one in found if one] == [["year"]] * 3
        return [one["item"].get("reads") for one in found if one]

    assert read() == ["ACME Inc", None, None]
    assert read(reads_label=True) == ["ACME Inc", "Bolt", None]
    assert (
        rows_of(path, columns=Columns(reads="said"))[0].exemplar["payload"]["reads"] == "ACME Inc"
    )  # type: ignore[index]


def test_a_folder_may_say_that_its_pictures_read_their_labels(tmp_path: Path) -> None:
    rows = rows_of(write(tmp_path, FILES), reads_label=True)
    assert [row.exemplar["item"]["reads"] for row in rows if row.exemplar] == [
        label for _, label in TOLD
    ]


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "logos/../../secret.png", "{outside}", "link.png", "folder/secret.png"],
)
def test_files_outside_the_folder_are_not_read(name: str, tmp_path: Path) -> None:
    inside = write(tmp_path / "inside", {"logos/a.png": PNG})
    secret = write(tmp_path, {"secret.png": PNG}) / "secret.png"
    (inside / "link.png").symlink_to(secret)
    (inside / "folder").symlink_to(tmp_path)
    named = name.format(outside=secret)
    found = rows_of(table("jsonl", inside, [{"id": "a", "image": named}]))
    assert found[0].exemplar is None
    assert "is not inside" in found[0].reason


def test_bad_rows_are_told_and_the_others_stand(tmp_path: Path) -> None:
    write(tmp_path, {"bad.svg": b"<svg ", "empty.svg": b"", "big.png": bytes(FILE_BYTES_MAX + 1)})
    rows = [{"id": name, "image": name} for name in ("bad.svg", "big.png", "missing.png")]
    found = rows_of(table("jsonl", tmp_path, [*rows, {"id": "text", "text": "a text"}]))
    for row, words in zip(
        found, ("cannot be drawn", f"limit is {FILE_BYTES_MAX}", "neither a file"), strict=False
    ):
        assert words in row.reason
    assert found[3].exemplar is not None


def test_a_zip_that_is_damaged_or_a_bomb(tmp_path: Path) -> None:
    with pytest.raises(SourceInvalid, match="no file that ends in"):
        rows_of(zipped(tmp_path, {"a.txt": b"text", "__MACOSX/a.png": PNG}))
    (tmp_path / "none.zip").write_bytes(b"PK no zip")
    with pytest.raises(SourceInvalid, match="no zip"):
        rows_of(tmp_path / "none.zip")
    bomb = zipped(tmp_path, {"bomb.png": bytes(50 << 20), "good.png": PNG})
    content = bytearray(bomb.read_bytes())
    found = rows_of(bomb)
    assert f"{FILE_BYTES_MAX + 1} bytes" in found[0].reason
    assert told(found) == [("good.png", "good")]
    at = content.index(b"good.png") + 40
    content[at : at + 40] = bytes(40)
    bomb.write_bytes(content)
    assert "taken out of the zip" in rows_of(bomb)[1].reason


def test_thumbnails_are_kept_where_they_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path, {"a.png": encoded(noise(300, 200), "PNG"), "b.svg": RED})
    for row, size in zip(rows_of(tmp_path, thumbnails=True), ((64, 43), (64, 16)), strict=True):
        uri = row.exemplar["payload"]["thumbnail"]  # type: ignore[index]
        assert uri.startswith("data:image/webp;base64,")
        assert Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).size == size
    assert "payload" not in (rows_of(tmp_path)[0].exemplar or {})


def test_a_thumbnail_is_upright_and_never_enlarged() -> None:
    stored = thumbnail(encoded(noise(30, 20), "PNG", exif=turned(6)))
    assert Image.open(io.BytesIO(stored)).size == (20, 30)


def test_what_is_sent_of_pictures_goes_row_by_row(tmp_path: Path) -> None:
    write(tmp_path, {"a.png": PNG})
    path = table("jsonl", tmp_path, [{"id": "a", "image": "a.png"}])
    assert sending(path, Columns()).media_type == "application/x-ndjson"
    texts = table("csv", tmp_path, [{"id": "a", "text": "a text"}])
    assert sending(texts, Columns()).media_type == "text/csv"


@pytest.mark.parametrize(
    ("content", "expected"),
    [(RED, True), (b"\xef\xbb\xbf\n<?xml version='1.0'?><svg/>", True), (b"<!-- x --><svg/>", True),
     (b"<svgx", False), (PNG, False), (b"", False), (b"<html>", False)],
)  # fmt: skip
def test_an_svg_is_known_by_its_first_bytes(content: bytes, expected: bool) -> None:
    assert is_svg(content) == expected


def svg(inside: str) -> bytes:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {names} viewBox="0 0 10 10">{inside}</svg>'.encode()


@pytest.mark.parametrize(
    "inside",
    [
        '<image href="/tmp/secret.png"/>',
        "<image xlink:href = 'secret.png'/>",
        '<image href="file:///tmp/secret.png"/>',
        '<image href="https://example.com/a.png"/>',
        '<image href="&#47;tmp/secret.png"/>',
        '<use href="other.svg#a"/>',
        '<image href="data:image/svg+xml;base64,AAAA"/>',
        "<style>@import url('a.css');</style>",
        '<rect fill="url(other.svg#a)"/>',
        "<rect style='fill: url( \"https://example.com/#a\")'/>",
    ],
)
def test_an_svg_that_reaches_beyond_itself_is_refused(inside: str) -> None:
    with pytest.raises(ItemUndecodable, match="outside itself"):
        check(svg(inside))


def test_entities_are_refused_and_so_is_what_is_too_large_or_no_utf_8() -> None:
    with pytest.raises(ItemUndecodable, match="outside itself"):
        check(b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + svg(""))
    with pytest.raises(ItemTooLarge, match="limit is 4194304"):
        check(svg(" " * (4 << 20)))
    with pytest.raises(ItemUndecodable, match="not UTF-8"):
        check("<svg/>".encode("utf-16"))


def test_what_an_svg_holds_itself_is_drawn() -> None:
    uri = (
        "data:image/png;base64,"
        + base64.b64encode(encoded(Image.new("RGB", (2, 2), "lime"), "PNG")).decode()
    )
    inside = (
        '<defs><linearGradient id="g"><stop stop-color="blue"/></linearGradient></defs>'
        '<rect width="5" height="10" fill="url(#g)"/>'
        f'<image xlink:href="{uri}" x="5" width="5" height="10" preserveAspectRatio="none"/>'
    )
    with Rasteriser() as rasteriser:
        drawn = Image.open(io.BytesIO(rasteriser.png(svg(inside))))
    assert drawn.getpixel((50, 100)) == (0, 0, 255, 255)
    assert drawn.getpixel((200, 100)) == (0, 255, 0, 255)


@pytest.mark.parametrize("unit", ["", "px", "pt", "mm", "cm", "in", "pc", "%"])
def test_an_svg_may_have_its_size_in_any_unit(unit: str) -> None:
    svg = f"""<svg xmlns="http://www.w3.org/2000/svg" width="50{unit}" height="50{unit}"
        viewBox="0 0 8 8"><rect width="8" height="8" fill="red"/></svg>"""
    with Rasteriser() as rasteriser:
        drawn = Image.open(io.BytesIO(rasteriser.png(svg.encode())))
    assert drawn.getpixel((50, 50)) == (255, 0, 0, 255)


def test_an_svg_that_takes_for_ever_is_given_up_and_the_next_is_drawn() -> None:
    uses = "".join(f'<g id="a{n}">' + f'<use href="#a{n - 1}"/>' * 10 + "</g>" for n in range(1, 6))
    bomb = svg(f'<g id="a0"><rect width="1" height="1"/></g>{uses}')
    with (
        Rasteriser(seconds_max=0.5) as hurried,
        pytest.raises(InputError, match=r"not drawn within 0\.5 s|cannot be drawn"),
    ):
        hurried.png(bomb)
    with Rasteriser() as rasteriser:
        with pytest.raises(ItemUndecodable, match="cannot be drawn"):
            rasteriser.png(b"<svg")
        assert rasteriser.png(RED).startswith(b"\x89PNG")


def test_the_same_svg_gives_the_same_pixels() -> None:
    with Rasteriser() as one, Rasteriser() as other:
        assert one.png(RED) == other.png(RED)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_name_beside_a_picture_makes_a_record_of_both(kind: str, tmp_path: Path) -> None:
    write(tmp_path, {"a.png": PNG})
    rows = [
        {"id": "1", "name": "Dufour", "image": "", "city": "Paris"},
        {"id": "2", "name": "Dulay", "image": "a.png", "city": "Paris"},
        {"id": "3", "name": "", "image": "a.png", "city": "Rome"},
        {"id": "4", "name": "", "image": "", "city": "Rome"},
        {"id": "5", "name": "Lost", "image": "b.png", "city": "Rome"},
    ]
    listed = rows if kind == "csv" else [{k: v or None for k, v in row.items()} for row in rows]
    path = table(kind, tmp_path, listed)
    found = rows_of(path, columns=Columns(name="name"), reads_label=True)
    packed = base64.b64encode(PNG).decode()
    items = [None if row.exemplar is None else row.exemplar["item"] for row in found]
    assert items == [
        {"record": {"name": "Dufour"}},
        {"record": {"name": "Dulay", "image": packed}},
        {"record": {"image": packed}},
        None,
        None,
    ]
    assert found[1].exemplar is not None
    assert found[1].exemplar["payload"] == {"city": "Paris"}
    assert "is no file inside" in found[4].reason
    assert sending(path, Columns(name="name")).media_type == "application/x-ndjson"
    with pytest.raises(SourceInvalid, match="has no column 'names'"):
        open_source(path, Columns(name="names"))
