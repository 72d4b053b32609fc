"""A folder of text files: the path below it is the id, its sub-folders are the labels."""

import os
from collections.abc import Iterator
from pathlib import Path

from service.source import Columns, Source, SourceInvalid, SourceRow, is_utf8

SUFFIXES = (".txt", ".text", ".md", ".rst")
FILE_BYTES_MAX = 1 << 20  # of one file; the service would refuse a longer text anyway
kind = f"a folder of files that end in {', '.join(SUFFIXES)}"
media_types: dict[str, str] = {}


def recognises(path: Path) -> bool:
    """Tell that it is a folder."""
    return path.is_dir()


def read(path: Path, _: Columns) -> Source:
    """Open a folder."""
    files, unread = _text_files(path)
    if not files and not unread:
        raise SourceInvalid(f"{path} holds no file that ends in {', '.join(SUFFIXES)}")

    def rows() -> Iterator[SourceRow]:
        for error in unread:
            yield SourceRow(_told(Path(error.filename), path), 0, None, str(error.strerror))
        for done, file in enumerate(files, start=1):
            name = _told(file, path)
            label = None if file.parent == path else file.parent.relative_to(path).as_posix()
            try:
                if not is_utf8(file.as_posix()):
                    raise ValueError("the file's name is not UTF-8; rename it")
                if file.stat().st_size > FILE_BYTES_MAX:
                    raise ValueError(f"more than {FILE_BYTES_MAX} bytes; split it")
                text = file.read_bytes().decode()
            except (OSError, ValueError) as error:
                yield SourceRow(name, done, None, str(error))
                continue
            exemplar = {"id": name, "label": label, "item": {"text": text}}
            yield SourceRow(name, done, exemplar)

    return Source(rows(), len(files))


def _text_files(path: Path) -> tuple[list[Path], list[OSError]]:
    """Find the text files under a folder, and the sub-folders that could not be looked into."""
    unread: list[OSError] = []
    files = [
        file
        for folder, _, names in os.walk(path, onerror=unread.append)
        for file in (Path(folder, name) for name in names)
        if file.suffix.lower() in SUFFIXES and file.is_file()
    ]
    return sorted(files), unread


def _told(file: Path, path: Path) -> str:
    name = file.relative_to(path).as_posix()
    return name.encode("utf-8", "backslashreplace").decode()
