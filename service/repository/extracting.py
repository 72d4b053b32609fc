"""The process that parses source files: `python -m service.repository.extracting`.

Parsers are written in C, and files by anybody: what goes wrong ends this process at worst, and
while it parses, others have their turn. A file is a head (bytes of its path, bytes of it), its path
and itself on standard input; the answer is a length and JSON.
"""

import os
import resource
import signal
import struct
import sys

import orjson

from service.repository.reading import read, written

HEAD = struct.Struct("<II")
LENGTH = struct.Struct("<I")
MEMORY_BYTES_MAX = 2 << 30
CPU_SECONDS_MAX = 20.0  # of one file; the largest that are read take one
NICE = 5


def main() -> None:
    """Read files and write what stands in them until there are no more."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    source, out = sys.stdin.buffer, sys.stdout.buffer
    while len(head := source.read(HEAD.size)) == HEAD.size:
        name_bytes, content_bytes = HEAD.unpack(head)
        path = source.read(name_bytes).decode()
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS_MAX)  # the end of this process
        found = orjson.dumps(written(read(path, source.read(content_bytes))))
        signal.setitimer(signal.ITIMER_PROF, 0)
        out.write(LENGTH.pack(len(found)) + found)
        out.flush()


if __name__ == "__main__":
    main()
