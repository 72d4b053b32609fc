"""A git repository without a work tree: the commit that its HEAD stands at."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from service.repository import git
from service.repository.files import SourceFile, Unreadable, check_file, is_source, told
from service.repository.tree import Tree
from service.source import SourceInvalid

kind = "a bare git repository"


def recognises(path: Path) -> bool:
    """Tell that it is a folder as git keeps one."""
    return git.is_bare(path)


@contextmanager
def opened(path: Path) -> Iterator[Tree]:
    """Find the files of the commit."""
    tree = Tree(path.resolve().name.removesuffix(".git"), [])
    try:
        found = [one for one in git.blobs(path) if is_source(one[0])]
        tree.commit = git.commit_of(path)
    except git.GitFailed as error:
        raise SourceInvalid(f"{path}: {error}") from None
    with git.reading_blobs(path) as objects:
        for name, size, blob in found:
            try:
                check_file(name, size)
            except Unreadable as error:
                tree.unread.append((told(name), str(error)))
                continue
            tree.files.append(SourceFile(name, size, partial(objects.read, blob)))
        yield tree
