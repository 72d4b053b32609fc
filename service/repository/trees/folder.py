"""A folder: as git lists it where it is a work tree, else without what its `.gitignore` names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.repository import git
from service.repository.disk import files_below
from service.repository.ignores import walked
from service.repository.tree import Tree

kind = "a folder"


def recognises(path: Path) -> bool:
    """Tell that it is a folder, and no repository without a work tree."""
    return path.is_dir() and not git.is_bare(path)


@contextmanager
def opened(path: Path) -> Iterator[Tree]:
    """Find the files of a folder."""
    tree = Tree(path.resolve().name or "root", [])
    paths = git.listed(path)
    if paths is None:
        paths = list(walked(path, tree.unread))
    else:
        tree.commit = git.commit_of(path)
    tree.files = files_below(path, paths, tree.unread)
    yield tree
