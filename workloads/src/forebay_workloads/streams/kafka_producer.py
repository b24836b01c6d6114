"""Producers of one broker: an idempotent one, and one with transactions for each group that needs them.

Used by kafka.py. Everything here waits for the brokers' acknowledgement; what they refuse is raised.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from forebay_workloads.errors import RetryableError
from forebay_workloads.streams import kafka_errors
from forebay_workloads.streams.base import Headers
from forebay_workloads.streams.kafka_connection import Connection

SEND_SECONDS = 20.0  # until all of a call is acknowledged
TRANSACTION_SECONDS = 20.0  # for one step of a transaction
ABANDONED_MS = 30_000  # after that the broker aborts the transaction of a killed producer
OPTIONS = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 5,
    "compression.type": "lz4",
    "partitioner": "murmur2_random",  # equal keys go where Java's producers put them
    "delivery.timeout.ms": int(SEND_SECONDS * 1000),
    "message.max.bytes": 10 << 20,  # the topic's own limit decides
    "topic.metadata.propagation.max.ms": 5_000,
    "allow.auto.create.topics": False,
}


@dataclass(frozen=True)
class Outgoing:
    """Records for one topic."""

    topic: str
    values: Sequence[bytes | None]
    keys: Sequence[bytes | None]
    headers: Sequence[Headers]

    @classmethod
    def of(
        cls,
        topic: str,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None] | None,
        headers: Sequence[Headers] | None,
    ) -> Outgoing:
        """ValueError when there are not equally many."""
        keys = [None] * len(values) if keys is None else keys
        extra: Sequence[Headers] = [{}] * len(values) if headers is None else headers
        if not len(values) == len(keys) == len(extra):
            raise ValueError(f"{len(values)} values, {len(keys)} keys, {len(extra)} headers")
        return cls(topic, values, keys, extra)


@dataclass
class _Reports:
    """What became of the records of one call."""

    delivered: int = 0
    error: KafkaError | None = field(default=None)

    def __call__(self, error: KafkaError | None, _: Any) -> None:
        if error is None:
            self.delivered += 1
        elif self.error is None or self.error.code() == KafkaError._PURGE_QUEUE:  # noqa: SLF001
            self.error = error


class Sender:
    """One producer of the client's. Calls take turns."""

    def __init__(self, connection: Connection, transactional: str | None = None) -> None:
        self._connection = connection
        self._causes = kafka_errors.Causes()
        self._lock = threading.Lock()
        self._transactional = transactional
        self._producer: Producer | None = None

    def _open(self) -> Producer:
        if self._producer is None:
            more: dict[str, Any] = dict(OPTIONS)
            if self._transactional:
                # Each process is another: the group's generation fences off those that lost their partitions.
                more["transactional.id"] = f"{self._transactional}-{uuid.uuid4().hex[:12]}"
                more["transaction.timeout.ms"] = ABANDONED_MS
            self._producer = Producer(self._connection.client(self._causes, **more))
            if self._transactional:
                self._producer.init_transactions(TRANSACTION_SECONDS)
        return self._producer

    def _drop(self) -> None:
        self._producer = None

    def send(self, out: Outgoing) -> int:
        """Appends all; raises when one of them was not acknowledged, then others may be there."""
        with self._lock:
            try:
                self._send(self._open(), out)
            except KafkaException as error:
                self._drop()  # what waits in it must not be sent after we said that it was not
                raise self._told(error, f"cannot write to topic {out.topic!r}") from error
        return len(out.values)

    def _send(self, producer: Producer, out: Outgoing) -> None:
        reports = _Reports()
        end = time.monotonic() + SEND_SECONDS
        for value, key, headers in zip(out.values, out.keys, out.headers, strict=True):
            self._put(producer, out.topic, value, key, headers, reports, end)
        while reports.delivered < len(out.values):
            producer.poll(0.05)
            if reports.error is not None:
                raise KafkaException(reports.error)
            refusal = self._causes.refusal()
            if refusal is not None or time.monotonic() > end:
                raise KafkaException(refusal or KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001
        self._causes.well()

    @staticmethod
    def _put(
        producer: Producer,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        headers: Headers,
        reports: _Reports,
        end: float,
    ) -> None:
        while True:
            try:
                producer.produce(
                    topic, value, key, headers=list(headers.items()), on_delivery=reports
                )
            except BufferError:  # the client's queue is full
                producer.poll(0.05)
                if reports.error is not None or time.monotonic() > end:
                    error = reports.error or KafkaError(KafkaError._QUEUE_FULL)  # noqa: SLF001
                    raise KafkaException(error) from None
            else:
                producer.poll(0)
                return

    def transact(self, out: Outgoing, offsets: Sequence[Any], member: Any) -> int:
        """Records and offsets in one transaction: both or neither."""
        with self._lock:
            what = f"the transaction on topic {out.topic!r}"
            try:
                producer = self._open()
                producer.begin_transaction()
            except KafkaException as error:
                self._drop()
                raise self._told(error, what) from error
            try:
                self._send(producer, out)
                self._step(
                    lambda: producer.send_offsets_to_transaction(
                        list(offsets), member, TRANSACTION_SECONDS
                    )
                )
                self._step(lambda: producer.commit_transaction(TRANSACTION_SECONDS))
            except KafkaException as error:
                self._abort(producer)
                raise self._told(error, what) from error
        return len(out.values)

    @staticmethod
    def _step(call: Any) -> None:
        """A step may be repeated as long as the client says so."""
        end = time.monotonic() + TRANSACTION_SECONDS
        while True:
            try:
                call()
            except KafkaException as error:
                if not kafka_errors.error_of(error).retriable() or time.monotonic() > end:
                    raise
                time.sleep(0.1)
            else:
                return

    def _abort(self, producer: Producer) -> None:
        """Aborts, and leaves the producer: its next records could be thrown out with the aborted ones.

        One that cannot even abort is left to the broker, which does it for it.
        """
        with contextlib.suppress(KafkaException):
            producer.abort_transaction(TRANSACTION_SECONDS)
        self._drop()

    def _told(self, error: KafkaException, what: str) -> Exception:
        inner = kafka_errors.error_of(error)
        if inner.fatal() or inner.code() in _FENCED:
            text = f"{self._connection.where}: {what}: {inner.str()}"
            return RetryableError("StoreUnreachable", text)
        return self._connection.translated(error, what, self._causes)

    def close(self) -> None:
        """Every call has waited for its records, so nothing is left to send."""
        with self._lock:
            self._drop()


_FENCED = {
    KafkaError._FENCED,  # noqa: SLF001
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.ILLEGAL_GENERATION,
}
