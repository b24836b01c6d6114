"""Stops a flood of dead letters: where every record is refused, the producer or the table is wrong.

Used by `ingest.loop` only. Pure. It opens after many refused records without one that fits; then a few are
tried now and then, and the first that fits closes it. Nothing is dropped: what is not polled stays in the topic.
"""

from __future__ import annotations

from collections.abc import Sequence

from forebay_workloads.errors import DataError
from forebay_workloads.ingest.letters import Refused

THRESHOLD = 5_000  # refused records in a row
TRIED = 100  # records of a try
PAUSE = 30.0  # seconds between two tries


class Circuit:
    """Counts what was refused since the last record that fitted."""

    def __init__(self) -> None:
        self._refused = 0
        self._last: Refused | None = None

    def saw(self, fitted: int, refused: Sequence[Refused]) -> None:
        """Takes note of a batch."""
        if fitted:
            self._refused = 0
        elif refused:
            self._refused += len(refused)
            self._last = refused[-1]

    @property
    def open(self) -> DataError | None:
        """Why only a few records are tried; None while all are."""
        if self._refused < THRESHOLD or self._last is None:
            return None
        text = (
            f"the last {self._refused:,} records were all refused, the newest at offset "
            f"{self._last.record.offset} of partition {self._last.record.partition}: {self._last.message}; "
            f"{TRIED} are tried every {PAUSE:.0f} s until one fits"
        )
        return DataError("SchemaMismatch", text)
