"""What a consumer fetched and nobody took yet: in order by partition, shared out so that none starves. Pure, no I/O.

Used by kafka_member.py. The client's own queue is one line for all: a full partition would keep the others waiting.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Container, Iterable
from typing import Any

from forebay_workloads.streams.base import NO_HEADERS, Record

Place = tuple[str, int]
Message = Any
"""The client's message; its own type says that a record may lack topic and offset."""


def record(message: Message) -> Record:
    """The record as the contract has it; of several headers with one name the last."""
    found = message.headers()
    headers = {name: value or b"" for name, value in found} if found else NO_HEADERS
    fields = (
        message.topic(),
        message.partition(),
        message.offset(),
        message.key(),
        message.value(),
        message.timestamp()[1],
        headers,
    )
    return tuple.__new__(Record, fields)  # what Record() does, in half of its time


def size(one: Record) -> int:
    """About how much memory it holds."""
    return 200 + len(one.value or b"") + len(one.key or b"")


class Waiting:
    """Fetched records by partition."""

    def __init__(self) -> None:
        self._lines: dict[Place, deque[Record]] = {}
        self.count = 0
        self.bytes = 0

    def put(self, messages: Iterable[Message], ours: Container[Place]) -> set[Place]:
        """The next records of partitions that are ours, and which partitions these are."""
        found: dict[Place, list[Record]] = {}
        for message in messages:
            one = record(message)
            found.setdefault(one[:2], []).append(one)
        seen = {place for place in found if place in ours}
        for place in seen:
            self._lines.setdefault(place, deque()).extend(found[place])
            self._counted(found[place], 1)
        return seen

    def _counted(self, records: Collection[Record], sign: int) -> None:
        self.count += sign * len(records)
        self.bytes += sign * sum(map(size, records))

    def drop(self, places: Iterable[Place]) -> None:
        """These partitions are somebody else's now."""
        for place in places:
            self._counted(self._lines.pop(place, ()), -1)

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
            taken += [line.popleft() for _ in range(shares[place])]
        self._counted(taken, -1)
        return taken
