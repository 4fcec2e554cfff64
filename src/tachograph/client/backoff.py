"""How long to wait before the next try to connect. Pure."""

from __future__ import annotations

from collections.abc import Callable
from random import random

FIRST_S = 0.25
LONGEST_S = 15.0


class Backoff:
    """Longer with each failure, and never in step with others: full jitter.

    `chance` gives a number in [0, 1). See M. Brooker, "Exponential Backoff And Jitter", 2015.
    """

    def __init__(self, chance: Callable[[], float] = random) -> None:
        self._chance = chance
        self._failures = 0

    def reset(self) -> None:
        """It went well."""
        self._failures = 0

    def next_s(self) -> float:
        """The wait after one more failure, seconds."""
        longest = min(LONGEST_S, FIRST_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return longest * (0.5 + 0.5 * self._chance())
