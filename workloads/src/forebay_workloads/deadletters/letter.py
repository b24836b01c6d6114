"""A dead letter as its readers see it, from a record of a topic or a row of a table. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from forebay_workloads.ingest import letters as form
from forebay_workloads.streams.base import Record

PREVIEW = 120  # characters of a record in a list
REPLAYED = "forebay.replayed"  # on a marker in the dead-letter topic: the id of the letter that was replayed
REPLAY_OF = "forebay.replay-of"  # on a replayed record: the id of its letter


@dataclass(frozen=True)
class Letter:
    """One refused record; without `value` where only a list is wanted."""

    topic: str
    partition: int
    offset: int
    reason: str
    message: str
    attempt: int
    timestamp: int  # of the record, milliseconds since 1970
    failed_at: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]  # the record's own
    size: int
    replayed_at: int | None = None

    @property
    def id(self) -> str:
        """The name of the source record."""
        return form.letter_id(self.topic, self.partition, self.offset)

    def light(self) -> Letter:
        """Without what may be large."""
        start = None if self.value is None else self.value[: 4 * PREVIEW]
        return replace(self, value=start, headers={})

    def document(self, *, whole: bool = False) -> dict[str, Any]:
        """As JSON; `whole` adds the record and its headers."""
        text = None if self.value is None else self.value.decode(errors="backslashreplace")
        found: dict[str, Any] = {
            "id": self.id,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "reason": self.reason,
            "message": self.message,
            "attempt": self.attempt,
            "timestamp": self.timestamp,
            "failedAt": self.failed_at,
            "replayedAt": self.replayed_at,
            "bytes": self.size,
            "key": None if self.key is None else self.key.decode(errors="backslashreplace"),
            "record": text if whole or text is None else text[:PREVIEW],
        }
        if whole:
            found["headers"] = {
                name: value.decode(errors="backslashreplace")
                for name, value in self.headers.items()
            }
        return found


def of_record(record: Record) -> Letter | None:
    """The letter that a record of the dead-letter topic is; None when it is none of an ingest of a topic."""
    headers = record.headers
    try:
        return Letter(
            topic=headers[form.TOPIC].decode(),
            partition=int(headers[form.PARTITION]),
            offset=int(headers[form.OFFSET]),
            reason=headers[form.REASON].decode(),
            message=headers[form.MESSAGE].decode(),
            attempt=form.attempt_of(headers),
            timestamp=int(headers[form.TIMESTAMP]),
            failed_at=int(headers[form.FAILED_AT]),
            key=record.key,
            value=record.value,
            headers={n: v for n, v in headers.items() if not n.startswith(form.PREFIX)},
            size=len(record.value or b""),
        )
    except (KeyError, ValueError):
        return None


def marker_of(record: Record) -> tuple[str, int] | None:
    """The id of a letter that was replayed, and when; None when the record is no such marker."""
    name = record.headers.get(REPLAYED)
    return None if name is None else (name.decode(), record.timestamp)


def of_row(row: Mapping[str, Any]) -> Letter:
    """The letter that a row of the dead-letter table is."""
    return Letter(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        reason=row["reason"],
        message=row["message"],
        attempt=row["attempt"],
        timestamp=row["timestamp"],
        failed_at=row["failed_at"],
        key=row["record_key"],
        value=row["record"],
        headers={name: text.encode() for name, text in json.loads(row["headers"]).items()},
        size=len(row["record"] or b""),
        replayed_at=row["replayed_at"],
    )
