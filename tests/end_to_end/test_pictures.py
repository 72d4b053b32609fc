"""A gallery of marks from a folder, by a real server and the command line as a person runs it."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from models.pictures.jpeg import look
from tests.picture_bundle import write_picture_bundle
from tests.pictures import encoded, turned
from tests.server import Server

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">'
    '<rect width="8" height="8" fill="white"/><path fill="{}" d="M0 0h{}v{}H0z"/></svg>'
)
SHAPES = {"red": (8, 4), "green": (4, 8), "blue": (5, 5), "purple": (8, 2)}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    write_picture_bundle(tmp_path / "bundles", regions=True)
    with Server(tmp_path / "data", "--bundles-dir", str(tmp_path / "bundles")) as server:
        yield server


def gallery(server: Server, *words: object, code: int = 0) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SEMBLANCE_")}
    command = [sys.executable, "-m", "service", "gallery", "--server", server.url]
    done = subprocess.run(
        [*command, *map(str, words)],
        check=False,
        capture_output=True,
        text=True,
        env=clean,
        cwd=ROOT,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def photo(folder: Path, colour: str) -> Path:
    """Draw a mark as a photo shows it: small, turned by the camera, on something grey, as jpeg."""
    scene = Image.new("RGB", (96, 96), "#ddd")
    across, down = SHAPES[colour]
    scene.paste("white", (2, 2, 94, 94))
    scene.paste(colour, (2, 2, 2 + across * 92 // 8, 2 + down * 92 // 8))
    path = folder / "photo.jpg"
    stored = scene.transpose(Image.Transpose.ROTATE_90)  # the camera was held on its side
    path.write_bytes(encoded(stored, "JPEG", quality=80, exif=turned(6)))
    return path


def test_whose_mark_is_in_the_photo(server: Server, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    for colour, (across, down) in SHAPES.items():
        (marks / colour).mkdir(parents=True)
        (marks / colour / "mark.svg").write_text(SVG.format(colour, across, down))
    (marks / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    rejects = tmp_path / "rejects.jsonl"
    words = ("build", "marks", marks, "--model", "cells", "--thumbnails", "--rejected", rejects)
    out = gallery(server, *words, code=4)
    assert "4 enrolled, 0 stood already, 1 rejected" in out
    (line,) = map(json.loads, rejects.read_text().splitlines())
    assert line["place"] == "red/broken.png"
    assert "begin as PNG and cannot be decoded" in line["reason"]
    assert "0 enrolled, 4 stood already" in gallery(server, *words, code=4)

    for colour in SHAPES:
        path = photo(tmp_path, colour)
        found = json.loads(gallery(server, "search", "marks", "--file", path, "-k", 1, "--json"))
        assert found[0]["label"] == colour
        thumbnail = found[0]["payload"]["thumbnail"]
        assert base64.b64decode(thumbnail.partition(",")[2]).startswith(b"RIFF")
    told = gallery(server, "identify", "marks", "--file", path, "--threshold", 0.8)
    assert told.startswith("match  purple")

    scene = tmp_path / "scene.jpg"
    gallery(server, "photo", "marks", "red/mark.svg", scene, "--seed", 3, "--scene")
    first = scene.read_bytes()
    assert look(first).width == 320
    gallery(server, "photo", "marks", "red/mark.svg", scene, "--seed", 3, "--scene")
    assert scene.read_bytes() == first, "the same seed gives the same scene"
    gallery(server, "photo", "marks", "red/mark.svg", scene)
    assert look(scene.read_bytes()).width < 320, "cut out of its scene"

    rate = ("--false-accept-rate", 0.3)
    clean = json.loads(gallery(server, "calibrate", "marks", *rate))
    drawn = json.loads(gallery(server, "calibrate", "marks", *rate, "--photos", 9))
    assert (drawn["impostors"], drawn["genuine"]) == (4, 4)
    assert drawn["threshold"] != clean["threshold"]

    at = ("--threshold", 0.99)
    found = json.loads(
        gallery(server, "scan", "marks", path, "--threshold", 0.8, "--json").partition("\n")[0]
    )
    assert "purple" in {one["label"] for one in found}
    told = gallery(server, "scan", "marks", path, *at, "--unknown", "--regions", 3)
    assert "unknown" in told
    assert "in 3 regions" in told
    same, other = photo(tmp_path, "purple").rename(tmp_path / "same.jpg"), photo(tmp_path, "red")
    assert gallery(server, "verify", "marks", same, same, *at).startswith("same  score 1.000")
    assert gallery(server, "verify", "marks", same, other, *at).startswith("not the same  score")

    body = {"model": "cells", "pairs": [[_item(path), _item(path)]], "threshold": 0.8}
    reply = httpx.post(f"{server.url}/v1/verify", json=body)
    assert reply.json()["results"][0]["same"] is True
    assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_a_bundle_of_pictures_is_measured(tmp_path: Path) -> None:
    write_picture_bundle(tmp_path)
    command = [sys.executable, "-m", "service", "models", "bench", "cells", "--items", "16"]
    environment = {**os.environ, "SEMBLANCE_BUNDLES_DIR": str(tmp_path)}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=ROOT, check=True
    )
    assert "items/s decoded" in done.stdout
    assert "pixels/s" in done.stdout


def _item(path: Path) -> dict[str, str]:
    return {"image": base64.b64encode(path.read_bytes()).decode()}
