"""Galleries of sounds from folders, zips and tables: labels of folders or columns, by windows."""

import asyncio
import base64
import json
import zipfile
from pathlib import Path

import httpx
import pytest

from models.onnx_encoder import OnnxEncoder
from service.builder import Rejects, build, sending
from service.client import Client
from service.picture_rows import FILE_BYTES_MAX, files_inside, is_of_files, with_files
from service.source import Columns, SourceRow, open_source
from tests.sound_bundle import write_sound_bundle
from tests.sounds import encoded, tone
from tests.unit.service.test_api import play

WAV, FLAC = encoded(tone(0.2)), encoded(tone(0.2), "FLAC")
FILES = {"yes/1.wav": WAV, "yes/2.FLAC": FLAC, "no/1.wav": WAV, "hum.wav": FLAC, "a.aiff": b""}
TOLD = [("hum.wav", "hum"), ("no/1.wav", "no"), ("yes/1.wav", "yes"), ("yes/2.FLAC", "yes")]


def rows_of(path: Path, *, windows: bool = False) -> list[SourceRow]:
    source = open_source(path, Columns())
    assert is_of_files(source)
    beside = files_inside(path if path.is_dir() else path.parent)
    reader = source.read_file or beside
    source = open_source(path, Columns())
    return list(with_files(source, reader, thumbnails=True, windows=windows))


def folder_of(path: Path) -> Path:
    for name, content in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def zip_of(path: Path) -> Path:
    with zipfile.ZipFile(path / "sounds.zip", "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    return path / "sounds.zip"


@pytest.mark.parametrize("make", [folder_of, zip_of])
def test_a_folder_or_a_zip_of_sounds(make: object, tmp_path: Path) -> None:
    assert callable(make)
    rows = rows_of(make(tmp_path))
    told = [(row.exemplar["id"], row.exemplar["label"]) for row in rows if row.exemplar]
    assert sorted(told) == TOLD
    items = {row.place: row.exemplar["item"] for row in rows if row.exemplar}
    assert base64.b64decode(items["yes/2.FLAC"]["audio"]) == FLAC
    assert set(items["yes/1.wav"]) == {"audio"}


def test_a_table_that_names_sounds_beside_it(tmp_path: Path) -> None:
    folder_of(tmp_path)
    table = tmp_path / "words.csv"
    table.write_text(
        "id,label,audio,voice\n1,yes,yes/1.wav,ann\n2,no,../no.wav,bob\n3,no,gone.wav,\n"
    )
    one, outside, gone = rows_of(table, windows=True)
    audio = base64.b64encode(WAV).decode()
    assert one.exemplar == {
        "id": "1",
        "label": "yes",
        "item": {"audio": audio, "windows": True},
        "payload": {"voice": "ann"},
    }
    assert "not inside" in outside.reason or "neither a file" in outside.reason
    assert "neither a file nor base64" in gone.reason


def test_rows_of_sounds_are_imported(tmp_path: Path) -> None:
    encoder = OnnxEncoder.open(write_sound_bundle(tmp_path / "bundles"), threads=1)
    audio = base64.b64encode(encoded(tone(1.0))).decode()
    lines = [
        {"id": "a", "label": "A", "item": {"audio": audio}},
        {"id": "b", "label": "B", "audio": audio},
        {"id": "c", "item": {"audio": audio, "windows": True}},
        {"id": "d", "item": {"audio": "Z" * 40}},
    ]

    async def scene(client: httpx.AsyncClient) -> None:
        await client.put("/v1/galleries/g", json={"model": "loudness"})
        body = "\n".join(map(json.dumps, lines)).encode()
        path = "/v1/galleries/g/import"
        media = {"content-type": "application/x-ndjson"}
        job = (await client.post(path, content=body, headers=media)).json()
        while job["state"] not in ("done", "failed", "cancelled"):
            await asyncio.sleep(0.02)
            job = (await client.get(f"/v1/jobs/{job['job']}")).json()
        assert (job["enrolled"], job["failed"], job["truncated"]) == (3, 1, 2)
        state = (await client.get("/v1/galleries/g")).json()
        assert (state["count"], state["parts"]) == (10, 7)

    play(tmp_path, scene, encoders=[encoder])


def test_a_sound_as_large_as_the_service_takes_is_built_from_a_folder(tmp_path: Path) -> None:
    encoder = OnnxEncoder.open(write_sound_bundle(tmp_path / "bundles"), threads=1)
    # 24 bits, two channels, 96 kHz: many bytes of few seconds.
    long = encoded(tone(14.0, rate=96_000), "WAV", "PCM_24", 96_000, 2)
    larger = encoded(tone(23.0, rate=96_000), "WAV", "PCM_24", 96_000, 2)
    assert len(long) > 8_000_000
    assert 12_582_912 < len(larger) < FILE_BYTES_MAX  # as base64 more than 16 MiB
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "long.wav").write_bytes(long)
    (tmp_path / "sounds" / "larger.wav").write_bytes(larger)
    with (tmp_path / "sounds" / "largest.wav").open("wb") as file:
        file.truncate(FILE_BYTES_MAX + 1)
    rejects = Rejects(tmp_path / "rejects.jsonl")
    sent = sending(tmp_path / "sounds", Columns(), windows=True)

    async def scene(http: httpx.AsyncClient) -> None:
        await http.put("/v1/galleries/g", json={"model": "loudness"})
        tally = await build(Client(http), "g", sent, rejects, lambda _: None)
        assert (tally.enrolled, tally.rejected) == (1, 2)
        state = (await http.get("/v1/galleries/g")).json()
        assert (state["count"], state["parts"]) == (112, 111)  # 14 s by quarters, half as far apart

    play(tmp_path, scene, encoders=[encoder])
    lines = rejects.path.read_text().splitlines()
    told = {one["place"]: one["reason"] for one in map(json.loads, lines)}
    assert "SEMBLANCE_ITEM_BYTES_MAX" in told["larger.wav"]
    assert f"the limit is {FILE_BYTES_MAX}" in told["largest.wav"]
