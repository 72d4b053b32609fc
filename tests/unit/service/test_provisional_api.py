"""Asked without a calibration: pictures by the gallery's own line, texts by the encoder's."""

import base64
from pathlib import Path

import httpx
import numpy as np

from tests.fakes import FakeCrops, FakeEncoder
from tests.unit.service.test_api import play

BRANDS = 120


def picture(words: str) -> dict[str, str]:
    return {"image": base64.b64encode(words.encode()).decode()}


async def verdicts(client: httpx.AsyncClient, model: str) -> tuple[str, float, float]:
    """Enrol brands, and return where the line came from, and the shares named of both kinds."""

    def item(words: str) -> object:
        return picture(words) if model == "crops" else words

    exemplars = [
        {"id": f"{n}", "label": f"brand {n}", "item": item(f"brand {n}")} for n in range(BRANDS)
    ]
    await client.put("/v1/galleries/g", json={"model": model})
    (
        await client.post("/v1/galleries/g/exemplars", json={"exemplars": exemplars})
    ).raise_for_status()
    shares = []
    for kind in ("brand", "stranger"):
        body = {"queries": [item(f"{kind} {n}") for n in range(BRANDS)]}
        reply = (await client.post("/v1/galleries/g/identify", json=body)).raise_for_status().json()
        shares.append(np.mean([one["verdict"] != "unknown" for one in reply["results"]]))
    return reply["threshold_from"], *shares


def test_strangers_to_a_gallery_of_pictures_are_unknown(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        source, known, strange = await verdicts(client, "crops")
        assert (source, known) == ("gallery", 1.0)
        assert strange < 0.25

    crops = FakeCrops()
    crops.manifest = crops.manifest.model_copy(update={"unrelated_score_q99": 0.1})
    play(tmp_path, scene, encoders=[crops])


def test_texts_are_asked_with_what_is_no_exemplar(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        source, _, strange = await verdicts(client, "fake")
        assert source == "encoder"
        assert strange > 0.9

    fake = FakeEncoder()
    fake.manifest = fake.manifest.model_copy(update={"unrelated_score_q99": 0.1})
    play(tmp_path, scene, encoders=[fake])
