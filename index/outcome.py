"""What became of an order to build an index."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from index.faiss_door import FaissIndex
from index.measured import Measured, Rung
from index.plan import Parameter


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was chosen: `backend` is None where a scan is as good; hashes are hexadecimal.

    Args:
        rows: over which it was built.
        raced_rows: at the last choice among all candidates, which a rebuild does not repeat.
    """

    why: str
    rows: int
    raced_rows: int
    backend: str | None = None
    parameter: Parameter | None = None
    gpu: bool = False
    rungs: Sequence[Mapping[str, Any]] = ()
    index_hash: str = ""
    numbers_hash: str = ""

    def to_json(self) -> str:
        """Write it as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> "Outcome":
        """Read what `to_json` wrote here.

        Raises:
            ValueError: another Semblance wrote it, or the disk is at fault.
        """
        try:
            return cls(**json.loads(text))
        except TypeError as error:
            raise ValueError(f"an outcome that is not known here: {error}") from error

    def measured(self, written: bytes) -> Measured:
        """Return the index that was written, as it was measured.

        Raises:
            ValueError: it is of another number of rows.
        """
        assert self.backend is not None
        index = FaissIndex.load(written, self.parameter, gpu=self.gpu)
        if len(index) != self.rows:
            raise ValueError(f"the index holds {len(index)} rows of {self.rows}")
        return Measured(self.backend, index, [Rung(**one) for one in self.rungs])
