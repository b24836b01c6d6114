"""What a consumer fetched and nobody took yet: in order by partition, shared out so that none starves. Pure, no I/O.

Used by kafka_member.py. The client's own queue is one line for all: a full partition would keep the others waiting.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from forebay_workloads.streams.base import NO_HEADERS, Record

Place = tuple[str, int]
Message = Any
"""The client's message; its own type says that a record may lack topic and offset."""


def record(message: Message) -> Record:
    """The record as the contract has it; of several headers with one name the last."""
    found = message.headers()
    headers = {name: value or b"" for name, value in found} if found else NO_HEADERS
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.key(),
        message.value(),
        message.timestamp()[1],
        headers,
    )


def size(message: Message) -> int:
    """About how much memory it holds."""
    return 200 + len(message.value() or b"") + len(message.key() or b"")


class Waiting:
    """Fetched records by partition."""

    def __init__(self) -> None:
        self._lines: dict[Place, deque[Message]] = {}
        self.count = 0
        self.bytes = 0

    def put(self, message: Message) -> None:
        """The next record of its partition."""
        place = (message.topic(), message.partition())
        self._lines.setdefault(place, deque()).append(message)
        self.count += 1
        self.bytes += size(message)

    def drop(self, places: Iterable[Place]) -> None:
        """These partitions are somebody else's now."""
        for place in places:
            for message in self._lines.pop(place, ()):
                self._left(message)

    def _left(self, message: Message) -> None:
        self.count -= 1
        self.bytes -= size(message)

    def holds(self, place: Place) -> bool:
        """Whether a record of the partition waits."""
        return bool(self._lines.get(place))

    def take(self, most: int) -> list[Record]:
        """At most so many records: an equal part of each partition, what emptier ones leave goes to the others."""
        taken: list[Record] = []
        lines = sorted((len(line), place) for place, line in self._lines.items() if line)
        shares = {}
        for index, (length, place) in enumerate(lines):
            shares[place] = min(length, -(-most // (len(lines) - index)))
            most -= shares[place]
        for place in sorted(shares):
            line = self._lines[place]
            for _ in range(shares[place]):
                message = line.popleft()
                self._left(message)
                taken.append(record(message))
        return taken
