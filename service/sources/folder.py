"""A folder of texts, pictures or sounds: the path below it is the id, its sub-folders are labels.

A picture, or a sound, without a sub-folder is labelled by its name.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from service.source import (
    PICTURES,
    SOUNDS,
    Columns,
    Source,
    SourceInvalid,
    SourceRow,
    filed,
    is_utf8,
)

TEXTS = (".txt", ".text", ".md", ".rst")
READ = (*TEXTS, *PICTURES, *SOUNDS)
FILE_BYTES_MAX = 1 << 20  # of one text; the service would refuse a longer one anyway
kind = f"a folder of files that end in {', '.join(READ)}"
media_types: dict[str, str] = {}


def recognises(path: Path) -> bool:
    """Tell that it is a folder."""
    return path.is_dir()


def read(path: Path, _: Columns) -> Source:
    """Open a folder."""
    files, unread = _files(path)
    if not files and not unread:
        raise SourceInvalid(f"{path} holds no file that ends in {', '.join(READ)}")

    def rows() -> Iterator[SourceRow]:
        for error in unread:
            yield SourceRow(_told(Path(error.filename), path), 0, None, str(error.strerror))
        for done, file in enumerate(files, start=1):
            name = _told(file, path)
            label = None if file.parent == path else file.parent.relative_to(path).as_posix()
            try:
                if not is_utf8(file.as_posix()):
                    raise ValueError("the file's name is not UTF-8; rename it")
                item, label = _item(file, name, label)
            except (OSError, ValueError) as error:
                yield SourceRow(name, done, None, str(error))
                continue
            yield SourceRow(name, done, {"id": name, "label": label, "item": item})

    return Source(rows(), len(files))


def _item(file: Path, name: str, label: str | None) -> tuple[dict[str, Any], str | None]:
    """Read a text; of a picture or a sound, which is read later, give the name."""
    kind = filed(file.name)
    if kind is not None:
        return {kind: name}, label or file.stem
    if file.stat().st_size > FILE_BYTES_MAX:
        raise ValueError(f"more than {FILE_BYTES_MAX} bytes; split it")
    return {"text": file.read_bytes().decode()}, label


def _files(path: Path) -> tuple[list[Path], list[OSError]]:
    """Find the files under a folder, and the sub-folders that could not be looked into."""
    unread: list[OSError] = []
    files = [
        file
        for folder, _, names in os.walk(path, onerror=unread.append)
        for file in (Path(folder, name) for name in names)
        if file.suffix.lower() in READ and file.is_file()
    ]
    return sorted(files), unread


def _told(file: Path, path: Path) -> str:
    name = file.relative_to(path).as_posix()
    return name.encode("utf-8", "backslashreplace").decode()
