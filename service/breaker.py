"""Leaves alone what fails, and lets one call at a time find out whether it is back."""

from collections.abc import Callable
from time import monotonic

PAUSE_SECONDS_MIN = 1.0
PAUSE_SECONDS_MAX = 30.0


class Breaker:
    """Closed while calls succeed; open for a pause after one fails, twice as long each time.

    Once the pause is over one call is let through, the trial: it closes the breaker or begins the
    next pause. What calls that began before the breaker opened have to say changes nothing.

    Args:
        clock: seconds, as ``time.monotonic`` counts them.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._until = 0.0
        self._trying = False
        self.open = False
        self.pause_seconds = PAUSE_SECONDS_MIN

    def admits(self) -> bool:
        """Tell whether a call may be made now; while it is open, that call is the trial."""
        if not self.open:
            return True
        if self._trying or self._clock() < self._until:
            return False
        self._trying = True
        return True

    def failed(self, *, trial: bool) -> bool:
        """Hear that a call failed; return whether that opened the breaker."""
        if self.open and not trial:
            return False
        opened = not self.open
        self.pause_seconds = (
            PAUSE_SECONDS_MIN if opened else min(2 * self.pause_seconds, PAUSE_SECONDS_MAX)
        )
        self._until = self._clock() + self.pause_seconds
        self.open = True
        return opened

    def succeeded(self, *, trial: bool) -> bool:
        """Hear that a call succeeded; return whether that closed the breaker."""
        if not trial:
            return False
        self.open = False
        return True

    def ended(self, *, trial: bool) -> None:
        """Hear that a call is over, however it ended: the next may be the trial."""
        if trial:
            self._trying = False
