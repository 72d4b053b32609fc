"""The process that draws SVGs: `python -m service.drawing`, with SVGs on standard input."""

import resource
import signal
import sys

from service.svg import LENGTH, REPLY, SIDE

MEMORY_BYTES_MAX = 1 << 30
CPU_SECONDS_MAX = 10.0  # of one SVG
DPI = 96  # of CSS: sizes in millimetres or points are none without it


def main() -> None:
    """Read SVGs and write PNGs until there are no more."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    source, out = sys.stdin.buffer, sys.stdout.buffer
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS_MAX)  # the end of this process
        is_picture, body = drawn(source.read(*LENGTH.unpack(head)).decode())
        signal.setitimer(signal.ITIMER_PROF, 0)
        out.write(REPLY.pack(is_picture, len(body)) + body)
        out.flush()


def drawn(svg: str) -> tuple[bool, bytes]:
    """Draw one; in place of a picture, say why there is none."""
    try:
        import resvg_py  # noqa: PLC0415 - an extra
    except ImportError:
        return False, b"no resvg"
    try:
        picture = resvg_py.svg_to_bytes(
            svg_string=svg, width=SIDE, height=SIDE, dpi=DPI, skip_system_fonts=True
        )
    except ValueError as error:
        return False, str(error).encode("utf-8", "replace")
    return True, bytes(picture)


if __name__ == "__main__":
    main()
