"""What the head of an encoded sound says, read before any decoder sees it."""

from dataclasses import dataclass


class Damaged(Exception):
    """A file is not what its first bytes say, or of a kind that is not read; told in words."""


@dataclass(frozen=True, slots=True)
class Header:
    """The size of a sound, and what of its file makes samples.

    Args:
        content: the file, or what is left of it without texts, pictures, cues and the like: what is
            thrown away cannot be made to do harm.
        channels: of each frame.
        rate: frames a second.
        frames: in all; of mp3 what its head tells or its bitrate lets expect. What is decoded is
            held to the same bounds.
    """

    content: bytes
    channels: int
    rate: int
    frames: int
