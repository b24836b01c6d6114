"""The embedded stream: append-only topics with partitions and consumer groups in one SQLite file.

Opened by `open_stream` for a DataStore of type embedded; it may share the file with the embedded store.
A poll reads without locking anybody out; producing and committing take turns. Members of one group
are not told of each other: one consumer per group, as the positions are the only thing they share.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError
from forebay_workloads.stores.base import Probe
from forebay_workloads.stores.sqlite import Database
from forebay_workloads.streams.base import Headers, Polled, Positions, Record

PARTITIONS = 4  # of a new topic, unless embedded.partitions says otherwise
POLL_SECONDS = 0.02  # between two looks for the first record

SETUP = (
    "CREATE TABLE IF NOT EXISTS _forebay_topics (topic TEXT PRIMARY KEY, partitions INTEGER NOT NULL)",
    """CREATE TABLE IF NOT EXISTS _forebay_records (
        topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
        key BLOB, value BLOB, timestamp INTEGER NOT NULL, headers TEXT,
        PRIMARY KEY (topic, partition, offset)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS _forebay_positions (
        consumer TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
        offset INTEGER NOT NULL, PRIMARY KEY (consumer, topic, partition)) WITHOUT ROWID""",
)


class EmbeddedStream:
    """Topics in a SQLite file; any number of processes may produce, each group consumes on its own."""

    def __init__(self, ref: StoreRef) -> None:
        path = ref.settings.get("path")
        if not isinstance(path, str) or not path:
            raise ConfigError("ReferenceMissing", f"DataStore {ref.name}: embedded.path is not set")
        self.name = ref.name
        self._partitions = int(ref.settings.get("partitions") or PARTITIONS)
        self._database = Database(Path(path), SETUP)
        self._read: dict[tuple[str, str, int], int] = {}  # (group, topic, partition) → next offset

    def probe(self) -> Probe:
        """Opens the file; RetryableError StoreUnreachable, ConfigError StoreAuthFailed."""
        with self._database.write() as connection:
            (version,) = connection.execute("SELECT sqlite_version()").fetchone()
        return Probe(f"SQLite {version}")

    def produce(
        self,
        topic: str,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None] | None = None,
        headers: Sequence[Headers] | None = None,
    ) -> int:
        """Appends all or nothing; returns how many. Equal keys go to one partition in order."""
        keys = [None] * len(values) if keys is None else keys
        extra: Sequence[Headers] = [{}] * len(values) if headers is None else headers
        if not len(values) == len(keys) == len(extra):
            raise ValueError(f"{len(values)} values, {len(keys)} keys, {len(extra)} headers")
        if not values:
            return 0
        now = time.time_ns() // 1_000_000
        with self._database.write() as connection:
            count = self._ensure(connection, topic)
            ends = {number: self._end(connection, topic, number) for number in range(count)}
            rows = []
            for turn, (key, value, header) in enumerate(
                zip(keys, values, extra, strict=True), sum(ends.values())
            ):
                number = self._place(key, turn, count)
                rows.append((topic, number, ends[number], key, value, now, _pack(header)))
                ends[number] += 1
            connection.executemany(
                "INSERT INTO _forebay_records VALUES (?, ?, ?, ?, ?, ?, ?)", rows
            )
        return len(values)

    def _ensure(self, connection: sqlite3.Connection, topic: str) -> int:
        connection.execute(
            "INSERT OR IGNORE INTO _forebay_topics VALUES (?, ?)", (topic, self._partitions)
        )
        return self._count(connection, topic)

    @staticmethod
    def _count(connection: sqlite3.Connection, topic: str) -> int:
        """How many partitions a topic has; 0 when nothing was ever produced to it."""
        row = connection.execute(
            "SELECT partitions FROM _forebay_topics WHERE topic = ?", (topic,)
        ).fetchone()
        return 0 if row is None else int(row[0])

    @staticmethod
    def _end(connection: sqlite3.Connection, topic: str, partition: int) -> int:
        (end,) = connection.execute(
            "SELECT coalesce(max(offset) + 1, 0) FROM _forebay_records"
            " WHERE topic = ? AND partition = ?",
            (topic, partition),
        ).fetchone()
        return int(end)

    @staticmethod
    def _place(key: bytes | None, turn: int, count: int) -> int:
        """The partition of a record: by its key, or in turn."""
        return (turn if key is None else zlib.crc32(key)) % count

    def consume(
        self, topics: Sequence[str], group: str, max_records: int, max_wait: float
    ) -> Polled:
        """At most `max_records` after the group's position, waiting at most `max_wait` seconds.

        The position starts at what was committed and moves with each poll of this object; a new object
        gets again what was not committed.
        """
        end = time.monotonic() + max_wait
        while True:
            polled = self._poll(topics, group, max_records)
            left = end - time.monotonic()
            if polled.records or left <= 0:
                return polled
            time.sleep(min(POLL_SECONDS, left))

    def _poll(self, topics: Sequence[str], group: str, max_records: int) -> Polled:
        records: list[Record] = []
        positions: dict[tuple[str, int], int] = {}
        with self._database.read() as connection:
            for (topic, number), (start, count) in self._shares(
                connection, topics, group, max_records
            ).items():
                found = self._records(connection, topic, number, start, count)
                records += found
                positions[topic, number] = start + len(found)
        self._read |= {(group, *place): offset for place, offset in positions.items()}
        return Polled(records, positions)

    def _shares(
        self, connection: sqlite3.Connection, topics: Sequence[str], group: str, most: int
    ) -> dict[tuple[str, int], tuple[int, int]]:
        """First offset and number of records to read of each partition that has any.

        Each gets an equal part; what the emptier ones leave goes to the others, so that one full
        partition starves nobody and a poll is as full as it can be.
        """
        waiting = []
        for topic in topics:
            for (_, number), done in self._starts(connection, group, topic).items():
                start = max(done, self._read.get((group, topic, number), 0))
                left = self._end(connection, topic, number) - start
                if left > 0:
                    waiting.append((left, (topic, number), start))
        waiting.sort()
        shares = {}
        for index, (left, place, start) in enumerate(waiting):
            count = min(left, -(-most // (len(waiting) - index)))
            most -= count
            if count:
                shares[place] = (start, count)
        return dict(sorted(shares.items()))

    def _starts(
        self, connection: sqlite3.Connection, group: str, topic: str
    ) -> dict[tuple[str, int], int]:
        """The committed position of each partition of a topic, 0 where there is none."""
        done = self._committed(connection, group, topic)
        count = self._count(connection, topic)
        return {(topic, number): done.get((topic, number), 0) for number in range(count)}

    @staticmethod
    def _records(
        connection: sqlite3.Connection, topic: str, partition: int, start: int, limit: int
    ) -> list[Record]:
        rows = connection.execute(
            "SELECT offset, key, value, timestamp, headers FROM _forebay_records"
            " WHERE topic = ? AND partition = ? AND offset >= ? ORDER BY offset LIMIT ?",
            (topic, partition, start, max(0, limit)),
        )
        return [
            Record(topic, partition, offset, key, value, timestamp, _unpack(headers))
            for offset, key, value, timestamp, headers in rows
        ]

    def commit(self, group: str, positions: Positions) -> None:
        """Durable when it returns; never moves a position backwards."""
        rows = [(group, topic, number, offset) for (topic, number), offset in positions.items()]
        if not rows:
            return
        with self._database.write() as connection:
            connection.executemany(
                "INSERT INTO _forebay_positions VALUES (?, ?, ?, ?)"
                " ON CONFLICT (consumer, topic, partition)"
                " DO UPDATE SET offset = max(offset, excluded.offset)",
                rows,
            )

    def committed(self, group: str, topic: str) -> Positions:
        """What was committed; partitions never committed are absent."""
        with self._database.read() as connection:
            return self._committed(connection, group, topic)

    @staticmethod
    def _committed(
        connection: sqlite3.Connection, group: str, topic: str
    ) -> dict[tuple[str, int], int]:
        rows = connection.execute(
            "SELECT partition, offset FROM _forebay_positions WHERE consumer = ? AND topic = ?",
            (group, topic),
        )
        return {(topic, number): offset for number, offset in rows}

    def lag(self, group: str, topic: str) -> int:
        """Records after the committed position, over all partitions."""
        with self._database.read() as connection:
            starts = self._starts(connection, group, topic)
            return sum(
                max(0, self._end(connection, topic, number) - start)
                for (_, number), start in starts.items()
            )

    def close(self) -> None:
        """Closes every thread's connection; may be called twice."""
        self._database.close()


def _pack(headers: Headers) -> str | None:
    if not headers:
        return None
    return json.dumps({name: b64encode(value).decode() for name, value in headers.items()})


def _unpack(text: str | None) -> dict[str, bytes]:
    return {} if text is None else {k: b64decode(v) for k, v in json.loads(text).items()}
