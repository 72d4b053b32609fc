"""How fast this machine is: bounds on time are written for a usual one."""

import time

USUAL_SECONDS = 0.010  # what the loop below takes on a usual core


def measured() -> float:
    """Time a loop that nothing but the core's speed bears on; the best of five."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        total = 0
        for number in range(200_000):
            total += number
        best = min(best, time.perf_counter() - started)
    return best


PACE = max(1.0, measured() / USUAL_SECONDS)
"""How many times longer than on a usual machine things take here: at least one time."""
