"""SVG to PNG, for building galleries: by resvg, in a process that is bounded and can be killed.

An SVG may name files of this machine, and be made to take for ever; so those that name anything
outside themselves are refused, and the process that draws has a limit of memory and of time.
"""

import re
import struct
import threading

from models.errors import InputError, ItemTooLarge, ItemUndecodable, ModalityUnsupported
from service.expendable import Expendable

SIDE = 256  # of the longer side; encoders take less, and drawing takes a fourth of 512's time
BYTES_MAX = 4 << 20
SECONDS_MAX = 60.0  # until one is given up; a tenth of a second of work is usual, ten the most
REPLY = struct.Struct("<BI")  # whether it is a picture, and its bytes
LENGTH = struct.Struct("<I")
# What a reference may be: a part of the SVG itself, or a picture that it holds.
REFERENCE = re.compile(
    r"""href\s*+=\s*+(?!(["'])(?:\#|data:image/(?:png|jpe?g|gif|webp);base64,))
      | url\(\s*+(?!["']?+\s*+\#) | @import | <!ENTITY | <\?xml-stylesheet""",
    re.VERBOSE | re.IGNORECASE,
)
SVG = re.compile(rb"\s*(<\?xml|<!--|<!DOCTYPE\s+svg|<svg[\s>/])", re.IGNORECASE)
MARK = b"\xef\xbb\xbf"  # that some editors put before UTF-8


def is_svg(content: bytes) -> bool:
    """Tell by its first bytes whether a file is an SVG, or some other XML."""
    return SVG.match(content[:256].removeprefix(MARK)) is not None


def check(content: bytes) -> str:
    """Read an SVG as text, and refuse what reaches beyond itself.

    Raises:
        ItemTooLarge: it has too many bytes.
        ItemUndecodable: it is not UTF-8, or names a file, an address or an entity.
    """
    if len(content) > BYTES_MAX:
        raise ItemTooLarge(f"the SVG has {len(content)} bytes; the limit is {BYTES_MAX}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ItemUndecodable(f"the SVG is not UTF-8: {error.reason}; convert it") from None
    found = REFERENCE.search(text)
    if found is not None:
        named = text[found.start() : found.start() + 60].split("\n")[0]
        raise ItemUndecodable(
            f"the SVG names something outside itself, which is not looked at: {named!r}; put it "
            "into the SVG, or take it out"
        )
    return text


class Rasteriser(Expendable):
    """Draws SVGs, one after the other; a context manager, and for one thread."""

    def __init__(self, *, seconds_max: float = SECONDS_MAX) -> None:
        super().__init__("service.drawing", seconds_max)

    def png(self, content: bytes) -> bytes:
        """Draw an SVG with its longer side as `SIDE` pixels, on nothing.

        Text that is no outline is not drawn: fonts differ from machine to machine.

        Raises:
            ItemTooLarge, ItemUndecodable: it cannot be drawn, or not within the limits.
            ModalityUnsupported: resvg is not installed.
        """
        spoken = check(content).encode()
        child = self._started()
        assert child.stdin is not None and child.stdout is not None
        late = threading.Timer(self._seconds_max, child.kill)
        late.start()
        try:
            child.stdin.write(LENGTH.pack(len(spoken)) + spoken)
            child.stdin.flush()
            is_picture, length = REPLY.unpack(child.stdout.read(REPLY.size))
            body = child.stdout.read(length)
        except (OSError, struct.error):
            self.close()
            raise ItemUndecodable(
                f"the SVG was not drawn within {self._seconds_max:g} s and the memory there is; "
                "make it simpler"
            ) from None
        finally:
            late.cancel()
        if is_picture:
            return body
        words = body.decode("utf-8", "replace")
        raise _error(words)


def _error(words: str) -> InputError:
    if words == "no resvg":
        return ModalityUnsupported(
            "the file is an SVG, and resvg-py is not installed: pip install 'semblance[svg]'"
        )
    return ItemUndecodable(f"the SVG cannot be drawn: {words[:200]}; save it again as plain SVG")
