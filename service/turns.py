"""Whose turn it is at one encoder: a pass with all its threads, or several side by side."""


class Turns:
    """Which runners hold a batch, and which of them are in a forward pass; guarded by the lane.

    A pass with all threads is the fastest for an item that is alone: it goes by itself. Where more
    waits than that, passes of one thread each go side by side: their threads wait for nobody, so
    that together they embed more, the more so where other work takes part of a core. One batch is
    held ahead at most.

    Args:
        at_once: passes side by side.
        narrow: whether passes of one thread can be had.
    """

    def __init__(self, at_once: int, *, narrow: bool = False) -> None:
        self.at_once = at_once
        self.narrow = narrow
        self._wide: dict[int, bool] = {}  # runners that hold a batch: whether with all threads
        self._passing: set[int] = set()

    @property
    def free(self) -> int:
        """How many batches more could start to pass now."""
        return max(0, self._limit - len(self._wide))

    def may_take(self, *, full: bool) -> bool:
        """Tell that a batch may be cut: there is a place for it, or it is whole and next."""
        return self.free > 0 or (full and len(self._wide) == self._limit)

    def take(self, runner: int, waiting: int) -> bool:
        """Note that a runner cuts a batch of what waits; True says that it gets all threads."""
        wide = not self.narrow or (not self._wide and waiting < self.at_once)
        self._wide[runner] = wide
        return wide

    def may_pass(self, runner: int) -> bool:
        """Tell that a runner's pass would be in nobody's way."""
        if self._wide[runner] or any(self._wide[other] for other in self._passing):
            return not self._passing
        return len(self._passing) < self.at_once

    def enter(self, runner: int) -> bool:
        """Note that a runner's pass begins; True says that it has all threads."""
        self._passing.add(runner)
        return self._wide[runner]

    def leave(self, runner: int) -> None:
        """Note that a runner holds no batch any more: it has passed, or the runner has died."""
        self._wide.pop(runner, None)
        self._passing.discard(runner)

    @property
    def _limit(self) -> int:
        return self.at_once if self.narrow and not any(self._wide.values()) else 1
