"""Pauses between two tries at something that is down: growing, random in part, ended by a wish to stop.

Used by the parts of `ingest` that never give up. Pure apart from waiting.
"""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST, MOST = 0.1, 30.0  # seconds


class Backoff:
    """One row of failures; `wait` is `Event.wait`: true when it is time to stop."""

    def __init__(
        self, wait: Callable[[float], bool], first: float = FIRST, most: float = MOST
    ) -> None:
        self._wait = wait
        self._first, self._most = first, most
        self.failures = 0

    @property
    def seconds(self) -> float:
        """The next pause before chance shortens it."""
        return min(self._most, self._first * 2.0 ** min(self.failures, 30))

    def pause(self) -> bool:
        """Waits after a failure; true when it is time to stop."""
        seconds = self.seconds * random.uniform(0.5, 1.0)
        self.failures += 1
        return self._wait(seconds)

    def reset(self) -> None:
        """After a success."""
        self.failures = 0
