"""Sample galleries are built once, and never in place of a gallery that is the user's own."""

import asyncio
import base64
import io
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.modalities.image import build
from models.modality import Item
from service.client import Client
from service.samples import logos
from service.samples import python as sample
from service.sampling import build_sample, left_out, missing
from service.settings import Settings
from tests.builders import calling, running
from tests.fakes import FakeEncoder

ROWS = [{"id": f"f{n}", "label": f"f{n}", "item": f"does {n}", "payload": {}} for n in range(5)]


@pytest.fixture(autouse=True)
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def made() -> Iterator[dict[str, Any]]:
        yield from ROWS

    monkeypatch.setattr(sample, "rows", made)
    monkeypatch.setattr("service.sampling.found_samples", lambda: [sample])


def built(folder: Path, encoder: FakeEncoder, before: Any = None) -> tuple[Any, list[ModuleType]]:
    """Build what is missing with this encoder; return the gallery's state and what is missing."""

    async def played() -> tuple[Any, list[ModuleType]]:
        with running(folder, [encoder]) as parts:
            async with calling(parts) as http:
                client = Client(http)
                if before is not None:
                    await before(client)
                for one in missing(parts.settings):
                    await build_sample(client, one, parts.settings, lambda *_: None)
                left = missing(parts.settings)
                states = (await client.call("GET", "/v1/galleries"))["galleries"]
                return {state["name"]: state for state in states}, left

    return asyncio.run(played())


def test_it_is_built_once_and_stays_deleted(tmp_path: Path) -> None:
    states, left = built(tmp_path, FakeEncoder("minilm"))
    assert (states["python"]["count"], left) == (len(ROWS), [])

    async def delete(client: Client) -> None:
        await client.gallery("DELETE", "python")

    states, left = built(tmp_path, FakeEncoder("minilm"), before=delete)
    assert (states, left) == ({}, [])


def test_a_gallery_of_the_users_own_is_left_as_it_is(tmp_path: Path) -> None:
    async def own(client: Client) -> None:
        await client.gallery("PUT", "python", "", {"space": "ours", "dim": 2})
        exemplars = [{"id": "mine", "item": {"vector": [1, 0]}}]
        await client.gallery("POST", "python", "/exemplars", {"exemplars": exemplars})

    states, left = built(tmp_path, FakeEncoder("minilm"), before=own)
    assert (states["python"]["space"], states["python"]["count"]) == ("ours", 1)
    assert left == []


def test_a_new_version_is_built_anew_with_its_own_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(tmp_path, FakeEncoder("minilm"))
    monkeypatch.setattr(sample, "VERSION", "another")
    states, left = built(tmp_path, FakeEncoder("minilm", space="another-space"))
    assert (states["python"]["space"], states["python"]["count"]) == ("another-space", len(ROWS))
    assert left == []


def test_one_that_was_left_half_built_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        raise OSError("no process could be started")

    with monkeypatch.context() as patched:
        patched.setattr(sample, "rows", broken)
        with pytest.raises(OSError, match="no process"):
            built(tmp_path, FakeEncoder("minilm"))
    states, left = built(tmp_path, FakeEncoder("minilm"))
    assert (states["python"]["count"], left) == (len(ROWS), [])


def test_one_whose_making_was_not_noted_is_still_ours(tmp_path: Path) -> None:
    (tmp_path / "samples.json").write_text('{"python": {"version": null, "made_at": "pending"}}')

    async def made(client: Client) -> None:
        await client.gallery("PUT", "python", "", {"model": "minilm"})

    states, left = built(tmp_path, FakeEncoder("minilm"), before=made)
    assert (states["python"]["count"], left) == (len(ROWS), [])


@pytest.mark.parametrize("content", ["[]", "5", "{", '{"python": 1}'])
def test_a_memory_that_is_none_is_made_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "samples.json").write_text(content)
    states, left = built(tmp_path, FakeEncoder("minilm"))
    assert (states["python"]["count"], left) == (len(ROWS), [])


def test_samples_without_their_encoder_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.sampling.found_samples", lambda: [sample, logos])
    settings = Settings(data_dir=tmp_path, bundles_dir=tmp_path / "bundles")
    assert left_out(settings) == [sample, logos]
    assert missing(settings) == []
    (tmp_path / "bundles" / "logo").mkdir(parents=True)
    (tmp_path / "bundles" / "logo" / "manifest.json").write_text("{}")
    assert left_out(settings) == [sample]
    assert missing(settings) == [logos]


def test_the_marks_say_what_is_missing_to_make_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(OSError, match=r"simplepycons is not installed: pip install 'semblance\["):
        next(logos.rows())


@pytest.mark.slow
def test_the_marks_are_some_hundred_and_drawn() -> None:
    marks = list(logos.rows())
    assert 300 < len(marks) < 600
    assert len({mark["id"] for mark in marks}) == len(marks)
    by_id = {mark["id"]: mark for mark in marks}
    assert by_id["debian"]["label"] == "Debian"
    modality = build({"size": 32, "contrast": [40, 40, 40]}, Path())
    for mark in marks:
        item = Item("image", base64.b64decode(mark["item"]["image"]))
        assert modality.decode(item).arrays["pixels"].std() > 1, mark["id"]
    red = Image.open(io.BytesIO(base64.b64decode(by_id["debian"]["item"]["image"])))
    assert red.mode == "RGBA"
    colours = np.asarray(red)[np.asarray(red)[..., 3] == 255][:, :3]
    assert (np.median(colours, axis=0) == [168, 29, 51]).all()  # Debian's own red, #A81D33
