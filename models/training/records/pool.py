"""The names that are learnt from: gathered once from what is at hand, and kept in one file."""

import gzip
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = "names.json.gz"
FRENCH = ("fr_FR", "fr_BE", "fr_CA", "fr_CH")  # faker's lists whose surnames are read as French
DICTIONARIES = Path("/usr/share/dict")
FIELD = re.compile(r"COL (\S+) VAL (.*?)\s*(?=COL |$)")
TOLD = {"title", "name", "Beer_Name", "Brew_Factory_Name", "authors", "Song_Name", "Artist_Name",
        "Album_Name", "brand", "manufacturer", "addr", "modelno"}  # fmt: skip
TITLE_MAX = 96


@dataclass(frozen=True, slots=True)
class Pool:
    """Lists of names, and of what names are made of.

    Args:
        surnames: French ones.
        people: by language, first names and surnames, in its own script.
        brands: names of the WiRLD list.
        words: English and French words, of which companies are named.
        titles: of products, papers, songs, and who made them.
        forms: legal forms; each row spells one.
    """

    surnames: list[str]
    people: list[tuple[list[str], list[str]]]
    brands: list[str]
    words: list[str]
    titles: list[str]
    forms: list[list[str]]


def open_pool(data: Path, work: Path) -> Pool:
    """Read the pool, gathered before if it is there."""
    kept = work / FILE
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(gzip.compress(json.dumps(asdict(gathered(data))).encode(), 9))
    fields: dict[str, Any] = json.loads(gzip.decompress(kept.read_bytes()))
    return Pool(**fields)


def gathered(data: Path) -> Pool:
    """Gather the names; needs the package faker, and Debian's wordlists of English and French."""
    people = {name: _people(name) for name in _languages()}
    brands = (data / "logos" / "brand_names.txt").read_text(encoding="utf-8").splitlines()
    return Pool(
        surnames=sorted({last for name in FRENCH for last in people[name][1]}),
        people=[both for both in people.values() if all(both)],
        brands=sorted(set(brands)),
        words=sorted({*_words("american-english"), *_words("french")}),
        titles=sorted(set(_titles(data / "records"))),
        forms=list(_forms(data / "records" / "org_types.yml")),
    )


def _languages() -> list[str]:
    package = importlib.import_module("faker.providers.person")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def _people(language: str) -> tuple[list[str], list[str]]:
    provider = importlib.import_module(f"faker.providers.person.{language}").Provider
    return _listed(provider, "first_name"), _listed(provider, "last_name")


def _listed(provider: Any, kind: str) -> list[str]:
    """List what all of faker's lists of a kind hold."""
    found: set[str] = set()
    for name in dir(provider):
        values = getattr(provider, name)
        if kind in name and isinstance(values, (tuple, list, dict)):
            found.update(value for value in values if isinstance(value, str))
    return sorted(found)


def _words(language: str) -> Iterator[str]:
    for line in (DICTIONARIES / language).read_text(encoding="utf-8").splitlines():
        if 3 < len(line) < 11 and line.isalpha():
            yield line


def _titles(records: Path) -> Iterator[str]:
    """Read what the training parts of the DeepMatcher sets tell of products and papers."""
    for path in sorted(records.glob("*/*/train.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            for side in line.split("\t")[:2]:
                for field, value in FIELD.findall(side):
                    if field in TOLD and 3 < len(value) <= TITLE_MAX:
                        yield value


def _forms(path: Path) -> Iterator[list[str]]:
    """Read the spellings of legal forms: rows of one `display` and its aliases."""
    row: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("- display:") or (text.startswith("- ") and line.startswith("  - ")):
            if len(row) > 1:
                yield row
            row = []
        value = _value(text)
        if value and len(value) < 48:
            row.append(value)
    if len(row) > 1:
        yield row


def _value(text: str) -> str:
    """Read the spelling that a line of the file gives, if any."""
    for key in ("- display:", "display:", "compare:"):
        if text.startswith(key):
            return text.removeprefix(key).strip().strip("\"'")
    listed = text.startswith("- ") and ":" not in text
    return text.removeprefix("- ").strip().strip("\"'") if listed else ""
