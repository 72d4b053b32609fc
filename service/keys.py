"""The key file: who may call, for what, on which galleries; read again when it changes."""

import hashlib
import hmac
import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.errors import KeyRefused

log = logging.getLogger("semblance.keys")
ScopeName = Literal["embed", "search", "write", "admin", "metrics"]
SCOPES: tuple[ScopeName, ...] = get_args(ScopeName)
SCOPES_USUAL: tuple[ScopeName, ...] = ("embed", "search", "write")
LOOK_SECONDS = 1.0  # how old the last look at the file may be
Pattern = Annotated[str, Field(min_length=1, max_length=200)]


class KeysInvalid(ValueError):
    """The key file cannot be read or is not a key file."""


class Key(BaseModel):
    """One key: its owner's name, the SHA-256 of the secret, and what it opens.

    Args:
        galleries: patterns of names, as of :func:`fnmatch.fnmatchcase`.
        requests_per_minute: None takes the setting's; 0 is any number, as of the next.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[ScopeName, ...] = Field(SCOPES_USUAL, min_length=1)
    galleries: tuple[Pattern, ...] = ("*",)
    expires_at: AwareDatetime | None = None
    requests_per_minute: int | None = Field(None, ge=0)
    requests_at_once: int | None = Field(None, ge=0)

    def opens(self, scope: str) -> bool:
        """Tell whether the key has this scope; `admin` has all."""
        return scope in self.scopes or "admin" in self.scopes

    def sees(self, gallery: str) -> bool:
        """Tell whether the key is for this gallery."""
        return any(fnmatchcase(gallery, pattern) for pattern in self.galleries)

    def expired(self, now: datetime) -> bool:
        """Tell whether the key's time is over."""
        return self.expires_at is not None and self.expires_at <= now


class KeyFile(BaseModel):
    """The file as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    keys: list[Key] = []

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for what in ("name", "sha256"):
            if len({getattr(key, what) for key in self.keys}) < len(self.keys):
                raise ValueError(f"two keys have the same {what}")
        return self


class Keys:
    """The keys of one file, which is looked at again at most once a second.

    A file that can be read no more, or is no key file any more, leaves the keys as they were: a
    slip must lock nobody out. One that is valid and empty locks everybody out: all are revoked.

    Args:
        clock: seconds, for the looks at the file.
        now: the time of day, for expiry.

    Raises:
        KeysInvalid: the file is missing, empty of keys, or not a key file.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path, self._clock, self._now = path, clock, now
        self._looked, self._complaint = clock(), ""
        file, self._stamp = read_keys(path)
        if not file.keys:
            raise KeysInvalid(f"key file {path} holds no key; `semblance keys add NAME` makes one")
        self._keys = file.keys

    def find(self, token: str) -> Key:
        """Find a key by its secret, in time that does not depend on where it differs.

        Raises:
            KeyRefused: nobody's, or its time is over.
        """
        self._look()
        digest = digest_of(token)
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        if found is None:
            raise KeyRefused("send a valid key as `authorization: Bearer KEY`")
        if found.expired(self._now()):
            raise KeyRefused(
                f"key {found.name!r} expired at {found.expires_at:%Y-%m-%d %H:%M:%S %Z}; ask for a "
                "new one (`semblance keys add`)"
            )
        return found

    def _look(self) -> None:
        if self._clock() - self._looked < LOOK_SECONDS:
            return
        self._looked = self._clock()
        if not self._changed():
            self._complaint = ""
            return
        try:
            file, self._stamp = read_keys(self._path)
        except KeysInvalid as error:
            if str(error) != self._complaint:
                log.error("%s; the keys read before stay valid", error)
            self._complaint = str(error)
            return
        self._keys, self._complaint = file.keys, ""
        log.info("key file %s was read again: it holds %d keys", self._path, len(self._keys))

    def _changed(self) -> bool:
        try:
            # The stamp is of what was read last: a file that is no good is read at every look.
            return stamp_of(self._path.stat()) != self._stamp
        except OSError:
            return True  # reading it will say why


def stamp_of(stat: os.stat_result) -> tuple[int, int, int]:
    """Make what differs when a file has changed."""
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def read_keys(path: Path) -> tuple[KeyFile, tuple[int, int, int]]:
    """Read a key file; return it with its stamp.

    Raises:
        KeysInvalid: it cannot be read, or is no key file.
    """
    try:
        with path.open("rb") as file:
            stamp = stamp_of(os.fstat(file.fileno()))  # of what is read, or older: never newer
            return KeyFile.model_validate_json(file.read()), stamp
    except OSError as error:
        raise KeysInvalid(f"key file {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise KeysInvalid(
            f"{path} is no key file ({place}: {first['msg']}); `semblance keys add` makes one"
        ) from None


def digest_of(token: str) -> str:
    """Hash a secret; a plain hash is enough, for its 256 random bits cannot be guessed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
