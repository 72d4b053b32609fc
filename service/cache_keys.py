"""Names for embeddings: equal for what gives equal rows, and never equal otherwise."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from models.modality import Content, Item, Reads, Role

KEY_BYTES = 32  # that two contents meet is out of the question, even for who tries


@dataclass(frozen=True, slots=True)
class Form:
    """What an embedding depends on beside its item: the encoder's space, and how it is asked.

    Args:
        dim: columns of a row in that space.
    """

    space: str
    dim: int
    role: Role | None
    truncate: bool


def keys_of(items: Sequence[Item], form: Form) -> list[bytes]:
    """Make the key of each item.

    A key is a hash over every field, each before the content with its length, so that no two
    sequences of fields read the same.
    """
    start = hashlib.blake2b(digest_size=KEY_BYTES, person=b"semblance cache")
    for field in (form.space, str(form.dim), form.role or "", str(form.truncate), "float32"):
        start.update(_measured(field))
    of_modality: dict[str, hashlib.blake2b] = {}
    keys: list[bytes] = []
    for item in items:
        before = of_modality.get(item.modality)
        if before is None:
            before = of_modality[item.modality] = start.copy()
            before.update(_measured(item.modality))
        hashed = before.copy()
        hashed.update(_read(item.reads))
        hashed.update(_typed(item.content))
        keys.append(hashed.digest())
    return keys


def content_size(items: Sequence[Item]) -> int:
    """Count characters, bytes and token ids: roughly the time that hashing takes."""
    return sum(len(item.content) for item in items)


def _measured(field: str) -> bytes:
    encoded = field.encode(errors="surrogatepass")
    return len(encoded).to_bytes(8, "big") + encoded


def _read(reads: Reads) -> bytes:
    """Write what an item reads; that it is to be read is another thing than any text."""
    if reads is None:
        return b""
    return b"t" if reads is True else b"r" + _measured(reads)


def _typed(content: Content) -> bytes:
    """Write content with its type in front: a text, its bytes and its token ids are three things.

    A lone surrogate, which no encoder reads, has a key too: to refuse it is the encoder's part.
    """
    if isinstance(content, str):
        return b"s" + content.encode(errors="surrogatepass")
    if isinstance(content, bytes):
        return b"b" + content
    return b"i" + ",".join(map(hex, content)).encode()  # hex, for a number of any length
