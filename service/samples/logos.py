"""Marks of brands under CC0, by simple-icons, from the package simplepycons: drawn at set-up."""

import base64
import importlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from service.svg import Rasteriser

NAME = "logos"
MODEL = "logo"
PACKAGE = "simplepycons"
PHOTOS = 200  # drawn of the marks, to calibrate the gallery for photos
SECONDS_MAX = 300
EVERY = 10  # of the package's three thousand and more; with the known ones, some hundreds
KNOWN = {
    "android", "apple", "bitcoin", "bluetooth", "bmw", "chevrolet", "cocacola", "creativecommons",
    "debian", "docker", "dropbox", "ebay", "facebook", "ferrari", "firefox", "ford", "git",
    "gnome", "honda", "intel", "jupyter", "kubernetes", "linux", "mastercard", "mcdonalds",
    "mozilla", "netflix", "nike", "nissan", "nvidia", "openstreetmap", "paypal", "playstation",
    "puma", "python", "redis", "rust", "samsung", "shell", "sony", "spotify", "starbucks", "tesla",
    "toyota", "ubuntu", "unicode", "visa", "volkswagen", "wikipedia", "wordpress", "youtube",
}  # fmt: skip


def _version() -> str:
    try:
        return f"1/{version(PACKAGE)}"
    except PackageNotFoundError:
        return "1/none"


VERSION = _version()


def rows() -> Iterator[dict[str, Any]]:
    """Yield one exemplar each: label = the brand's name, image = its mark in its own colour.

    The package is read in a process of its own: it imports a module for each of its marks.

    Raises:
        OSError: a package is not installed.
        subprocess.SubprocessError: it cannot be read.
    """
    for name in (PACKAGE, "resvg_py"):
        if importlib.util.find_spec(name) is None:
            raise OSError(f"{name} is not installed: pip install 'semblance[samples]'")
    done = subprocess.run(  # noqa: S603 - our own module, no input
        [sys.executable, "-W", "ignore", "-m", __name__],
        capture_output=True, text=True, timeout=SECONDS_MAX, check=True,
    )  # fmt: skip
    with Rasteriser() as rasteriser:
        for line in done.stdout.splitlines():
            mark = json.loads(line)
            picture = rasteriser.png(mark.pop("svg").encode())
            yield mark | {"item": {"image": base64.b64encode(picture).decode()}}


def marks() -> Iterator[dict[str, Any]]:
    """Describe the marks that are taken, with their SVG (runs in the child)."""
    all_icons = importlib.import_module(PACKAGE).all_icons
    for at, name in enumerate(sorted(all_icons.names())):
        icon = all_icons[name]
        if (name in KNOWN or at % EVERY == 0) and icon.license[0] in (None, "CC0-1.0"):
            yield {
                "id": name,
                "label": icon.title,
                "payload": {"source": icon.source or None},
                "svg": icon.customize_svg_as_str(),
            }


if __name__ == "__main__":
    for mark in marks():
        sys.stdout.write(json.dumps(mark) + "\n")
