"""Long sounds over REST: enrolled by windows, found by any part, removed and replaced whole."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from models.onnx_encoder import OnnxEncoder
from service.call import Part
from service.long_items import heard, pooled
from tests.sound_bundle import DIM, SAMPLES, write_sound_bundle
from tests.sounds import RATE, encoded, wav
from tests.unit.service.test_api import play
from tests.unit.service.test_sounds_api import item, post

WINDOW = SAMPLES / RATE  # a quarter of a second
G = "/v1/galleries/long"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    return OnnxEncoder.open(write_sound_bundle(tmp_path_factory.mktemp("bundles")), threads=1)


def sound(seed: int, windows: int) -> NDArray[np.float32]:
    """Make noise whose loudness changes from sixteenth to sixteenth of a window."""
    chance = np.random.default_rng(seed)
    loud = np.repeat(chance.uniform(0.05, 0.9, DIM * windows), SAMPLES // DIM)
    return (loud * chance.uniform(-1, 1, len(loud))).astype(np.float32)


def exemplar(name: str, samples: NDArray[np.float32], **more: Any) -> dict[str, Any]:
    windows = more.pop("windows", True)
    return {"id": name, "item": item(encoded(samples)) | {"windows": windows}} | more


async def enrol(client: httpx.AsyncClient, *exemplars: dict[str, Any]) -> Any:
    return await post(client, f"{G}/exemplars", {"exemplars": list(exemplars)})


async def search(client: httpx.AsyncClient, samples: NDArray[np.float32], **more: Any) -> Any:
    body = {"query": item(encoded(samples)), "k": 3} | more
    return (await post(client, f"{G}/search", body))["results"][0]["hits"]


def part(samples: NDArray[np.float32], start: float) -> NDArray[np.float32]:
    return samples[round(start * RATE) : round(start * RATE) + SAMPLES]


def test_a_long_sound_is_found_by_any_part_of_it(encoder: OnnxEncoder, tmp_path: Path) -> None:
    songs = {name: sound(seed, 8) for seed, name in enumerate("abc")}

    async def scene(client: httpx.AsyncClient) -> None:
        await client.put(G, json={"model": "loudness"})
        reply = await enrol(
            client,
            *(exemplar(one, some, label=one.upper(), payload={"of": one})
              for one, some in songs.items()),
        )  # fmt: skip
        assert (reply["enrolled"], reply["parts"], reply["failed"]) == (3, 45, [])
        state = (await client.get(G)).json()
        assert (state["count"], state["parts"], state["labels"]) == (48, 45, 3)
        for name, samples in songs.items():
            for start in (0.0, 0.375, 1.75):
                hits = await search(client, part(samples, start))
                assert hits[0]["id"] == name
                assert sorted(hit["id"] for hit in hits) == ["a", "b", "c"]
                assert hits[0]["seconds"] == [start, start + WINDOW]
                assert hits[0]["score"] == pytest.approx(1.0, abs=1e-3)
                assert hits[0]["payload"] == {"of": name}
            whole = {"query": item(encoded(samples)) | {"windows": True}}
            (result,) = (await post(client, f"{G}/search", whole))["results"]
            assert (result["hits"][0]["id"], result["hits"][0]["score"]) == (
                name,
                pytest.approx(1.0, abs=1e-5),
            )
            assert "seconds" not in result["hits"][0]  # the whole, by all of its windows
        body = {"query": item(encoded(part(songs["b"], 0.5))), "threshold": 0.99}
        (result,) = (await post(client, f"{G}/identify", body))["results"]
        assert (result["verdict"], result["label"]) == ("match", "B")
        assert result["hits"][0]["seconds"] == [0.5, 0.75]

    play(tmp_path, scene, encoders=[encoder])


def test_it_is_replaced_and_removed_with_its_windows(encoder: OnnxEncoder, tmp_path: Path) -> None:
    long, short = sound(0, 8), sound(1, 2)

    async def scene(client: httpx.AsyncClient) -> None:
        async def count() -> tuple[int, int]:
            state = (await client.get(G)).json()
            return state["count"], state["parts"]

        await client.put(G, json={"model": "loudness"})
        await enrol(client, exemplar("a", long), exemplar("b", short))
        assert await count() == (20, 18)
        again = await enrol(client, exemplar("a", long))
        assert (again["unchanged"], again["parts"], await count()) == (1, 0, (20, 18))
        relabelled = await enrol(client, exemplar("a", long, label="A"))
        assert (relabelled["enrolled"], relabelled["parts"], await count()) == (1, 15, (20, 18))
        hits = await search(client, part(long, 1.0))
        assert hits[0]["label"] == "A"
        await enrol(client, exemplar("a", short, windows={"hop_seconds": 0.25}))
        assert await count() == (7, 5)
        await enrol(client, exemplar("a", long, windows=False))
        assert await count() == (5, 3)
        kept = (await client.get(f"{G}/exemplars/b")).json()
        assert kept["item"] == item(encoded(short)) | {"windows": True}
        gone = (await client.delete(f"{G}/exemplars/b")).json()
        assert (gone["removed"], await count()) == (4, (1, 0))

    play(tmp_path, scene, encoders=[encoder])


def test_a_bad_one_fails_by_itself(encoder: OnnxEncoder, tmp_path: Path) -> None:
    nine = wav(9 * RATE, body=b"\x01\x00" * 9 * RATE)
    silence = np.zeros(4 * RATE, np.float32)
    good = exemplar("good", sound(0, 4))

    async def scene(client: httpx.AsyncClient) -> None:
        await client.put(G, json={"model": "loudness"})
        bad = [
            exemplar("silent", silence),
            exemplar("many", sound(1, 8), windows={"hop_seconds": 0.02}),
            {"id": "long", "item": item(nine) | {"windows": True}},
            {"id": "cut", "item": item(encoded(sound(2, 2), "FLAC")[:900]) | {"windows": True}},
            exemplar("x" * 500, sound(2, 2)),
            {"id": "how", "item": item(encoded(sound(2, 2))) | {"windows": "please"}},
        ]  # fmt: skip
        reply = await enrol(client, *bad[:3], good, *bad[3:])
        codes = {one["id"]: one["code"] for one in reply["failed"]}
        assert (reply["enrolled"], reply["parts"]) == (1, 7)
        assert codes == {
            "silent": "item_empty",
            "many": "item_too_large",
            "long": "item_too_large",
            "cut": "item_undecodable",
            "x" * 500: "rows_invalid",
            "how": "item_undecodable",
        }

    play(tmp_path, scene, encoders=[encoder], windows_max=60, sound_seconds_max=8.0)


def test_a_whole_is_the_mean_of_its_windows_by_how_loud_they_are() -> None:
    def parts(rows: Sequence[tuple[float, float]], weights: Sequence[float]) -> list[Part]:
        return [
            Part(at, at + 1, np.array(row, np.float32), weight)
            for at, (row, weight) in enumerate(zip(rows, weights, strict=True))
        ]

    np.testing.assert_allclose(pooled(parts([(1, 0), (0, 1)], [3, 4])), [0.6, 0.8])
    np.testing.assert_allclose(pooled(parts([(1, 0), (-1, 0)], [1, 1])), [1, 0])
    loud = heard(parts([(1, 0), (0, 1), (0, 1)], [1.0, 0.0099, 0.0101]))
    assert [one.start for one in loud] == [0, 2]
