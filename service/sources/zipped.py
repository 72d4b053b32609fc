"""A zip of pictures: the path within is the id, its folders are the labels."""

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from service.picture_rows import FILE_BYTES_MAX, ReadFile, check_size
from service.source import PICTURES, SOUNDS, Columns, Source, SourceInvalid, SourceRow, filed

SUFFIX = ".zip"
HIDDEN = ("__MACOSX/", ".")
kind = f"a .zip of files that end in {', '.join((*PICTURES, *SOUNDS))}"
media_types: dict[str, str] = {}


def recognises(path: Path) -> bool:
    """Tell by the file's name."""
    return path.is_file() and path.suffix.lower() == SUFFIX


def read(path: Path, _: Columns) -> Source:
    """Open a zip; nothing of it is written to disk."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise SourceInvalid(f"{path} is no zip that can be read: {error}") from None
    names = sorted(
        name
        for name in set(archive.namelist())
        if filed(name) is not None and not name.startswith(HIDDEN)
    )
    if not names:
        raise SourceInvalid(f"{path} holds no file that ends in {', '.join((*PICTURES, *SOUNDS))}")

    def rows() -> Iterator[SourceRow]:
        for done, name in enumerate(names, start=1):
            inside = PurePosixPath(name)
            label = inside.stem if len(inside.parts) == 1 else inside.parent.as_posix()
            item = {str(filed(name)): name}
            yield SourceRow(name, done, {"id": name, "label": label, "item": item})

    return Source(rows(), len(names), read_file=members(archive))


def members(archive: zipfile.ZipFile) -> ReadFile:
    """Make what reads members of a zip, as far as a file may be large, whatever it says."""

    def read(name: str) -> bytes:
        try:
            with archive.open(name) as member:
                content = member.read(FILE_BYTES_MAX + 1)
        except KeyError:
            raise FileNotFoundError(f"{name!r} is not in the zip") from None
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
            raise ValueError(f"it cannot be taken out of the zip: {error}") from None
        check_size(len(content))
        return content

    return read
