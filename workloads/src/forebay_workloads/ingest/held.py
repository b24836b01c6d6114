"""Partitions that stand still because a record of theirs can be put nowhere: no row, and no dead letter either.

Used by `ingest.loop` only. Nothing of a held partition is committed and what is polled of it is dropped, so it
goes on exactly where it stopped when its letters can be delivered. The other partitions go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from forebay_workloads.errors import StageError
from forebay_workloads.ingest.backoff import FIRST, MOST
from forebay_workloads.ingest.letters import Letters, Refused

Place = tuple[str, int]


@dataclass
class Hold:
    """One partition: what has to be delivered before its position may move on."""

    letters: Sequence[Refused]
    position: int  # to commit after that
    error: StageError
    due: float  # of the next try
    pause: float = FIRST

    @property
    def text(self) -> str:
        """What an operator of the system has to know."""
        first = self.letters[0]
        where = f"partition {first.record.partition} of {first.record.topic}"
        return (
            f"{where} stands at offset {first.record.offset}: {self.error.message} "
            f"(the record: {first.message})"
        )


class Held:
    """All of them."""

    def __init__(self, letters: Letters | None, clock: Callable[[], float]) -> None:
        self._letters = letters
        self._clock = clock
        self._holds: dict[Place, Hold] = {}

    def __contains__(self, place: object) -> bool:
        return place in self._holds

    def __len__(self) -> int:
        return len(self._holds)

    @property
    def first(self) -> Hold | None:
        """The one that has waited longest."""
        return next(iter(self._holds.values()), None)

    def add(
        self, place: Place, letters: Sequence[Refused], position: int, error: StageError
    ) -> None:
        """Stops a partition."""
        self._holds[place] = Hold(letters, position, error, self._clock() + FIRST)

    def delivered(self) -> Mapping[Place, Hold]:
        """Tries again what is due; those whose position may be committed now."""
        free: dict[Place, Hold] = {}
        if self._letters is None:
            return free
        for place, hold in self._holds.items():
            if self._clock() < hold.due:
                continue
            try:
                self._letters.put(hold.letters)
            except StageError as error:
                hold.error = error
                hold.pause = min(MOST, hold.pause * 2)
                hold.due = self._clock() + hold.pause
            else:
                free[place] = hold
        for place in free:
            del self._holds[place]
        return free

    def forget(self) -> None:
        """After a new start of the consumer everything uncommitted comes again."""
        self._holds.clear()
