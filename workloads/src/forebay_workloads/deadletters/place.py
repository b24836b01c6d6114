"""The place where an ingest keeps its dead letters: a topic or a table, read whole, marked where one was replayed.

Used by `__main__.py` only. A topic only grows, so the marks are records of it; a table's are a column. Memory
holds the letters' descriptions, and of the letters themselves a poll at a time.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import pyarrow as pa

from forebay_workloads.deadletters.letter import (
    REPLAYED,
    Letter,
    marker_of,
    of_record,
    of_row,
)
from forebay_workloads.errors import ConfigError
from forebay_workloads.ingest.letters import TABLE
from forebay_workloads.stage import Stage
from forebay_workloads.stores.base import Store
from forebay_workloads.stores.checks import all_written
from forebay_workloads.streams.base import Record, Stream

POLL_RECORDS, POLL_SECONDS = 500, 2.0
LAST_SECONDS = 0.05  # the wait of a poll that expects nothing
READ_SECONDS = 30.0  # for the rows of the letters that are marked at once
MISSES = 5  # empty polls until records that are missing, by compaction or age, are given up


class Place(Protocol):
    """All letters of one place, also those of other topics."""

    def letters(self) -> Iterator[Letter]:
        """Each as it was sent; one that a crash sent twice comes twice. No marks."""

    def marks(self) -> dict[str, int]:
        """Id → when it was replayed last, milliseconds since 1970."""

    def mark(self, letters: Sequence[Letter]) -> None:
        """Notes that they were replayed; durable when it returns."""


def place_of(stage: Stage) -> Place:
    """The place that the spec names.

    Raises:
        ConfigError: ReferenceMissing when the ingest has none.
    """
    block = stage.doc.spec.get("ingest") or {}
    letters = (block.get("delivery") or {}).get("deadLetter")
    if not letters:
        raise ConfigError("ReferenceMissing", "ingest.delivery.deadLetter names no place")
    name = (letters.get("storeRef") or block["from"]["storeRef"])["name"]
    if letters.get("table"):
        return TablePlace(stage.store(name), letters["table"])
    return TopicPlace(stage.stream(name), letters["topic"])


class TopicPlace:
    """A dead-letter topic."""

    def __init__(self, stream: Stream, topic: str) -> None:
        self._stream, self._topic = stream, topic

    def _records(self) -> Iterator[Record]:
        """From the start to the end; nothing is committed.

        Marks that a replay adds meanwhile come too, at most one for each letter; more than that is a topic
        that grows faster than it is read, and what came later than the question is no part of the answer.
        """
        group = f"forebay-letters-{uuid.uuid4().hex[:8]}"
        asked = self._stream.lag(group, self._topic)
        read = misses = 0
        while asked and read <= 2 * asked:
            wait = POLL_SECONDS if read < asked else LAST_SECONDS
            polled = self._stream.consume([self._topic], group, POLL_RECORDS, wait)
            misses = 0 if polled.records else misses + 1
            if misses and (read >= asked or misses > MISSES):
                return
            read += len(polled.records)
            yield from polled.records

    def letters(self) -> Iterator[Letter]:
        """In the order of each partition."""
        return (found for one in self._records() if (found := of_record(one)) is not None)

    def marks(self) -> dict[str, int]:
        """From the markers."""
        found: dict[str, int] = {}
        for one in self._records():
            if (mark := marker_of(one)) is not None:
                found[mark[0]] = max(found.get(mark[0], 0), mark[1])
        return found

    def mark(self, letters: Sequence[Letter]) -> None:
        """Appends a marker for each, under the key of its letter."""
        headers = [{REPLAYED: one.id.encode()} for one in letters]
        self._stream.produce(self._topic, [None] * len(letters), [o.key for o in letters], headers)


class TablePlace:
    """A dead-letter table."""

    def __init__(self, store: Store, table: str) -> None:
        self._store, self._table = store, table

    def _rows(self) -> Iterator[dict[str, Any]]:
        try:
            snapshot = self._store.snapshot(self._table)
        except ConfigError as error:
            if error.reason == "ReferenceMissing":  # no letter was ever sent
                return
            raise
        for split in self._store.splits(snapshot, 1):
            for batch in self._store.scan(split, batch_rows=POLL_RECORDS):
                yield from batch.to_pylist()

    def letters(self) -> Iterator[Letter]:
        """In the table's own order."""
        return (replace(of_row(row), replayed_at=None) for row in self._rows())

    def marks(self) -> dict[str, int]:
        """From their column."""
        return {row["id"]: row["replayed_at"] for row in self._rows() if row["replayed_at"]}

    def mark(self, letters: Sequence[Letter]) -> None:
        """Sets their column; the rest of each row stays as it is."""
        now = int(time.time() * 1000)
        found = self._store.get(
            self._table, [{"id": one.id} for one in letters], timeout=READ_SECONDS
        )
        rows = [row | {"replayed_at": now} for row in found if row]
        marked = pa.RecordBatch.from_pylist(rows, TABLE)
        all_written(self._table, self._store.write(self._table, marked, ["id"]))
