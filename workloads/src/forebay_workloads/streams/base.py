"""The stream contract: append-only topics read by position, committed after the effect.

Adapters: embedded.py (SQLite), kafka.py. The conformance suite (tests/contract) is the specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

import pyarrow as pa

from forebay_workloads.stores.base import Probe

Headers = Mapping[str, bytes]
NO_HEADERS: Headers = MappingProxyType({})


class Record(NamedTuple):
    """One record; `key` and `value` may be None (a None value is a tombstone). A tuple: millions are made."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int  # milliseconds since 1970, UTC
    headers: Headers = NO_HEADERS


Positions = Mapping[tuple[str, int], int]
"""(topic, partition) → the next offset to read."""


@dataclass(frozen=True)
class Polled:
    """Records of one poll and the positions that a commit after their effect would set."""

    records: Sequence[Record]
    positions: Positions


class Stream(Protocol):
    """A consumer and producer on one broker. `group` names the committed positions."""

    def probe(self) -> Probe:
        """Reaches the broker with its credentials; RetryableError StoreUnreachable, ConfigError StoreAuthFailed."""

    def produce(
        self,
        topic: str,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None] | None = None,
        headers: Sequence[Headers] | None = None,
    ) -> int:
        """Appends all or nothing; returns how many. Equal keys go to one partition in order."""

    def consume(
        self, topics: Sequence[str], group: str, max_records: int, max_wait: float
    ) -> Polled:
        """At most `max_records` after the group's position, waiting at most `max_wait` seconds for the first."""

    def commit(self, group: str, positions: Positions) -> None:
        """Durable when it returns; never moves a position backwards."""

    def committed(self, group: str, topic: str) -> Positions:
        """What was committed; partitions never committed are absent."""

    def lag(self, group: str, topic: str) -> int:
        """Records after the committed position, over all partitions."""

    def close(self) -> None:
        """Frees connections; may be called twice."""


def batch_of(polled: Polled) -> pa.RecordBatch:
    """The records as Arrow: topic, partition, offset, key, value, timestamp (ms, UTC)."""
    rows = polled.records
    return pa.record_batch(
        {
            "topic": pa.array([r.topic for r in rows], pa.string()),
            "partition": pa.array([r.partition for r in rows], pa.int32()),
            "offset": pa.array([r.offset for r in rows], pa.int64()),
            "key": pa.array([r.key for r in rows], pa.binary()),
            "value": pa.array([r.value for r in rows], pa.binary()),
            "timestamp": pa.array([r.timestamp for r in rows], pa.timestamp("ms", "UTC")),
        }
    )
