"""Keeps a copy below a number of rows per second, so that reading does not hurt a live store. Pure apart from sleep."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP_SECONDS = 0.5  # a batch holds at most the rows of this time, so that the rate is even


class Pace:
    """Sleeps after a batch for as long as it was early. None: no limit."""

    def __init__(
        self,
        rows_per_second: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rows_per_second
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    def batch_rows(self, most: int) -> int:
        """Rows of a batch."""
        return most if self._rate is None else max(1, min(most, int(self._rate * STEP_SECONDS)))

    def took(self, rows: int) -> None:
        """Books rows that were copied, and waits until they are due."""
        if self._rate is None:
            return
        now = self._clock()
        self._free_at = max(self._free_at, now - STEP_SECONDS) + rows / self._rate
        if self._free_at > now:
            self._sleep(self._free_at - now)
