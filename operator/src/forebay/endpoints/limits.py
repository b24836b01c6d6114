"""How much each caller may ask: token buckets, as many as are kept in mind. Pure; times are told."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Buckets:
    """`burst` at once and `rate` a second for each key; the key that was quiet longest is forgotten first."""

    def __init__(self, rate: float, burst: float, kept: int = 10_000) -> None:
        self._rate, self._burst, self._kept = rate, burst, kept
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # level, when

    def __len__(self) -> int:
        """Keys in mind."""
        return len(self._levels)

    def wait(self, key: Hashable, now: float) -> float:
        """Takes one; 0.0, or the seconds after which there is one again, and then nothing is taken."""
        level, since = self._levels.pop(key, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        taken = level >= 1.0
        self._levels[key] = (level - 1.0 if taken else level, now)
        while len(self._levels) > self._kept:
            self._levels.popitem(last=False)
        return 0.0 if taken else (1.0 - level) / self._rate
