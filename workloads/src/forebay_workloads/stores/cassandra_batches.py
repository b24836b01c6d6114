"""Which rows share a request: those of one node, as many as a server takes without a warning in its log.

Used by `cassandra_write.py`. A request costs client and server many times what a row in it does. A batch goes to a
node that holds all its rows, so they travel no further than they would alone. Pure but for `Owners`, which looks at
the driver's view of the ring.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from forebay_workloads.stores.cassandra_codecs import Encoded
from forebay_workloads.stores.cassandra_connection import Connection

BATCH_ROWS = 100  # of one partition: a single change to the server, which it does not measure
BATCH_BYTES = 32 << 10
SHARED_PARTITIONS = 10  # of several: unlogged_batch_across_partitions_warn_threshold
SHARED_BYTES = 5 << 10  # batch_size_warn_threshold; ten times as much is refused
ROW_BYTES = 60  # that the server counts for each row beside its values: its key's place, times
CELL_BYTES = 20  # and for each value: its time and lifetime

Batch = tuple[list[int], Any]  # rows, and the node that holds them


class Owners:
    """The first replica of a partition in our data centre; None where the driver does not know."""

    def __init__(self, connection: Connection) -> None:
        self._keyspace, self._datacenter = connection.keyspace, connection.datacenter
        self._tokens = connection.cluster.metadata.token_map
        self._ring = [token.value for token in self._tokens.ring] if self._tokens else []
        self._hosts: dict[int, Any] = {}

    def of(self, key: bytes) -> Any:
        """`key` is the partition's, as `partitions` makes it."""
        if not self._ring:
            return None
        place = bisect_left(self._ring, self._tokens.token_class.hash_fn(key)) % len(self._ring)
        if place not in self._hosts:
            self._hosts[place] = self._first(self._tokens.ring[place])
        return self._hosts[place]

    def _first(self, token: Any) -> Any:
        replicas = self._tokens.get_replicas(self._keyspace, token)
        return next((host for host in replicas if host.datacenter == self._datacenter), None)


def partitions(
    columns: Sequence[Encoded], rows: Sequence[int], key: Sequence[int]
) -> dict[bytes, list[int]]:
    """The rows of each partition, by what the server hashes: its column, or several with their lengths."""
    found: dict[bytes, list[int]] = {}
    if len(key) == 1:
        only = columns[key[0]]
        for row in rows:
            found.setdefault(only[row], []).append(row)
        return found
    for row in rows:
        parts = (columns[index][row] for index in key)
        name = b"".join(struct.pack(">H", len(part)) + part + b"\0" for part in parts)
        found.setdefault(name, []).append(row)
    return found


@dataclass
class _Shared:
    """A node's batch that is being filled."""

    rows: list[int] = field(default_factory=list)
    partitions: int = 0
    size: int = 0

    def takes(self, size: int) -> bool:
        return not self.partitions or (
            self.partitions < SHARED_PARTITIONS and self.size + size <= SHARED_BYTES
        )


def batches(
    found: Mapping[bytes, list[int]], sizes: Sequence[int], owner: Callable[[bytes], Any]
) -> Iterator[Batch]:
    """All rows; partitions whose node is not known share no batch."""
    filling: dict[Any, _Shared] = {}
    for key, rows in found.items():
        host = owner(key)
        for piece in _pieces(rows, sizes):
            if host is None:
                yield piece, None
                continue
            size = sum(sizes[row] for row in piece)
            shared = filling.setdefault(host, _Shared())
            if not shared.takes(size):
                yield shared.rows, host
                shared = filling[host] = _Shared()
            shared.rows += piece
            shared.partitions += 1
            shared.size += size
    for host, shared in filling.items():
        yield shared.rows, host


def _pieces(rows: list[int], sizes: Sequence[int]) -> Iterator[list[int]]:
    """Rows of one partition within the limits of one request."""
    some: list[int] = []
    size = 0
    for row in rows:
        if some and (len(some) == BATCH_ROWS or size + sizes[row] > BATCH_BYTES):
            yield some
            some, size = [], 0
        some.append(row)
        size += sizes[row]
    yield some


def sizes_of(columns: Sequence[Encoded]) -> list[int]:
    """About what each row weighs in a batch, as the server counts it."""
    total = np.full(len(columns[0]), ROW_BYTES + CELL_BYTES * len(columns), np.int64)
    for column in columns:
        total += np.array(lengths(column), np.int64)
    return list(total.tolist())


def lengths(column: Encoded) -> list[int]:
    """Of each value; nulls and values that were refused have none."""
    if set(map(type, column)) == {bytes}:
        return list(map(len, column))
    return [len(one) if isinstance(one, bytes) else 0 for one in column]
