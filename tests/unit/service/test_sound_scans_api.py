"""Scans of sounds: what is enrolled is found when it is heard, once, at a rate of false alarms."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from models.onnx_encoder import OnnxEncoder
from service.timeline import apart
from tests.sound_bundle import DIM, SAMPLES, write_sound_bundle
from tests.sounds import RATE, encoded
from tests.unit.service.test_api import play
from tests.unit.service.test_sounds_api import item, post

WINDOW = SAMPLES / RATE  # a quarter of a second
G, SCAN = "/v1/galleries/cues", "/v1/galleries/cues/scan"
PLACES = {"a": 0.75, "b": 2.0, "a again": 3.35}
HOP = 0.05


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    return OnnxEncoder.open(write_sound_bundle(tmp_path_factory.mktemp("bundles")), threads=1)


def cue(seed: int) -> NDArray[np.float32]:
    """Make noise that is loud in four sixteenths of a window, drawn by chance, first and last."""
    chance = np.random.default_rng(seed)
    loud = np.full(DIM, 0.05)
    loud[[0, *chance.choice(np.arange(1, DIM - 1), 4, replace=False), DIM - 1]] = 0.8
    samples = np.repeat(loud, SAMPLES // DIM) * chance.choice([-1, 1], SAMPLES)
    return samples.astype(np.float32)


CUES = {"a": cue(1), "b": cue(2)}


def hiss(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    chance = np.random.default_rng(seed)
    return (0.02 * chance.standard_normal(round(seconds * RATE))).astype(np.float32)


def whole() -> NDArray[np.float32]:
    """Make five seconds of hiss with the cues in it."""
    samples = hiss(5.0)
    for name, at in PLACES.items():
        start = round(at * RATE)
        samples[start : start + SAMPLES] += CUES[name[0]]
    return samples.clip(-1, 1)


async def enrol(client: httpx.AsyncClient) -> None:
    await client.put(G, json={"model": "loudness"})
    exemplars = [
        {"id": one, "label": one.upper(), "item": item(encoded(samples)), "payload": {"of": one}}
        for one, samples in CUES.items()
    ]
    await post(client, f"{G}/exemplars", {"exemplars": exemplars})


def test_cues_are_found_when_they_are_heard(encoder: OnnxEncoder, tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        await enrol(client)
        body: dict[str, Any] = {"item": item(encoded(whole(), "FLAC")), "threshold": 0.97}
        reply = await post(client, SCAN, body | {"hop_seconds": HOP})
        found = sorted(reply["found"], key=lambda one: one["seconds"])
        assert [one["label"] for one in found] == ["A", "B", "A"]
        for one, at in zip(found, PLACES.values(), strict=True):
            assert one["seconds"] == pytest.approx([at, at + WINDOW], abs=HOP / 2 + 1e-6)
            assert (one["verdict"], one["threshold"]) == ("match", 0.97)
            assert one["hits"][0]["payload"] == {"of": one["label"].lower()}
        scores = [one["score"] for one in reply["found"]]
        assert scores == sorted(scores, reverse=True)
        assert reply["regions"] == 1 + round((5.0 - WINDOW) / HOP)
        assert (reply["threshold_from"], "scores" in reply) == ("request", False)
        asked = body | {"hop_seconds": HOP, "scores": True, "unknown": True}
        every = await post(client, SCAN, asked)
        assert len(every["scores"]) == every["regions"]
        assert [one["seconds"][0] for one in every["scores"]] == pytest.approx(
            [HOP * at for at in range(every["regions"])], abs=1e-3
        )
        assert max(one["score"] for one in every["scores"]) == scores[0]
        known = [one for one in every["found"] if one["verdict"] != "unknown"]
        assert [one["seconds"] for one in known] == [one["seconds"] for one in reply["found"]]
        assert len(every["found"]) > len(known)
        # Silence says nothing, and is no error.
        silence = {"item": item(encoded(np.zeros(9 * RATE, np.float32))), "threshold": 0.5}
        reply = await post(client, SCAN, silence)
        assert (reply["found"], reply["regions"]) == ([], 0)

    play(tmp_path, scene, encoders=[encoder])


def test_a_background_sets_the_threshold_of_a_rate(encoder: OnnxEncoder, tmp_path: Path) -> None:
    background = [hiss(40.0, 1), hiss(20.0, 2)]  # a minute in all: the lowest rate is 60 an hour

    async def scene(client: httpx.AsyncClient) -> None:
        await enrol(client)
        sounds = [item(encoded(one)) for one in background]
        body: dict[str, Any] = {"background": sounds, "hop_seconds": HOP}
        error = await post(client, f"{SCAN}/calibrate", body, status=422)
        assert (error["code"], "60" in error["message"]) == ("too_few_impostors", True)
        assert (await client.get(G)).json()["alarms"] is None
        body["false_alarms_per_hour"] = 180.0
        made = await post(client, f"{SCAN}/calibrate", body)
        assert made["hours"] == pytest.approx(1 / 60)
        assert (made["seconds"], made["hop_seconds"], made["count"]) == ([WINDOW], HOP, 2)
        assert (await client.get(G)).json()["alarms"] == made
        # The background itself has as many alarms as were asked for, less the one at the edge.
        alarms = 0
        for sound in sounds:
            reply = await post(client, SCAN, {"item": sound})
            assert (reply["threshold_from"], reply["false_alarms_per_hour"]) == ("background", 180)
            alarms += len(reply["found"])
        assert alarms == 2
        reply = await post(client, SCAN, {"item": item(encoded(whole()))})
        assert sorted(one["label"] for one in reply["found"]) == ["A", "A", "B"]
        # Of other windows it promises nothing.
        reply = await post(client, SCAN, {"item": sounds[0], "hop_seconds": 0.1})
        assert (reply["threshold_from"], reply["false_alarms_per_hour"]) == ("encoder", None)

    play(tmp_path, scene, encoders=[encoder])


def test_what_cannot_be_scanned_is_refused_by_name(encoder: OnnxEncoder, tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        await enrol(client)
        sound = item(encoded(whole()))
        for body, status, code in (
            ({"item": sound, "regions_max": 3}, 422, "request_invalid"),
            ({"item": sound, "hop_seconds": 0.001}, 422, "request_invalid"),
            ({"item": sound, "window_seconds": []}, 422, "request_invalid"),
            ({"item": sound, "hop_seconds": 0.02}, 413, "item_too_large"),
            ({"item": item(encoded(hiss(21.0)))}, 413, "item_too_large"),
            ({"item": item(b"no sound at all")}, 415, "modality_unsupported"),
            ({"item": item(encoded(whole(), "FLAC")[:2000])}, 422, "item_undecodable"),
            ({"item": {"vector": [1] * DIM}}, 415, "modality_unsupported"),
            ({"item": "a text"}, 415, "modality_unsupported"),
        ):
            assert (await post(client, SCAN, body, status=status))["code"] == code, body
        body = {"background": [sound, item(b"RIFF")], "false_alarms_per_hour": 3600}
        error = await post(client, f"{SCAN}/calibrate", body, status=415)
        assert error["param"] == "background[1]"

    play(tmp_path, scene, encoders=[encoder], windows_max=200, sound_seconds_max=20.0)


def test_of_windows_on_each_other_the_best_is_kept() -> None:
    chance = np.random.default_rng(0)
    starts = chance.uniform(0, 60, 400)
    ends, scores = starts + chance.choice([0.5, 1.0], 400), chance.uniform(0, 1, 400)
    kept = apart(starts.tolist(), ends.tolist(), scores.tolist()).tolist()
    slow: list[int] = []
    for at in np.argsort(-scores):
        both = [min(ends[at], ends[i]) - max(starts[at], starts[i]) for i in slow]
        shorter = [min(ends[at] - starts[at], ends[i] - starts[i]) for i in slow]
        if all(b <= 0.25 * s for b, s in zip(both, shorter, strict=True)):
            slow.append(int(at))
    assert kept == slow
    # A threshold before or after: the same.
    high = np.flatnonzero(scores >= 0.6)
    some = high[apart(starts[high].tolist(), ends[high].tolist(), scores[high].tolist())]
    assert some.tolist() == [at for at in kept if scores[at] >= 0.6]
