"""Pictures over REST: embedded, enrolled, searched, identified, verified; a bad one by itself."""

import base64
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from models.modalities.image import build
from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from models.pictures.photo import photographed
from tests.picture_bundle import DIM, SIDE, reference, write_picture_bundle
from tests.pictures import encoded, noise, png
from tests.unit.service.test_api import error_of, play

COLOURS = ("red", "lime", "blue", "yellow")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    return OnnxEncoder.open(write_picture_bundle(tmp_path_factory.mktemp("bundles")), threads=1)


def item(content: bytes) -> dict[str, str]:
    return {"image": base64.b64encode(content).decode()}


def mark(colour: str, kind: str = "PNG", size: int = 48) -> bytes:
    image = Image.new("RGB", (size, size), "white")
    image.paste(colour, (size // 4, size // 8, size, size // 2))
    return encoded(image, kind)


def expected(content: bytes) -> Any:
    modality = build({"size": SIDE, "contrast": [40, 40, 40]}, Path())
    return reference(modality.decode(Item("image", content)).arrays["pixels"][np.newaxis])[0]


async def post(client: httpx.AsyncClient, path: str, body: Any, status: int = 200) -> Any:
    reply = await client.post(path, json=body)
    assert reply.status_code == status, reply.text
    return reply.json() if status < 400 else error_of(reply)


def test_pictures_are_embedded_as_the_encoder_says(encoder: OnnxEncoder, tmp_path: Path) -> None:
    files = [encoded(noise(seed=seed), "PNG") for seed in range(40)]
    uri = {"image": "data:image/png;base64," + item(files[0])["image"]}

    async def scene(client: httpx.AsyncClient) -> None:
        body = {"model": "cells", "input": [*map(item, files), uri]}
        reply = await post(client, "/v1/embeddings", body)
        rows = np.array([one["embedding"] for one in reply["data"]])
        np.testing.assert_allclose(rows[:-1], [expected(f) for f in files], atol=1e-5)
        np.testing.assert_array_equal(rows[-1], rows[0])
        pixels = 41 * SIDE * SIDE
        assert reply["usage"] == {"prompt_tokens": 0, "total_tokens": 0, "pixels": pixels}
        for content, media in ((files[0], "image/png"), (mark("red", "JPEG"), "image/jpeg")):
            raw = await client.post(
                "/v1/embeddings/raw?model=cells",
                content=content,
                headers={"content-type": media},
            )
            row = raw.json()["data"][0]["embedding"]
            np.testing.assert_allclose(row, expected(content), atol=1e-5)
        shown = (await client.get("/v1/models/cells")).json()
        assert (shown["modalities"], shown["dim"]) == (["image"], DIM)
        assert (shown["max_cost"], shown["cost_unit"]) == (SIDE * SIDE, "pixels")
        assert (await client.get("/readyz")).status_code == 200

    play(tmp_path, scene, encoders=[encoder])


def test_each_bad_picture_is_told_by_its_place(encoder: OnnxEncoder, tmp_path: Path) -> None:
    good = item(mark("red"))

    async def scene(client: httpx.AsyncClient) -> None:
        for bad, status, code in (
            (item(mark("red")[:100]), 422, "item_undecodable"),
            (item(png(30_000, 30_000, b"")), 413, "item_too_large"),
            (item(b"<svg/>"), 415, "modality_unsupported"),
            ({"image": ""}, 400, "item_empty"),
            ({"image": "not base64"}, 422, "item_undecodable"),
            ({"image": "https://example.com/logo.png"}, 422, "item_undecodable"),
            ("a text", 415, "modality_unsupported"),
            ([1, 2], 415, "modality_unsupported"),
        ):
            body = {"model": "cells", "input": [good, bad]}
            error = await post(client, "/v1/embeddings", body, status)
            assert (error["code"], error["param"]) == (code, "input[1]")
        wrong = await client.post(
            "/v1/embeddings/raw?model=cells",
            content=b"<svg/>",
            headers={"content-type": "image/svg+xml"},
        )
        assert error_of(wrong)["code"] == "content_unsupported"
        assert "image/png" in error_of(wrong)["message"]

    play(tmp_path, scene, encoders=[encoder])


def test_whose_is_it(encoder: OnnxEncoder, tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        made = await client.put("/v1/galleries/marks", json={"model": "cells"})
        assert made.status_code == 201
        exemplars = [
            {"id": colour, "label": colour, "item": item(mark(colour)), "payload": {"n": at}}
            for at, colour in enumerate(COLOURS)
        ]
        exemplars.insert(2, {"id": "bad", "label": "bad", "item": item(b"BMno picture")})
        enrolled = await post(client, "/v1/galleries/marks/exemplars", {"exemplars": exemplars})
        assert enrolled["enrolled"] == len(COLOURS)
        assert [(one["position"], one["code"]) for one in enrolled["failed"]] == [
            (2, "item_undecodable")
        ]
        photo = item(mark("blue", "JPEG", size=200))
        found = await post(client, "/v1/galleries/marks/search", {"query": photo, "k": 1})
        assert found["results"][0]["hits"][0]["id"] == "blue"
        asked = {"queries": [photo, item(encoded(noise(seed=9), "PNG"))], "threshold": 0.95}
        told = (await post(client, "/v1/galleries/marks/identify", asked))["results"]
        assert [(one["verdict"], one["label"]) for one in told] == [
            ("match", "blue"),
            ("unknown", None),
        ]
        pairs = [[photo, item(mark("blue"))], [photo, item(mark("red"))]]
        body = {"model": "cells", "pairs": pairs, "threshold": 0.95}
        verified = (await post(client, "/v1/verify", body))["results"]
        assert [one["same"] for one in verified] == [True, False]
        kept = (await client.get("/v1/galleries/marks/exemplars/blue")).json()
        assert kept["item"] == item(mark("blue"))
        again = await post(client, "/v1/galleries/marks/exemplars", {"exemplars": exemplars})
        assert again["seq"] == enrolled["seq"], "what stands already costs nothing"

    play(tmp_path, scene, encoders=[encoder])


def test_an_enrolment_of_more_than_one_call_may_cost_is_embedded_in_several(
    encoder: OnnxEncoder, tmp_path: Path
) -> None:
    exemplars = [
        {"id": str(seed), "item": item(encoded(noise(seed=seed), "PNG"))} for seed in range(7)
    ]

    async def scene(client: httpx.AsyncClient) -> None:
        (await client.put("/v1/galleries/g", json={"model": "cells"})).raise_for_status()
        reply = await post(client, "/v1/galleries/g/exemplars", {"exemplars": exemplars})
        assert reply["enrolled"] == 7
        body = {"model": "cells", "input": [one["item"] for one in exemplars]}
        error = await post(client, "/v1/embeddings", body, 413)
        assert error["code"] == "call_too_large"

    play(tmp_path, scene, encoders=[encoder], call_cost_max=2 * SIDE * SIDE)


def test_a_gallery_of_pictures_is_calibrated_on_photos_drawn_of_them(
    encoder: OnnxEncoder, tmp_path: Path
) -> None:
    """As if the photos had been sent, of all that have a label and a picture."""
    marks = {colour: mark(colour) for colour in COLOURS}
    drawn = [photographed(content, seed=at) for at, content in enumerate(marks.values())]
    sent = [
        {"query": item(photo), "label": colour}
        for colour, photo in zip(COLOURS, drawn, strict=True)
    ]

    async def scene(client: httpx.AsyncClient) -> None:
        await client.put("/v1/galleries/g", json={"model": "cells"})
        rows = [{"id": c, "label": c, "item": item(m)} for c, m in marks.items()]
        rows.append({"id": "no label", "item": item(mark("black"))})
        rows.append({"id": "no picture", "label": "x", "item": {"vector": [1.0] * DIM}})
        await post(client, "/v1/galleries/g/exemplars", {"exemplars": rows})
        path, rate = "/v1/galleries/g/calibrate", {"false_accept_rate": 0.3}
        found = await post(client, path, rate | {"photos": 9})
        assert found["impostors"] == len(COLOURS)
        assert found == await post(client, path, rate | {"queries": sent})
        assert found != await post(client, path, rate)
        two = await post(client, path, {"false_accept_rate": 0.4, "photos": 2})
        assert two["impostors"] == 2

        error = await post(client, path, rate | {"photos": 2, "queries": sent}, 422)
        assert "one of the two" in error["message"]
        for photos in (0, 2001):
            await post(client, path, rate | {"photos": photos}, 422)
        await client.put("/v1/galleries/texts", json={"space": "s", "dim": DIM})
        error = await post(client, "/v1/galleries/texts/calibrate", rate | {"photos": 2}, 422)
        assert "keeps no labelled pictures" in error["message"]

    play(tmp_path, scene, encoders=[encoder])
