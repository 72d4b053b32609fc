"""An index together with what it was measured to find, and how it must be asked for that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from index.faiss_door import FaissIndex
from index.hits import Positions
from index.vectors import Rows


@dataclass(frozen=True, slots=True)
class Rung:
    """The least effort at which the best `want` were found at the recall asked for.

    Args:
        depth: candidates that are scored again.
        milliseconds: of one query, in the process that measured.
    """

    want: int
    effort: int
    depth: int
    recall: float
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A built index as it is asked; keeps `index.indexed.Built`."""

    name: str
    index: FaissIndex
    rungs: Sequence[Rung]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def recall(self) -> float:
        """The least that was measured at any depth."""
        return min(rung.recall for rung in self.rungs)

    def candidates(self, queries: Rows, want: int) -> Positions | None:
        """Return candidates (q, m) that hold the best `want`; None beyond what was measured."""
        for rung in self.rungs:
            if want <= rung.want:
                # As deep as it was measured, though fewer are wanted: of ten candidates the best
                # one is there far less often than of a hundred.
                return self.index.search(queries, rung.depth, rung.effort)
        return None

    def raised(self) -> "Measured":
        """Return the same index asked with twice the effort, of twice as many candidates."""
        rungs = [replace(one, effort=2 * one.effort, depth=2 * one.depth) for one in self.rungs]
        return replace(self, rungs=rungs)
