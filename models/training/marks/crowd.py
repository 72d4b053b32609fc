"""A crowd of brands, one clean picture each, such as fill a gallery of one hundred thousand.

Designed marks, names in type and emblems, in one random order, so that any first part of it is
mixed as the whole. What is drawn once is kept in a folder, by the thousand, as zipped pictures.
"""

import hashlib
import io
import json
import random
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from models.training.marks.atlas import Atlas, png
from models.training.marks.emblems import colour
from models.training.marks.lettering import Type, wordmark

CHUNK = 1000  # pictures of one file
SIDE_MAX = 128  # pixels of the longer side
LETTERS_MAX = 18  # of a name that is set in type; see `Type.word`
PACKED = 1  # level of compression: more costs more than drawing
SEEN_MIN = 32  # of 255, the alpha of what shows most: fainter hairlines are no picture
SEED = 11

Entry = tuple[str, str]
"""What a brand's picture is made of: `mark` and its row in an atlas, or `word` and the name."""


def brand_key(name: str) -> str:
    """Reduce a name to what tells brands apart: two of one key would be set alike.

    >>> brand_key("Café Ada Ltd."), brand_key("cafe-ada-ltd"), brand_key("광장")
    ('cafeadaltd', 'cafeadaltd', '')
    """
    kept = [letter for letter in latin(name).casefold() if letter.isalnum()]
    return "".join(kept)[:LETTERS_MAX]


def latin(name: str) -> str:
    """Leave out accents, and letters that not every font draws.

    >>> latin("Académie №1")
    'Academie No1'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.strip()


def listed(atlas: Atlas, names: Iterable[str], left_out: Iterable[str], count: int) -> list[Entry]:
    """List one entry per brand, none of them twice, in an order that is always the same.

    Args:
        atlas: marks, of which the first of each brand is taken.
        names: to set in type, as far as Latin letters go.
        left_out: brands that shall not be among them.
        count: how many at most; marks come before names where they are too many.
    """
    seen = {"", *(brand_key(name) for name in left_out)}
    found: list[Entry] = []

    def add(name: str, entry: Entry) -> None:
        key = brand_key(name)
        if key not in seen:
            seen.add(key)
            found.append(entry)

    for row, mark in enumerate(atlas.marks):
        add(mark.brand, ("mark", str(row)))
    for name in names:
        add(name, ("word", latin(name)))
    found = found[:count]
    random.Random(SEED).shuffle(found)
    return found


@dataclass(frozen=True, slots=True)
class Crowd:
    """Brands whose pictures are drawn when they are first asked for.

    Args:
        entries: see `listed`.
        atlas: the marks among them.
        fonts: files of fonts; called once something has to be drawn.
        work: folder in which what is drawn is kept, for these entries only.
    """

    entries: Sequence[Entry]
    atlas: Atlas
    fonts: Callable[[], Sequence[str]]
    work: Path

    @property
    def folder(self) -> Path:
        """Where the pictures of just these entries are."""
        said = json.dumps([SIDE_MAX, CHUNK, *self.entries]).encode()
        return self.work / f"crowd-{hashlib.sha256(said).hexdigest()[:12]}"

    @property
    def chunks(self) -> int:
        """How many files hold them."""
        return -(-len(self.entries) // CHUNK)

    def pictures(self, chunk: int) -> list[tuple[int, bytes]]:
        """Return the places and the PNGs of a chunk; what would not be seen is left out."""
        path = self.folder / f"{chunk:04}.zip"
        if not path.exists():
            self._draw(chunk, path)
        with zipfile.ZipFile(path) as file:
            return [(int(Path(name).stem), file.read(name)) for name in file.namelist()]

    def _draw(self, chunk: int, path: Path) -> None:
        """Draw a chunk; what is half-drawn at a stop is drawn again."""
        path.parent.mkdir(parents=True, exist_ok=True)
        kit, part = Type(self.fonts(), (), ()), path.with_suffix(".part")
        with zipfile.ZipFile(part, "w") as file:
            for place in range(chunk * CHUNK, min((chunk + 1) * CHUNK, len(self.entries))):
                kind, of = self.entries[place]
                content = png(self.atlas, int(of)) if kind == "mark" else word(of, kit)
                if content is not None:
                    file.writestr(f"{place:06}.png", content)
        part.replace(path)


def word(name: str, kit: Type) -> bytes | None:
    """Set a name in a font, a colour and a manner that follow from it; None where it is too faint.

    Returns:
        PNG of `SIDE_MAX` pixels at most.
    """
    draw = random.Random(f"crowd {name}")
    image = wordmark(replace(kit, names=[name]), draw, colour(draw))
    if max(image.size) > SIDE_MAX:
        scale = SIDE_MAX / max(image.size)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        weighted = image.convert("RGBa")
        image = weighted.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0).convert("RGBA")
    if image.getchannel("A").point([255 * (a >= SEEN_MIN) for a in range(256)]).getbbox() is None:
        return None
    buffer = io.BytesIO()
    image.save(buffer, "png", compress_level=PACKED)
    return buffer.getvalue()
