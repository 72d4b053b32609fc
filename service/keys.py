"""The key file: who may call; keys stand in it as hashes only."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class KeysInvalid(ValueError):
    """The key file cannot be read or is not a key file."""


class Key(BaseModel):
    """One key: its owner's name and the SHA-256 of the secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class KeyFile(BaseModel):
    """The file as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    keys: list[Key] = []


class Keys:
    """The keys of one file.

    Raises:
        KeysInvalid: the file is missing, empty of keys, or not a key file.
    """

    def __init__(self, path: Path) -> None:
        file = _read(path)
        if not file.keys:
            raise KeysInvalid(f"key file {path} holds no key; `semblance keys add NAME` makes one")
        self._keys = file.keys

    def name_of(self, token: str) -> str | None:
        """Name the owner of a key, in time that does not depend on where it differs."""
        digest = _digest(token)
        owner = None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                owner = key.name
        return owner


def add_key(path: Path, name: str) -> str:
    """Add a key to the file (made when missing, readable by its owner only); return the secret.

    Raises:
        KeysInvalid: the name cannot be a key's, or is one already; or the file is no key file.
    """
    token = f"sem-{secrets.token_urlsafe(32)}"
    try:
        key = Key(name=name, sha256=_digest(token))
    except ValidationError:
        raise KeysInvalid(
            f"a key cannot be named {name!r}; use 1 to 64 letters, digits and . _ - @, a letter or "
            "digit first"
        ) from None
    file = _read(path) if path.exists() else KeyFile()
    if any(key.name == name for key in file.keys):
        raise KeysInvalid(f"{path} has a key named {name!r} already; choose another name")
    keys = [*file.keys, key]
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(KeyFile(keys=keys).model_dump_json(indent=2))
    aside.replace(path)
    return token


def _read(path: Path) -> KeyFile:
    try:
        return KeyFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise KeysInvalid(f"key file {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise KeysInvalid(
            f"{path} is no key file ({place}: {first['msg']}); `semblance keys add` makes one"
        ) from None


def _digest(token: str) -> str:
    # A plain hash is enough: the secret has 256 random bits, there is nothing to guess.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
