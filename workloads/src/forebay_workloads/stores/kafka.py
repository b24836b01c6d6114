"""A topic read as a table: its records as they lie there, from pinned first to pinned last offset. Read only.

Opened by `open_store` for a DataStore of type kafka; what consumes a topic opens the stream instead. Values are not
decoded here. Nothing is committed, and no group is joined.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Literal, NoReturn, Self

import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError, StageError
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import (
    BATCH_ROWS,
    BlobInfo,
    Capabilities,
    Probe,
    Row,
    Snapshot,
    Split,
    WriteReport,
)
from forebay_workloads.stores.kafka_ranges import Range, cut
from forebay_workloads.streams import kafka_errors
from forebay_workloads.streams.base import Polled, batch_of
from forebay_workloads.streams.kafka_connection import Connection, Topic
from forebay_workloads.streams.kafka_fair import record, size

SCHEMA = batch_of(Polled([], {})).schema
AT_ONCE = 1_000  # records asked of the client at once
BATCH_BYTES = 16 << 20
WAIT = 0.2  # seconds of one wait
SILENCE = 25.0  # seconds without a word of the broker after which the scan ends
OPTIONS = {
    "group.id": "forebay-scan",  # the client wants a name; nothing is ever committed under it
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
    "queued.max.messages.kbytes": 32_768,
}


class KafkaStore:
    """Topics as tables. The pin is each partition's first and last offset, and the topic's id.

    It is Pinned where the broker only drops old records (then SnapshotExpired); a topic that is compacted keeps the
    newest record of a key, so its pin is a Horizon.
    """

    capabilities = Capabilities(tables=False, blobs=False, snapshot="Pinned")

    def __init__(self, ref: StoreRef) -> None:
        self.name = ref.name
        self._connection = Connection(ref)

    def probe(self) -> Probe:
        """Names the cluster: brokers tell nobody their version."""
        seen = self._connection.cluster()
        return Probe(f"Kafka, cluster {seen.cluster_id}", {"brokers": len(seen.nodes)})

    def schema(self, table: str) -> pa.Schema:
        """The same for every topic: topic, partition, offset, key, value, timestamp."""
        self._connection.topic(table)
        return SCHEMA

    def snapshot(self, table: str) -> Snapshot:
        """First and last offset of each partition, now."""
        topic = self._connection.topic(table)
        starts = self._connection.starts(topic.places())
        ends = self._connection.ends(topic.places())
        ranges = [[place[1], starts[place], max(starts[place], ends[place])] for place in starts]
        strength: Literal["Pinned", "Horizon"] = (
            "Horizon" if self._connection.compacted(table) else "Pinned"
        )
        return Snapshot(table, strength, at={"id": topic.id, "ranges": sorted(ranges)})

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Ranges of offsets, about equally long; a partition may be cut."""
        parts = cut([Range(*one) for one in snapshot.at["ranges"]], count)
        return [
            Split(snapshot, index, len(parts), {"ranges": [list(one) for one in part]})
            for index, part in enumerate(parts)
        ]

    def scan(
        self, split: Split, columns: Sequence[str] | None = None, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """The part's records, partition by partition, by offset."""
        wanted = checks.selected(split.snapshot.table, SCHEMA, columns).names
        ranges = [Range(*one) for one in split.at["ranges"]]
        if not ranges:
            return
        self._check(split.snapshot)
        reader = _Reader(self._connection, split.snapshot.table)
        try:
            for one in ranges:
                for batch in reader.read(one, batch_rows):
                    yield batch.select(wanted)
        finally:
            reader.close()
        self._check(split.snapshot)  # else the last records may be those of another topic

    def _check(self, snapshot: Snapshot) -> Topic:
        try:
            topic = self._connection.topic(snapshot.table)
        except ConfigError as error:
            if error.reason != "ReferenceMissing":
                raise
            raise checks.expired(f"topic {snapshot.table!r}", "it was deleted") from error
        if topic.id != snapshot.at["id"]:
            raise checks.expired(f"topic {snapshot.table!r}", "it was deleted and made again")
        return topic

    # a topic takes records, not rows

    def _refuse(self, what: str) -> NoReturn:
        message = f"DataStore {self.name}: a broker has no {what}; name a topic, or another store"
        raise ConfigError("FieldNotSupportedInMode", message)

    def ensure_table(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """ConfigError FieldNotSupportedInMode, as all that follow."""
        self._refuse(
            f"tables to write, so no {table!r} with key {list(key)}, {len(schema)} columns"
        )

    def write(
        self,
        table: str,
        batch: pa.RecordBatch,  # noqa: ARG002 - the contract's
        key: Sequence[str],  # noqa: ARG002
        *,
        merge: bool = False,  # noqa: ARG002
        ttl: float | None = None,  # noqa: ARG002
    ) -> WriteReport:
        """Refused."""
        self._refuse(f"tables to write, so no {table!r}")

    def get(
        self,
        table: str,
        keys: Sequence[Row],  # noqa: ARG002 - the contract's
        columns: Sequence[str] | None = None,  # noqa: ARG002
        timeout: float = 1.0,  # noqa: ARG002
    ) -> list[dict[str, Any] | None]:
        """Refused."""
        self._refuse(f"rows to look up in {table!r}")

    def put_blob(self, key: str, source: BinaryIO) -> BlobInfo:  # noqa: ARG002 - the contract's
        """Refused."""
        self._refuse(f"blobs, so no {key!r}")

    def open_blob(self, key: str) -> BinaryIO:
        """Refused."""
        self._refuse(f"blobs, so no {key!r}")

    def list_blobs(self, prefix: str) -> list[BlobInfo]:
        """Refused."""
        self._refuse(f"blobs, so none with {prefix!r}")

    def delete_blob(self, key: str) -> None:
        """Refused."""
        self._refuse(f"blobs, so no {key!r}")

    def close(self) -> None:
        """Frees connections; may be called twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Reader:
    """A client that reads ranges of one topic, one after the other."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self._connection, self._topic = connection, topic
        self._causes = kafka_errors.Causes()
        with connection.speak(f"cannot read topic {topic!r}"):
            self._consumer = Consumer(connection.client(self._causes, **OPTIONS))

    def read(self, span: Range, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """Its records in batches."""
        place = TopicPartition(self._topic, span.partition, span.start)
        with self._connection.speak(f"cannot read topic {self._topic!r}"):
            self._consumer.assign([place])
        held: list[Any] = []
        weight = 0
        for message in self._messages(span, min(AT_ONCE, batch_rows)):
            held.append(record(message))
            weight += size(held[-1])
            if len(held) >= batch_rows or weight >= BATCH_BYTES:
                yield batch_of(Polled(held, {}))
                held, weight = [], 0
        if held:
            yield batch_of(Polled(held, {}))

    def _messages(self, span: Range, most: int) -> Iterator[Any]:
        """Until the last offset of the range was passed: by a record, or by the word that there is no more."""
        heard = time.monotonic()
        while True:
            with self._connection.speak(f"cannot read topic {self._topic!r}"):
                found: list[Any] = self._consumer.consume(most, WAIT)
            for message in found:
                heard = time.monotonic()
                if message.error() is None and message.offset() < span.end:
                    yield message
                if self._passed(message, span):
                    return
            refusal = self._causes.refusal()
            if refusal is not None or time.monotonic() - heard > SILENCE:
                raise self._told(refusal or KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001

    def _passed(self, message: Any, span: Range) -> bool:
        """Whether nothing of the range can follow."""
        error = message.error()
        if error is None:
            return bool(message.offset() >= span.end - 1)
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's local code
            return bool(message.offset() >= span.end)
        if error.code() in kafka_errors.GONE | kafka_errors.MISSING:
            why = f"records of partition {span.partition}, {span.start} to {span.end}, were deleted"
            raise checks.expired(f"topic {self._topic!r}", why)
        if not kafka_errors.passing(error):
            raise self._told(error)
        return False

    def _told(self, error: KafkaError) -> StageError:
        what = f"cannot read topic {self._topic!r}"
        return self._connection.translated(KafkaException(error), what, self._causes)

    def close(self) -> None:
        """Frees the connection."""
        self._consumer.close()
