"""git, where it is installed: asked what it lists, and let run nothing that a repository names."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from service.repository.files import Unreadable

SECONDS_MAX = 300
# A repository's own configuration may name programs to run; these are the places where it could.
_QUIET = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "protocol.allow=never"),
)
REGULAR = (b"100644", b"100755")


class GitFailed(Exception):
    """git is not there, or refused; the message is git's."""


def asked(folder: Path, *words: str) -> bytes:
    """Run a command of git in a folder, and return what it says.

    Raises:
        GitFailed: there is no git, or it refused.
    """
    try:
        done = subprocess.run(  # noqa: S603 - words of our own
            _command(folder, *words),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=_environment(),
            timeout=SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"git cannot be run: {error}") from None
    if done.returncode:
        words_of_git = done.stderr.decode("utf-8", "replace").strip().splitlines()[:1]
        raise GitFailed("".join(words_of_git) or f"git ended with {done.returncode}")
    return done.stdout


def is_bare(folder: Path) -> bool:
    """Tell by what lies in it whether a folder is a repository without a work tree."""
    return (folder / "HEAD").is_file() and all((folder / n).is_dir() for n in ("objects", "refs"))


def commit_of(folder: Path) -> str | None:
    """Return the commit that a folder stands at, if git knows one."""
    try:
        return asked(folder, "rev-parse", "--verify", "--quiet", "HEAD").decode().strip() or None
    except GitFailed:
        return None


def listed(folder: Path) -> list[str] | None:
    """List the files of a folder in a work tree that are tracked, or not ignored.

    Returns:
        Paths below the folder, those of repositories within it included; None where the folder is
        in no work tree, or is itself ignored in one.
    """
    try:
        inside = asked(folder, "rev-parse", "--show-prefix").decode("utf-8", "surrogateescape")
        if (prefix := inside.rstrip("\n")) and _is_ignored(folder, prefix):
            return None
        out = asked(folder, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    except GitFailed:
        return None
    found: set[str] = set()
    for path in map(os.fsdecode, out.split(b"\0")):
        below = folder / path
        if path and below.is_dir() and not below.is_symlink():  # a repository of its own
            found.update(f"{path.rstrip('/')}/{inner}" for inner in listed(below) or ())
        elif path:
            found.add(path)
    return sorted(found)


def _is_ignored(folder: Path, prefix: str) -> bool:
    top = Path(os.fsdecode(asked(folder, "rev-parse", "--show-toplevel").rstrip(b"\n")))
    try:
        asked(top, "check-ignore", "--quiet", prefix)
    except GitFailed:
        return False
    return True


def blobs(repository: Path) -> Iterator[tuple[str, int, str]]:
    """Yield path, size and name of each file of the commit that a repository stands at.

    Raises:
        GitFailed: it stands at none.
    """
    for line in asked(repository, "ls-tree", "-r", "-l", "-z", "HEAD").split(b"\0"):
        head, _, path = line.partition(b"\t")
        mode, *_, name, size = head.split() if path else (b"", b"", b"0")
        if mode in REGULAR:
            yield os.fsdecode(path), int(size), name.decode()


class Blobs:
    """Reads files out of a repository's objects, one after the other."""

    def __init__(self, source: IO[bytes], out: IO[bytes]) -> None:
        self._source, self._out = source, out

    def read(self, name: str) -> bytes:
        """Return one.

        Raises:
            Unreadable: it is missing.
        """
        self._out.write(f"{name}\n".encode())
        self._out.flush()
        head = self._source.readline().split()
        if len(head) != 3 or head[1] != b"blob":
            raise Unreadable("its content is missing in the repository")
        content = self._source.read(int(head[2]))
        self._source.read(1)
        return content


@contextmanager
def reading_blobs(repository: Path) -> Iterator[Blobs]:
    """Open a repository's objects."""
    with subprocess.Popen(  # noqa: S603 - words of our own
        _command(repository, "cat-file", "--batch"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        yield Blobs(child.stdout, child.stdin)


def _command(folder: Path, *words: str) -> list[str]:
    return ["git", *_QUIET, "-C", str(folder), *words]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
    return kept | own | {"LC_ALL": "C"}
