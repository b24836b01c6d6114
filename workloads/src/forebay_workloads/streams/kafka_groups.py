"""Positions of groups as seen from outside: read by anybody, set where a group has no member.

Used by kafka.py. Each group has a client of its own that never joins. The administrator's calls for the same are
avoided: the client library crashes in them when a coordinator moves, and waits for one that was restarted for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from forebay_workloads.streams import kafka_errors
from forebay_workloads.streams.kafka_connection import CALL_SECONDS, Connection, Place

OPTIONS: Mapping[str, Any] = {
    "enable.auto.commit": False,
    "isolation.level": "read_committed",  # offsets of a transaction that is being committed are waited for
    "allow.auto.create.topics": False,
}


class Groups:
    """The positions of all groups of one broker."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._clients: dict[str, tuple[Consumer, kafka_errors.Causes]] = {}

    def _client(self, group: str) -> tuple[Consumer, kafka_errors.Causes]:
        with self._lock:
            if group not in self._clients:
                causes = kafka_errors.Causes()
                with self._connection.speak(f"cannot look at group {group!r}"):
                    made = Consumer(
                        self._connection.client(causes, **OPTIONS, **{"group.id": group})
                    )
                self._clients[group] = (made, causes)
            return self._clients[group]

    def committed(self, group: str, places: Iterable[Place]) -> dict[Place, int]:
        """The group's positions; partitions never committed are absent."""
        wanted = [TopicPartition(*place) for place in places]
        client, causes = self._client(group)

        def ask() -> dict[Place, int]:
            try:
                found = client.committed(wanted, timeout=CALL_SECONDS) if wanted else []
            finally:
                client.poll(0)  # tells the causes of failed connections
            return {(at.topic, at.partition): at.offset for at in found if at.offset >= 0}

        return self._connection.patiently(
            f"cannot read the offsets of group {group!r}", ask, causes
        )

    def commit(self, group: str, positions: Mapping[Place, int]) -> None:
        """Sets positions of a group that has no member; never backwards."""
        topics = self._connection.topics(sorted({topic for topic, _ in positions}))
        done = self.committed(group, positions)
        fresh = {at: offset for at, offset in positions.items() if offset > done.get(at, -1)}
        if not fresh:
            return
        offsets = [
            TopicPartition(topic, number, offset, topics[topic].id)
            for (topic, number), offset in fresh.items()
        ]
        client, causes = self._client(group)

        def ask() -> None:
            for at in client.commit(offsets=offsets, asynchronous=False) or ():
                if at.error is not None:
                    raise KafkaException(at.error)

        self._connection.patiently(f"cannot commit for group {group!r}", ask, causes)

    def close(self) -> None:
        """Frees connections; may be called twice."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client, _ in clients:
            client.close()
