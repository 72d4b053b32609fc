"""The key file: who may call; keys stand in it as hashes only."""

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError


class KeysInvalid(ValueError):
    """The key file cannot be read or is not a key file."""


class Key(BaseModel):
    """One key: its owner's name and the SHA-256 of the secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    sha256: str


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
        try:
            file = KeyFile.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise KeysInvalid(f"key file {path} cannot be used: {error}") from error
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
    """Add a key to the file (made when missing, readable by its owner only); return the secret."""
    file = KeyFile.model_validate_json(path.read_bytes()) if path.exists() else KeyFile()
    if any(key.name == name for key in file.keys):
        raise KeysInvalid(f"{path} has a key named {name!r} already; choose another name")
    token = f"sem-{secrets.token_urlsafe(32)}"
    keys = [*file.keys, Key(name=name, sha256=_digest(token))]
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump(KeyFile(keys=keys).model_dump(), out, indent=2)
    aside.replace(path)
    return token


def _digest(token: str) -> str:
    # A plain hash is enough: the secret has 256 random bits, there is nothing to guess.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
