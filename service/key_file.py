"""Changes to the key file: whole or not at all, on disk before they are told, one at a time."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from service.keys import Key, KeyFile, KeysInvalid, digest_of, read_keys


def list_keys(path: Path) -> list[Key]:
    """List the keys of a file, in the order they were made.

    Raises:
        KeysInvalid: the file cannot be read, or is no key file.
    """
    return read_keys(path)[0].keys


def add_key(path: Path, name: str, **given: Any) -> str:
    """Add a key to the file (made when missing, readable by its owner only); return the secret.

    Args:
        given: fields of a :class:`Key`.

    Raises:
        KeysInvalid: the name cannot be a key's, or is one already; a field has a value that it
            cannot have; or the file is no key file.
    """
    token = f"sem-{secrets.token_urlsafe(32)}"
    try:
        key = Key(name=name, sha256=digest_of(token), **given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["loc"] == ("name",):
            raise KeysInvalid(
                f"a key cannot be named {name!r}; use 1 to 64 letters, digits and . _ - @, a "
                "letter or digit first"
            ) from None
        raise KeysInvalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    with _changing(path) as keys:
        if any(key.name == name for key in keys):
            raise KeysInvalid(f"{path} has a key named {name!r} already; choose another name")
        keys.append(key)
    return token


def revoke_key(path: Path, name: str) -> int:
    """Remove a key from the file; return how many are left.

    Raises:
        KeysInvalid: no key has this name; or the file cannot be read, or is no key file.
    """
    if not path.exists():
        raise KeysInvalid(f"there is no key file {path}")
    with _changing(path) as keys:
        known = [key.name for key in keys]
        if name not in known:
            raise KeysInvalid(f"{path} has no key named {name!r} (there: {', '.join(known)})")
        del keys[known.index(name)]
        return len(keys)


@contextmanager
def _changing(path: Path) -> Iterator[list[Key]]:
    """Give the keys of a file to be changed, and write them where nothing is raised."""
    path = path.resolve()  # what a link leads to is replaced, not the link
    path.parent.mkdir(parents=True, exist_ok=True)
    # A file of its own, and it stays: the key file itself is replaced while somebody waits for it.
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keys = list_keys(path) if path.exists() else []
        yield keys
        _write(path, KeyFile(keys=keys).model_dump_json(indent=2, exclude_none=True))
    finally:
        os.close(lock)


def _write(path: Path, text: str) -> None:
    aside = path.with_name(path.name + ".new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        if path.exists():
            # The service goes on reading what root, or another of its group, has changed.
            old = path.stat()
            os.fchmod(descriptor, 0o600 | (old.st_mode & 0o040))
            if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, old.st_uid, old.st_gid)
        out.write(text)
        out.flush()
        os.fsync(descriptor)
    aside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
