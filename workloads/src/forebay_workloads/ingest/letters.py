"""Dead letters: a refused record as it came, with where it came from and why it was refused in its headers.

`ingest.loop` sends them, `forebay_workloads.deadletters` reads them. The id names the source record, so the
same letter twice, after a crash between sending and committing, is one letter to every reader.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from forebay_workloads.stores.base import Store
from forebay_workloads.stores.checks import all_written
from forebay_workloads.streams.base import Record, Stream

PREFIX = "forebay."
TOPIC, PARTITION, OFFSET = "forebay.topic", "forebay.partition", "forebay.offset"
REASON, MESSAGE = "forebay.reason", "forebay.message"
ATTEMPT = "forebay.attempt"  # on a letter and on a replayed record: how often it was tried, from 1
TIMESTAMP = "forebay.timestamp"  # of the source record, milliseconds since 1970
FAILED_AT = "forebay.failed-at"  # when it was refused, milliseconds since 1970
GROUP = "forebay.group"
MESSAGE_LIMIT = 1024  # characters

TABLE = pa.schema(
    [
        ("id", pa.string()),
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("attempt", pa.int32()),
        ("timestamp", pa.int64()),
        ("failed_at", pa.int64()),
        ("record_key", pa.binary()),
        ("record", pa.binary()),
        ("headers", pa.string()),  # the record's own, as JSON; what is no UTF-8 is escaped
        ("replayed_at", pa.int64()),  # when it was put back, milliseconds since 1970
    ]
)


@dataclass(frozen=True)
class Refused:
    """A record and why it cannot become a row."""

    record: Record
    reason: str
    message: str

    @property
    def place(self) -> tuple[str, int]:
        """Its topic and partition."""
        return self.record.topic, self.record.partition


def letter_id(topic: str, partition: int, offset: int) -> str:
    """The name of a source record."""
    return f"{topic}/{partition}/{offset}"


def attempt_of(headers: Mapping[str, bytes]) -> int:
    """How often a record was tried, this time included; nonsense in the header counts as the first."""
    text = headers.get(ATTEMPT, b"1")
    return max(1, int(text)) if text.isdigit() and len(text) < 10 else 1  # noqa: PLR2004 - digits of an int32


def own_headers(record: Record) -> dict[str, bytes]:
    """Those that the producer gave it."""
    return {name: value for name, value in record.headers.items() if not name.startswith(PREFIX)}


def letter_headers(refused: Refused, group: str, now_ms: int) -> dict[str, bytes]:
    """The record's own headers and what a reader of letters needs."""
    record = refused.record
    ours = {
        TOPIC: record.topic,
        PARTITION: record.partition,
        OFFSET: record.offset,
        REASON: refused.reason,
        MESSAGE: refused.message[:MESSAGE_LIMIT],
        ATTEMPT: attempt_of(record.headers),
        TIMESTAMP: record.timestamp,
        FAILED_AT: now_ms,
        GROUP: group,
    }
    return own_headers(record) | {name: str(value).encode() for name, value in ours.items()}


class Letters(Protocol):
    """A place for refused records."""

    def put(self, refused: Sequence[Refused]) -> None:
        """Durable when it returns; a StageError says that nothing may be committed."""


class TopicLetters:
    """A dead-letter topic."""

    def __init__(self, stream: Stream, topic: str, group: str, clock: Callable[[], float]) -> None:
        self._stream, self._topic, self._group, self._clock = stream, topic, group, clock

    def put(self, refused: Sequence[Refused]) -> None:
        """Appends all or nothing, under the records' own keys."""
        now = int(self._clock() * 1000)
        self._stream.produce(
            self._topic,
            [one.record.value for one in refused],
            [one.record.key for one in refused],
            [letter_headers(one, self._group, now) for one in refused],
        )


class TableLetters:
    """A dead-letter table, upserted by the letter's id."""

    def __init__(self, store: Store, table: str, clock: Callable[[], float]) -> None:
        self._store, self._table, self._clock = store, table, clock

    def put(self, refused: Sequence[Refused]) -> None:
        """Writes all; DataError SchemaMismatch when the table refuses one."""
        self._store.ensure_table(self._table, TABLE, ["id"])
        now = int(self._clock() * 1000)
        rows = pa.RecordBatch.from_pylist([_row(one, now) for one in refused], TABLE)
        all_written(self._table, self._store.write(self._table, rows, ["id"]))


def _row(refused: Refused, now_ms: int) -> dict[str, Any]:
    record = refused.record
    return {
        "id": letter_id(record.topic, record.partition, record.offset),
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "reason": refused.reason,
        "message": refused.message[:MESSAGE_LIMIT],
        "attempt": attempt_of(record.headers),
        "timestamp": record.timestamp,
        "failed_at": now_ms,
        "record_key": record.key,
        "record": record.value,
        "headers": json.dumps(
            {
                name: value.decode(errors="backslashreplace")
                for name, value in own_headers(record).items()
            }
        ),
        "replayed_at": None,
    }
