"""Sounds over REST: embedded, enrolled, identified; a bad one by itself."""

import base64
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from models.modalities.audio import build
from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from tests.sound_bundle import DIM, SAMPLES, reference, write_sound_bundle
from tests.sounds import RATE, encoded, tone, wav
from tests.unit.service.test_api import error_of, play

LENGTHS = {"short": 0.08, "middling": 0.14, "long": 0.25}  # seconds


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    return OnnxEncoder.open(write_sound_bundle(tmp_path_factory.mktemp("bundles")), threads=1)


def item(content: bytes) -> dict[str, str]:
    return {"audio": base64.b64encode(content).decode()}


def expected(content: bytes) -> NDArray[np.float32]:
    modality = build({"sample_rate": RATE, "samples": SAMPLES}, Path())
    return reference(modality.decode(Item("audio", content)).arrays["samples"][np.newaxis])[0]


async def post(client: httpx.AsyncClient, path: str, body: Any, status: int = 200) -> Any:
    reply = await client.post(path, json=body)
    assert reply.status_code == status, reply.text
    return reply.json() if status < 400 else error_of(reply)


def test_sounds_are_embedded_as_the_encoder_says(encoder: OnnxEncoder, tmp_path: Path) -> None:
    files = [encoded(tone(0.05 + 0.01 * n)) for n in range(12)]
    uri = {"audio": "data:audio/wav;base64," + item(files[0])["audio"]}
    long = encoded(tone(2.0), "FLAC")

    async def scene(client: httpx.AsyncClient) -> None:
        body = {"model": "loudness", "input": [*map(item, files), uri, item(long)]}
        reply = await post(client, "/v1/embeddings", body)
        rows = np.array([one["embedding"] for one in reply["data"]])
        np.testing.assert_allclose(rows[:12], [expected(f) for f in files], atol=1e-5)
        np.testing.assert_array_equal(rows[12], rows[0])
        assert reply["truncated"] == [13]
        assert reply["usage"] == {"prompt_tokens": 0, "total_tokens": 0, "samples": 14 * SAMPLES}
        for content, media in (
            (files[0], "audio/wav"),
            (long, "audio/flac"),
            (encoded(tone(0.1), "OGG", "OPUS"), "audio/ogg"),
            (encoded(tone(0.2), "MP3", "MPEG_LAYER_III"), "audio/mpeg"),
        ):
            raw = await client.post(
                "/v1/embeddings/raw?model=loudness",
                content=content,
                headers={"content-type": media},
            )
            row = raw.json()["data"][0]["embedding"]
            np.testing.assert_allclose(row, expected(content), atol=1e-5)
        shown = (await client.get("/v1/models/loudness")).json()
        assert (shown["modalities"], shown["dim"]) == (["audio"], DIM)
        assert (shown["max_cost"], shown["cost_unit"]) == (SAMPLES, "samples")
        assert (await client.get("/readyz")).status_code == 200

    play(tmp_path, scene, encoders=[encoder])


def test_each_bad_sound_is_told_by_its_place(encoder: OnnxEncoder, tmp_path: Path) -> None:
    good = item(encoded(tone()))

    async def scene(client: httpx.AsyncClient) -> None:
        for bad, status, code in (
            (item(encoded(tone())[:30]), 422, "item_undecodable"),
            (item(wav(RATE * 400, body=bytes(RATE * 800))), 413, "item_too_large"),
            (item(b"FORM"), 415, "modality_unsupported"),
            (item(encoded(np.zeros(4000))), 400, "item_empty"),
            ({"audio": ""}, 400, "item_empty"),
            ({"audio": "not base64"}, 422, "item_undecodable"),
            ({"audio": "AAAA", "reads": "a"}, 422, "item_undecodable"),
            ({"audio": "https://example.com/a.wav"}, 422, "item_undecodable"),
            ("a text", 415, "modality_unsupported"),
        ):
            body = {"model": "loudness", "input": [good, bad]}
            error = await post(client, "/v1/embeddings", body, status)
            assert (error["code"], error["param"]) == (code, "input[1]")
        body = {"model": "loudness", "input": item(encoded(tone(2.0))), "truncate": False}
        assert (await post(client, "/v1/embeddings", body, 413))["code"] == "item_too_large"

    play(tmp_path, scene, encoders=[encoder])


def test_what_is_it(encoder: OnnxEncoder, tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        made = await client.put("/v1/galleries/noises", json={"model": "loudness"})
        assert made.status_code == 201
        exemplars = [
            {"id": name, "label": name, "item": item(encoded(tone(seconds)))}
            for name, seconds in LENGTHS.items()
        ]
        enrolled = await post(client, "/v1/galleries/noises/exemplars", {"exemplars": exemplars})
        assert enrolled["enrolled"] == len(LENGTHS)
        asked = item(encoded(tone(0.14, 700.0, 8_000) / 5, "FLAC", rate=8_000))
        found = await post(client, "/v1/galleries/noises/identify", {"queries": [asked]})
        assert found["results"][0]["label"] == "middling"

    play(tmp_path, scene, encoders=[encoder])
