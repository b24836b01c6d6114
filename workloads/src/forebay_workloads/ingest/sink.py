"""Puts the records of a batch into the table, whatever it takes: refits after a change, waits while the store is down.

Used by `ingest.loop` only. It returns when each record is a row of the store or named as refused, and never
decides that a store is down for good: nothing is committed meanwhile, so nothing can be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from forebay_workloads.errors import ConfigError, DataError, RetryableError, StageError, cut
from forebay_workloads.ingest.backoff import Backoff
from forebay_workloads.ingest.drift import (
    DEAD_LETTER,
    IGNORE,
    MISMATCH,
    UNREADABLE,
    Drift,
    settle,
    table_schema,
)
from forebay_workloads.ingest.feed import PLACE, Feed
from forebay_workloads.ingest.letters import Refused
from forebay_workloads.recipes.base import Preempted
from forebay_workloads.stores.base import RowError
from forebay_workloads.streams.base import Record

PASSING = (
    "StoreUnreachable",
    "StoreThrottled",
    "DeadlineExceeded",
)  # reasons of a row to try again


@dataclass(frozen=True)
class Taken:
    """What became of a batch."""

    written: int
    refused: Sequence[Refused]
    tombstones: int
    drift: Drift

    def plus(self, other: Taken) -> Taken:
        """Of both."""
        self.drift.add(other.drift)
        refused = [*self.refused, *other.refused]
        written, tombstones = self.written + other.written, self.tombstones + other.tombstones
        return Taken(written, refused, tombstones, self.drift)


class Sink:
    """The table of a feed."""

    def __init__(
        self,
        feed: Feed,
        wait: Callable[[float], bool],
        say: Callable[[StageError | None], None],
        tries: int | None = None,
    ) -> None:
        self._feed = feed
        self._wait = wait
        self._say = say  # told of each failure, and with None that it is over
        self._tries = tries  # at a batch, before its error is raised; None: for ever
        self.gave_up = False
        self.waits_for: str | None = None  # while rows are tried again: the reason of the first
        self._table: pa.Schema | None = None

    def take(self, records: Sequence[Record]) -> Taken:
        """Each record is in the store or refused when it returns.

        Raises Preempted when it was asked to stop before, and what the store says where tries are limited.
        """
        backoff = Backoff(self._wait)
        while True:
            try:
                taken = self._whatever(records)
            except StageError as error:
                self._table = None  # it may have changed: the next try fits the records anew
                self._say(error)
                if self._tries is not None and backoff.failures >= self._limit(error):
                    self.gave_up = True
                    raise
                if backoff.pause():
                    raise Preempted from error
            else:
                if backoff.failures:
                    self._say(None)
                return taken

    def _limit(self, error: StageError) -> int:
        """A wrong spec or a changed table is looked at once more, as the table is read anew then."""
        return (self._tries or 0) if isinstance(error, RetryableError) else 1

    def _whatever(self, records: Sequence[Record]) -> Taken:
        """A record that makes codec or adapter fail as nobody thought of is found and refused.

        Else it would end the process, again and again.
        """
        try:
            return self._once(records)
        except (StageError, Preempted, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - see above
            if len(records) == 1:
                text = f"{type(error).__name__}: {cut(error)}"
                return Taken(0, [Refused(records[0], UNREADABLE, text)], 0, Drift())
        half = len(records) // 2
        return self._whatever(records[:half]).plus(self._whatever(records[half:]))

    def _once(self, records: Sequence[Record]) -> Taken:
        feed = self._feed
        small = [r for r in records if len(r.value or b"") <= feed.most_bytes]
        large = [r for r in records if len(r.value or b"") > feed.most_bytes]
        refused = [Refused(one, MISMATCH, self._too_large(one)) for one in large]
        values = [record.value for record in small]
        table = self._columns(values)
        settled = settle(feed.codec, values, table, self._needed, feed.policy)
        refused += [Refused(small[r.place], r.reason, r.message) for r in settled.refused]
        rows = [small[place] for place in settled.places]
        if rows:
            if settled.wider(table) and not self._widened(settled.batch, rows):
                return self._once_as_it_is(records)
            refused += self._write(settled.batch, rows)
        passed_over = settled.tombstones if feed.policy.tombstone == IGNORE else 0
        refused.sort(key=lambda one: (one.place, one.record.offset))
        written = len(records) - len(refused) - passed_over
        return Taken(written, refused, settled.tombstones, settled.drift)

    def _too_large(self, record: Record) -> str:
        size = len(record.value or b"")
        return f"{size:,} bytes, ingest.delivery.maxRecordBytes is {self._feed.most_bytes:,}"

    @property
    def _needed(self) -> list[str]:
        """Columns that a record must bring."""
        return [] if self._feed.numbered else self._feed.key

    def _columns(self, values: Sequence[bytes | None]) -> pa.Schema:
        """The table's columns less those we add; a missing table is made when the first row is there."""
        if self._table is None:
            try:
                self._table = self._feed.target.schema(self._feed.table)
            except ConfigError as error:
                if error.reason != "ReferenceMissing":
                    raise
                self._table = self._made(values)
        if self._table is None:  # no record can be a row yet: the table waits for one that can
            return pa.schema([pa.field(name, pa.string()) for name in self._feed.key])
        ours = PLACE if self._feed.numbered else ()
        return pa.schema([one for one in self._table if one.name not in ours])

    def _made(self, values: Sequence[bytes | None]) -> pa.Schema | None:
        columns = table_schema(self._feed.codec, values)
        if columns is None or not set(self._needed) <= set(columns.names):
            return None
        if self._feed.numbered:
            place = [pa.field(PLACE[0], pa.int32()), pa.field(PLACE[1], pa.int64())]
            columns = pa.schema([*place, *columns])
        self._feed.target.ensure_table(self._feed.table, columns, self._feed.key)
        return self._feed.target.schema(self._feed.table)

    def _widened(self, batch: pa.RecordBatch, rows: Sequence[Record]) -> bool:
        """New fields become columns by a merge; the write that follows replaces rows as every write does.

        False when the store cannot hold such a field, whatever it is: a name, or one too many.
        """
        feed = self._feed
        try:
            whole = self._placed(batch, rows)
            feed.target.write(feed.table, whole, feed.key, merge=True, ttl=feed.ttl)
        except (ConfigError, DataError) as error:
            if error.reason != MISMATCH:
                raise
            return False
        finally:
            self._table = None
        return True

    def _once_as_it_is(self, records: Sequence[Record]) -> Taken:
        """With the table's present columns; records with other fields are refused."""
        wished = self._feed
        self._feed = replace(wished, policy=replace(wished.policy, new_field=DEAD_LETTER))
        try:
            return self._once(records)
        finally:
            self._feed = wished

    def _write(self, batch: pa.RecordBatch, rows: Sequence[Record]) -> list[Refused]:
        """Writes rows; those refused for a passing cause again, `attempts` times in all."""
        feed, batch = self._feed, self._placed(batch, rows)
        backoff = Backoff(self._wait)
        final: list[Refused] = []
        for attempt in range(1, feed.attempts + 1):
            report = feed.target.write(feed.table, batch, feed.key, ttl=feed.ttl)
            again = [e for e in report.errors if e.reason in PASSING]
            last = attempt == feed.attempts
            final += [_refused(rows, e) for e in report.errors if last or e.reason not in PASSING]
            if not again or last:
                break
            self.waits_for = again[0].reason
            if backoff.pause():
                raise Preempted
            self.waits_for = None
            batch = batch.take(pa.array([error.index for error in again], pa.int64()))
            rows = [rows[error.index] for error in again]
        return final

    def _placed(self, batch: pa.RecordBatch, rows: Sequence[Record]) -> pa.RecordBatch:
        """With the record's place as columns, where that is the key."""
        if not self._feed.numbered:
            return batch
        place = [
            pa.array([row.partition for row in rows], pa.int32()),
            pa.array([row.offset for row in rows], pa.int64()),
        ]
        return pa.RecordBatch.from_arrays([*place, *batch.columns], [*PLACE, *batch.schema.names])


def _refused(rows: Sequence[Record], error: RowError) -> Refused:
    return Refused(rows[error.index], error.reason, error.message)
