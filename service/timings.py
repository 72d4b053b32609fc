"""Where a request's time went, for its ``server-timing`` header."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Timings:
    """Seconds by stage of one request."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def add(self, stage: str, seconds: float) -> None:
        """Add to a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    @contextmanager
    def stage(self, stage: str) -> Iterator[None]:
        """Time a stage."""
        started = perf_counter()
        try:
            yield
        finally:
            self.add(stage, perf_counter() - started)

    def header(self) -> str:
        """Render the stages in the header's own grammar, in milliseconds.

        >>> timings = Timings()
        >>> timings.add("decode", 0.0012)
        >>> timings.header()
        'decode;dur=1.20'
        """
        return ", ".join(f"{stage};dur={s * 1000:.2f}" for stage, s in self.seconds.items())
