"""A gallery as a Parquet file, made while it is sent; importing it gives the same gallery."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from index.exemplar import StoredExemplar
from index.gallery import Gallery
from service.source import SPACE_KEY

ROWS_AT_ONCE = 4096  # in memory, and in a row group
# Vectors do not shrink; what stands beside them does.
COMPRESSION = {
    "id": "zstd", "label": "zstd", "item": "zstd", "payload": "zstd", "vector.list.element": "none",
}  # fmt: skip


class Sink:
    """A file that is written to, and whose content is taken away meanwhile."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: Any) -> int:
        """Keep a part."""
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Do nothing: what is written can be taken already."""

    def taken(self) -> bytes:
        """Return what was written since this was asked last."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def parquet_parts(gallery: Gallery) -> Iterator[bytes]:
    """Yield the parts of the file, in order; what is written meanwhile may be in it or not.

    Raises:
        GalleryUnknown: also while it is read, where the gallery is deleted.
    """
    import pyarrow  # noqa: PLC0415 - half a second that nobody else need wait
    import pyarrow.parquet  # noqa: PLC0415

    json_text = pyarrow.json_(pyarrow.string())
    vector = pyarrow.list_(pyarrow.field("element", pyarrow.float32(), nullable=False), gallery.dim)
    columns = [
        ("id", pyarrow.string()), ("label", pyarrow.string()), ("item", json_text),
        ("payload", json_text), ("vector", vector),
    ]  # fmt: skip
    schema = pyarrow.schema(columns, metadata={SPACE_KEY: gallery.space.encode()})
    sink = Sink()
    after: str | None = None
    with pyarrow.parquet.ParquetWriter(
        sink, schema, compression=COMPRESSION, use_dictionary=["label"]
    ) as writer:
        while True:
            rows, after = gallery.page(after=after, limit=ROWS_AT_ONCE, with_vector=True)
            vectors = np.array([row.vector for row in rows], np.float32)
            values: list[Any] = [
                pyarrow.array([row.id for row in rows], pyarrow.string()),
                pyarrow.array([row.label for row in rows], pyarrow.string()),
                _as_json(rows, "item"),
                _as_json(rows, "payload"),
                pyarrow.FixedSizeListArray.from_arrays(vectors.ravel(), type=vector),
            ]
            writer.write_table(pyarrow.table(values, schema=schema))
            yield sink.taken()
            if after is None:
                break
    yield sink.taken()


def _as_json(rows: Sequence[StoredExemplar], name: str) -> Any:
    import pyarrow  # noqa: PLC0415 - is loaded by now

    found = (getattr(row, name) for row in rows)
    texts = [None if value is None else orjson.dumps(value).decode() for value in found]
    return pyarrow.array(texts, pyarrow.json_(pyarrow.string()))
