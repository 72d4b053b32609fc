"""A .zip or .tar: its source files are taken out, within bounds, and read as a folder is."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from service.repository.disk import files_below
from service.repository.files import Unreadable, check_file, is_source, told
from service.repository.ignores import NAME, OURS, walked
from service.repository.tree import Tree
from service.repository.unpacking import DAMAGED, TAR_SUFFIXES, Member, TooMuch, members
from service.source import SourceInvalid

MEMBERS_MAX = 1_000_000
TAKEN_BYTES_MAX = 4 << 30  # of all that is taken out
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # which `git archive` writes as a comment
kind = f"a .zip, {', '.join(TAR_SUFFIXES)}"


def recognises(path: Path) -> bool:
    """Tell by the file's name."""
    return path.is_file() and path.name.lower().endswith((".zip", *TAR_SUFFIXES))


@contextmanager
def opened(path: Path) -> Iterator[Tree]:
    """Take the source files out, into a folder that goes with the context."""
    stem = next(s for s in (*TAR_SUFFIXES, ".zip") if path.name.lower().endswith(s))
    tree = Tree(path.name[: -len(stem)] or "root", [])
    with tempfile.TemporaryDirectory(prefix="semblance-") as folder:
        root = Path(folder)
        try:
            _take_out(path, root, tree)
        except (*DAMAGED, ValueError) as error:
            raise SourceInvalid(f"{path} is no archive that can be read: {error}") from None
        inner = list(root.iterdir())
        if len(inner) == 1 and inner[0].is_dir():  # as `git archive --prefix` makes them
            root = inner[0]
        tree.files = files_below(root, walked(root, tree.unread), tree.unread)
        yield tree


def _take_out(path: Path, root: Path, tree: Tree) -> None:
    taken = 0
    with members(path) as (comment, found):
        if COMMIT.fullmatch(comment):
            tree.commit = comment
        try:
            for number, one in enumerate(found):
                if number >= MEMBERS_MAX or taken > TAKEN_BYTES_MAX:
                    raise TooMuch(
                        f"more than {MEMBERS_MAX} members, or {TAKEN_BYTES_MAX} bytes of source"
                    )
                taken += _take(one, root, tree)
        except TooMuch as error:
            tree.unread.append((path.name, f"{error}: the rest was not read"))
            tree.is_whole = False


def _take(one: Member, root: Path, tree: Tree) -> int:
    """Write a member to its place, if it may hold source, and tell how many bytes that were."""
    parts = PurePosixPath(one.path).parts
    if not (is_source(one.path) or parts[-1:] == (NAME,)) or OURS in parts:
        return 0
    try:
        if one.path.startswith("/") or ".." in parts or "\0" in one.path:
            raise Unreadable("its path leads out of the archive")
        check_file(one.path, one.size)
        content = one.read(one.size)
        (root / one.path).parent.mkdir(parents=True, exist_ok=True)
        (root / one.path).write_bytes(content)
    except (Unreadable, OSError) as error:
        tree.unread.append((told(one.path), str(getattr(error, "strerror", None) or error)))
        return 0
    return len(content)
