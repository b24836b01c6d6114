"""How many records the next poll may bring: neither large ones nor a slow store make a batch that never ends. Pure.

Used by `ingest.loop` only.
"""

from __future__ import annotations

from collections.abc import Sequence

from forebay_workloads.streams.base import Record

BYTES = 32 << 20  # of the values of one poll; rows and columns made of them are a few times that
FIRST, MOST = 64, 5_000  # records: before any was seen, and ever
SECONDS = 30.0  # of a batch: a slow store gets smaller ones


class Room:
    """Starts small, doubles while records are small, falls at once when they are large."""

    def __init__(self, budget: int = BYTES, most: int = MOST) -> None:
        self._budget, self.most = budget, most
        self._next = min(FIRST, most)
        self._timely = most  # what the store takes in SECONDS

    def records(self, limit: int) -> int:
        """Most records of the next poll."""
        return max(1, min(self._next, self._timely, limit))

    def took(self, records: int, seconds: float) -> None:
        """Learns from a batch that is done. After a failure it starts small again, as the time was spent waiting."""
        self._timely = max(1, min(self.most, int(records * SECONDS / max(seconds, 1e-3))))

    def saw(self, records: Sequence[Record]) -> None:
        """Learns from a poll; its largest record decides, as the next ones may all be like it."""
        if not records:
            return
        largest = max(len(r.value or b"") + len(r.key or b"") for r in records)
        fitting = self._budget // max(1, largest)
        self._next = max(1, min(self.most, fitting, self._next * 2))
