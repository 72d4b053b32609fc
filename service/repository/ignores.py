"""A folder's files without those that its `.gitignore` files name, as git has it, without git."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

NAME = ".gitignore"
OURS = ".git"  # what git keeps for itself
BYTES_MAX = 1 << 20


def walked(root: Path, unread: list[tuple[str, str]]) -> Iterator[str]:
    """Yield the paths below a folder that are not ignored, in order; no link is followed.

    Args:
        unread: gets the folders that could not be looked into.
    """
    waiting: list[tuple[str, list[tuple[str, GitIgnoreSpec]]]] = [("", [])]
    while waiting:
        folder, above = waiting.pop()
        try:
            with os.scandir(root / folder) as found:
                entries = sorted(found, key=lambda one: one.name)
        except OSError as error:
            unread.append((folder or ".", str(error.strerror)))
            continue
        specs = [*above, *_spec_of(root, folder, entries)]
        inner = []
        for entry in entries:
            path = f"{folder}{entry.name}"
            is_folder = entry.is_dir(follow_symlinks=False)
            if entry.name == OURS or _is_ignored(f"{path}/" if is_folder else path, specs):
                continue
            if is_folder:
                inner.append((f"{path}/", specs))
            elif entry.is_file(follow_symlinks=False):
                yield path
        waiting += reversed(inner)


def _spec_of(
    root: Path, folder: str, entries: list[os.DirEntry[str]]
) -> list[tuple[str, "GitIgnoreSpec"]]:
    """Read a folder's own `.gitignore`, if it has one."""
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - an extra

    if not any(one.name == NAME and one.is_file(follow_symlinks=False) for one in entries):
        return []
    try:
        with (root / folder / NAME).open("rb") as file:
            lines = file.read(BYTES_MAX).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [(folder, GitIgnoreSpec.from_lines(lines))]


def _is_ignored(path: str, specs: list[tuple[str, "GitIgnoreSpec"]]) -> bool:
    """Ask the nearest file that has a say; those above it have theirs after."""
    for folder, spec in reversed(specs):
        verdict = spec.check_file(path.removeprefix(folder)).include
        if verdict is not None:
            return verdict
    return False
