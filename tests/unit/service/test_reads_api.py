"""What a picture reads, over REST: said, read by the service, or refused; never ignored."""

import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from models.errors import ItemUndecodable
from models.modalities.image import build
from models.modality import Item, Reads
from models.onnx_encoder import OnnxEncoder
from service.assembly import open_reader
from service.settings import Settings, SettingsInvalid
from tests.picture_bundle import SIDE, TEXT, lettered_reference, reference, write_picture_bundle
from tests.pictures import encoded, noise
from tests.unit.service.test_api import play
from tests.unit.service.test_pictures_api import post

FILES = [encoded(noise(seed=seed), "PNG") for seed in range(4)]
TEXTS = {FILES[0]: "zero", FILES[1]: "one", FILES[2]: ""}


class Reading:
    """A reader that knows its pictures, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, content: bytes) -> str:
        self.asked.append(content)
        if content not in TEXTS:
            raise ItemUndecodable("it cannot be read")
        return TEXTS[content]


def item(content: bytes, reads: object = None) -> dict[str, object]:
    image = {"image": base64.b64encode(content).decode()}
    return image if reads is None else image | {"reads": reads}


def expected(content: bytes, reads: Reads) -> Any:
    modality = build({"size": SIDE, "contrast": [40, 40, 40], "text": TEXT}, Path())
    feeds = modality.collate([modality.decode(Item("image", content, reads))])
    return lettered_reference(feeds["pixels"], feeds["reads"])[0]


def played(
    tmp_path: Path,
    scene: Callable[[httpx.AsyncClient], Awaitable[None]],
    *,
    read: Reading | None = None,
    reads: bool = True,
) -> None:
    folder = write_picture_bundle(tmp_path / "bundles", reads=reads)
    encoder = OnnxEncoder.open(folder, threads=1, read=read)
    play(tmp_path / "data", scene, encoders=[encoder])


def test_what_is_said_is_embedded_and_the_picture_alone_stays_what_it_was(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        asked = [item(FILES[0]), item(FILES[0], "One"), item(FILES[0], " "), item(FILES[0], False)]
        asked += [item(FILES[0], "ONE!"), item(FILES[0], "much too long")]
        reply = await post(client, "/v1/embeddings", {"model": "cells", "input": asked})
        rows = np.array([one["embedding"] for one in reply["data"]])
        alone, one = expected(FILES[0], None), expected(FILES[0], "one")
        for at, row in ((0, alone), (1, one), (2, alone), (3, alone), (4, one)):
            np.testing.assert_allclose(rows[at], row, atol=1e-5)
        assert reply["truncated"] == [5]
        picture = build({"size": SIDE, "contrast": [40, 40, 40]}, Path())
        pixels = picture.decode(Item("image", FILES[0])).arrays["pixels"][np.newaxis]
        np.testing.assert_allclose(rows[0][:48], reference(pixels)[0], atol=1e-5)

    played(tmp_path, scene)


def test_a_service_with_a_reader_reads_once_and_one_bad_picture_fails_alone(
    tmp_path: Path,
) -> None:
    read = Reading()

    async def scene(client: httpx.AsyncClient) -> None:
        asked = [item(FILES[0], True), item(FILES[1], True), item(FILES[2], True), item(FILES[0])]
        for _ in range(2):  # the second is remembered
            reply = await post(client, "/v1/embeddings", {"model": "cells", "input": asked})
            rows = np.array([one["embedding"] for one in reply["data"]])
            for row, content, text in zip(
                rows, [*FILES[:3], FILES[0]], ["zero", "one", None, None], strict=True
            ):
                np.testing.assert_allclose(row, expected(content, text), atol=1e-5)
        assert sorted(read.asked) == sorted(FILES[:3])
        body = {"model": "cells", "input": [item(FILES[0], True), item(FILES[3], True)]}
        error = await post(client, "/v1/embeddings", body, 422)
        assert (error["code"], error["param"]) == ("item_undecodable", "input[1]")

    played(tmp_path, scene, read=read)


def test_the_name_finds_what_the_picture_does_not(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        assert (await client.put("/v1/galleries/g", json={"model": "cells"})).status_code == 201
        exemplars = [
            {"id": f"{at}", "label": name, "item": item(FILES[3], name)}
            for at, name in enumerate(("semblance", "porcelain"))
        ]
        await post(client, "/v1/galleries/g/exemplars", {"exemplars": exemplars})
        for asked, found in (("semb1ance", "0"), ("PORCELAlN", "1")):
            body = {"query": item(FILES[3], asked), "k": 1}
            reply = await post(client, "/v1/galleries/g/search", body)
            assert reply["results"][0]["hits"][0]["id"] == found
        kept = (await client.get("/v1/galleries/g/exemplars/0")).json()["item"]
        assert kept == item(FILES[3], "semblance")

    played(tmp_path, scene)


@pytest.mark.parametrize(
    ("reads", "lettered", "status", "code", "words"),
    [
        ("a", False, 415, "modality_unsupported", "leave 'reads' out"),
        (True, False, 415, "modality_unsupported", "leave 'reads' out"),
        (True, True, 422, "reader_missing", "SEMBLANCE_READ_MARKS"),
        (7, True, 422, "item_undecodable", "true to have it read"),
        ("x" * 1001, True, 413, "item_too_large", "1000"),
    ],
)
def test_nothing_that_is_said_is_ignored(
    reads: object, lettered: bool, status: int, code: str, words: str, tmp_path: Path
) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        body = {"model": "cells", "input": [item(FILES[0]), item(FILES[1], reads)]}
        error = await post(client, "/v1/embeddings", body, status)
        assert (error["code"], error["param"]) == (code, "input[1]")
        assert words in error["message"]

    played(tmp_path, scene, reads=lettered)


def test_a_reading_that_is_cut_is_refused_where_the_caller_wants_it_whole(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        body = {"model": "cells", "input": item(FILES[0], "much too long"), "truncate": False}
        error = await post(client, "/v1/embeddings", body, 413)
        assert "8 letters" in error["message"]

    played(tmp_path, scene)


def test_a_scan_reads_nothing_and_says_so(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        assert (await client.put("/v1/galleries/g", json={"model": "cells"})).status_code == 201
        error = await post(client, "/v1/galleries/g/scan", {"item": item(FILES[0], "a")}, 422)
        assert (error["code"], error["param"]) == ("request_invalid", "item")

    played(tmp_path, scene)


def test_a_reader_is_opened_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_reader(Settings()) is None

    def missing(**options: object) -> None:
        raise ImportError

    monkeypatch.setattr("service.assembly.Reader", missing)
    with pytest.raises(SettingsInvalid, match=r"semblance\[ocr\]"):
        open_reader(Settings(read_marks=True))
