"""How long and how fast is learnt."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps of a training, and what changes over them.

    Args:
        steps: batches in all.
        size: pairs in a batch.
        rate: the highest learning rate; it rises over `warm` steps and falls along a cosine.
        decay: AdamW's weight decay (Loshchilov and Hutter, arXiv:1711.05101).
        averaged: momentum of the averaged weights, which are those that are evaluated and shipped
            (Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992).
        report_steps: steps between two lines of the log.
        check_steps: steps between two evaluations, each with a checkpoint.
        minutes: in which it is all to be done: the rate falls by the clock where that is ahead of
            the steps, and where the minutes are over the training is. A clock gives no training
            twice.
    """

    steps: int
    size: int = 128
    rate: float = 1.5e-3
    warm: int = 100
    decay: float = 0.05
    averaged: float = 0.998
    report_steps: int = 20
    check_steps: int = 200
    minutes: float = math.inf

    def rate_at(self, step: int, minutes: float = 0.0) -> float:
        """Tell the learning rate of a step, and of the minutes that were spent.

        >>> Schedule(steps=1100, rate=1.0).rate_at(600)
        0.5
        >>> Schedule(steps=1100, rate=1.0, minutes=10).rate_at(200, minutes=5)
        0.5
        """
        if step < self.warm:
            return self.rate * (step + 1) / self.warm
        share = max((step - self.warm) / max(1, self.steps - self.warm), minutes / self.minutes)
        return self.rate * (0.5 + 0.5 * math.cos(math.pi * min(1.0, share)))
