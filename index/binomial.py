"""The exact bounds that a sample size buys: on a share, and on a rate."""

import math


def upper_bound(accepted: int, trials: int, confidence: float = 0.95) -> float:
    """Return the upper confidence bound on a rate, after `accepted` of `trials`.

    Source: Clopper and Pearson 1934; one-sided. With the threshold next above the m-th highest of
    n scores it is exact for accepted = m - 1, since the true rate is then distributed
    Beta(m, n - m + 1).

    >>> round(upper_bound(0, 100), 4)  # the rule of three
    0.0295
    """
    if accepted >= trials:
        return 1.0
    low, high = accepted / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        if at_most(accepted, trials, middle) > 1.0 - confidence:
            low = middle
        else:
            high = middle
    return high


def at_most(accepted: int, trials: int, rate: float) -> float:
    """Return P(X <= accepted) for X binomial with these trials at this rate."""
    if rate <= 0.0:
        return 1.0
    if rate >= 1.0:
        return 1.0 if accepted >= trials else 0.0
    yes, no = math.log(rate), math.log1p(-rate)
    return math.fsum(
        math.exp(
            math.lgamma(trials + 1)
            - math.lgamma(i + 1)
            - math.lgamma(trials - i + 1)
            + i * yes
            + (trials - i) * no
        )
        for i in range(accepted + 1)
    )


def poisson_bound(events: int, exposure: float, confidence: float = 0.95) -> float:
    """Return the upper confidence bound on a rate, after so many events in so long a time.

    Source: Garwood 1936; one-sided.

    >>> round(poisson_bound(0, 100.0), 4)  # the rule of three
    0.03
    """
    low, high = 0.0, 2.0 * events + 10.0
    for _ in range(80):
        middle = (low + high) / 2.0
        if _poisson_at_most(events, middle) > 1.0 - confidence:
            low = middle
        else:
            high = middle
    return high / exposure


def _poisson_at_most(events: int, mean: float) -> float:
    if mean <= 0.0:
        return 1.0
    log = math.log(mean)
    return math.fsum(math.exp(i * log - mean - math.lgamma(i + 1)) for i in range(events + 1))
