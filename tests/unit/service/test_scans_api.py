"""Scans: the marks of a gallery are found in a whole picture, where they are, and once."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from models.onnx_encoder import OnnxEncoder
from tests.picture_bundle import GRID, SQUARE, write_picture_bundle
from tests.pictures import encoded
from tests.unit.service.test_api import play
from tests.unit.service.test_pictures_api import item, mark, post

CELL = SQUARE // GRID
COLOURS = ("red", "lime", "blue")
SCAN = "/v1/galleries/marks/scan"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    folder = write_picture_bundle(tmp_path_factory.mktemp("bundles"), regions=True)
    return OnnxEncoder.open(folder, threads=1)


def scene_of(**marks: tuple[int, int]) -> bytes:
    """Paint marks into cells of a grey picture, twice as large as the square that is looked at."""
    picture = Image.new("RGB", (2 * SQUARE, 2 * SQUARE), (128, 128, 128))
    for colour, (column, row) in marks.items():
        tile = Image.new("RGB", (2 * CELL, 2 * CELL), "white")
        side = 2 * CELL
        tile.paste(colour, (side // 4, side // 8, side, side // 2))
        picture.paste(tile, (column * side, row * side))
    return encoded(picture, "PNG")


async def enrol(client: httpx.AsyncClient) -> None:
    await client.put("/v1/galleries/marks", json={"model": "cells"})
    exemplars = [
        {"id": colour, "label": colour.title(), "item": item(mark(colour)), "payload": {"n": at}}
        for at, colour in enumerate(COLOURS)
    ]
    await post(client, "/v1/galleries/marks/exemplars", {"exemplars": exemplars})


def test_marks_are_found_where_they_are(encoder: OnnxEncoder, tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        await enrol(client)
        picture = item(scene_of(red=(1, 2), blue=(6, 5)))
        body = {"item": picture, "threshold": 0.9}
        reply = await post(client, SCAN, body)
        found = {one["label"]: one for one in reply["found"]}
        assert set(found) == {"Red", "Blue"}
        assert len(reply["found"]) == 2
        side = 2 * CELL
        for label, (column, row) in (("Red", (1, 2)), ("Blue", (6, 5))):
            one = found[label]
            x, y = column * side, row * side
            assert one["box"] == pytest.approx([x, y, x + side, y + side], abs=2)
            assert (one["verdict"], one["threshold"]) == ("match", 0.9)
            assert one["score"] >= 0.9
            assert 0 < one["likelihood"] <= 1
            assert one["hits"][0]["payload"] == {"n": COLOURS.index(label.lower())}
            assert "seconds" not in one
        assert reply["regions"] == 16
        assert reply["threshold_from"] == "request"
        some = await post(client, SCAN, body | {"filter": {"label": "Blue"}, "regions_max": 5})
        assert [one["label"] for one in some["found"]] == ["Blue"]
        assert some["regions"] == 5
        every = await post(client, SCAN, body | {"unknown": True})
        assert {one["verdict"] for one in every["found"]} == {"match", "unknown"}
        assert [one["verdict"] for one in every["found"]][:2] == ["match", "match"]

    play(tmp_path, scene, encoders=[encoder])


def test_a_mark_that_fills_the_picture_is_found_whole(encoder: OnnxEncoder, tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        await enrol(client)
        reply = await post(client, SCAN, {"item": item(mark("lime")), "threshold": 0.9})
        (one,) = reply["found"]
        assert (one["label"], one["box"], one["likelihood"]) == ("Lime", [0, 0, 48, 48], 0)

    play(tmp_path, scene, encoders=[encoder])


def test_what_cannot_be_scanned_is_refused(encoder: OnnxEncoder, tmp_path: Path) -> None:
    picture = item(scene_of(red=(1, 2)))

    async def scene(client: httpx.AsyncClient) -> None:
        await enrol(client)
        cases: list[tuple[dict[str, Any], int, str]] = [
            ({"item": item(b"no picture")}, 415, "modality_unsupported"),
            ({"item": {"vector": [1.0] * 48}}, 415, "modality_unsupported"),
            ({"item": "a text"}, 415, "modality_unsupported"),
            ({"item": {"image": "no base64"}}, 422, "item_undecodable"),
            ({"item": picture, "regions_max": 65}, 422, "request_invalid"),
            ({"item": picture, "regions_max": 0}, 422, "request_invalid"),
            ({"item": picture, "k": 10_000}, 422, "request_invalid"),
            ({}, 422, "request_invalid"),
        ]
        for body, status, code in cases:
            error = await post(client, SCAN, body, status)
            assert error["code"] == code, body
        await post(client, "/v1/galleries/none/scan", {"item": picture}, 404)

    play(tmp_path, scene, encoders=[encoder])


def test_an_encoder_without_regions_says_so(tmp_path: Path) -> None:
    bundle = write_picture_bundle(tmp_path / "bundles")

    async def scene(client: httpx.AsyncClient) -> None:
        await enrol(client)
        error = await post(client, SCAN, {"item": item(scene_of(red=(1, 2)))}, 415)
        assert "'cells'" in error["message"]
        assert "/identify" in error["message"]

    play(tmp_path, scene, encoders=[OnnxEncoder.open(bundle, threads=1)])
