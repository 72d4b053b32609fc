"""The embeddings used last, within a number of bytes."""

from collections import OrderedDict

import numpy as np

from service.call import Embedded

# What an entry takes beside its row: the key, the objects around the row, its place in the table.
ENTRY_BYTES = 512


class Lru:
    """Embeddings by key; the one unused for longest goes first. For one thread.

    Args:
        bytes_max: bytes of all rows with ``ENTRY_BYTES`` each; a larger entry is not kept.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._kept: OrderedDict[bytes, Embedded] = OrderedDict()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes) -> Embedded | None:
        """Find an embedding; it becomes the one used last."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: bytes, embedded: Embedded) -> int:
        """Keep an embedding; return how many others were given up for it.

        Args:
            embedded: with a row of its own, as :func:`own` makes it.
        """
        size = entry_bytes(embedded)
        if size > self._bytes_max:
            return 0
        before = self._kept.pop(key, None)
        if before is not None:
            self.size_bytes -= entry_bytes(before)
        self._kept[key] = embedded
        self.size_bytes += size
        evicted = 0
        while self.size_bytes > self._bytes_max:
            _, given_up = self._kept.popitem(last=False)
            self.size_bytes -= entry_bytes(given_up)
            evicted += 1
        return evicted


def entry_bytes(embedded: Embedded) -> int:
    """Count the bytes that an embedding takes here."""
    return embedded.row.nbytes + ENTRY_BYTES


def own(embedded: Embedded) -> Embedded:
    """Give an embedding a row of its own, which nobody can change.

    A lane's row is a view that would keep its whole batch in memory.
    """
    row = np.array(embedded.row, np.float32)
    row.setflags(write=False)
    return Embedded(row, embedded.cost, embedded.truncated)
