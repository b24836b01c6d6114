"""Apache Kafka as a stream: consumer groups with offsets set by hand, an idempotent producer, transactions.

Opened by `open_stream` for a DataStore of type kafka. Topics are the administrator's: none is made here. Records are
read as committed transactions left them. What the contract calls lag counts offsets, so marks of transactions too.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from forebay_workloads.contract import StoreRef
from forebay_workloads.stores.base import Probe
from forebay_workloads.streams.base import Headers, Polled, Positions
from forebay_workloads.streams.kafka_connection import Connection
from forebay_workloads.streams.kafka_groups import Groups
from forebay_workloads.streams.kafka_member import Member, Revoked
from forebay_workloads.streams.kafka_producer import Outgoing, Sender


class KafkaStream:
    """A connection to one broker. Threads may share it; consuming and committing of one group take turns.

    `on_revoke`, when set, is asked before partitions go to another member of the group: it may finish its work on
    them, and what positions it returns are committed. It runs inside `consume`.
    """

    def __init__(self, ref: StoreRef) -> None:
        self._connection = Connection(ref)
        self.name = ref.name
        self.on_revoke: Revoked | None = None
        self._lock = threading.Lock()
        self._members: dict[str, Member] = {}
        self._groups = Groups(self._connection)
        self._sender = Sender(self._connection)
        self._transactions: dict[str, Sender] = {}
        self._known: set[str] = set()  # topics that were there when something was written to them

    def _revoked(self, places: Sequence[tuple[str, int]]) -> Positions | None:
        return self.on_revoke(places) if self.on_revoke is not None else None

    def _member(self, group: str) -> Member:
        with self._lock:
            if group not in self._members:
                self._members[group] = Member(self._connection, group, self._revoked)
            return self._members[group]

    def _check_topic(self, topic: str) -> None:
        """The client itself would look for a topic that is not there for a long time."""
        if topic not in self._known:
            self._connection.topic(topic)
            self._known.add(topic)

    def probe(self) -> Probe:
        """Names the cluster: brokers tell nobody their version. Raises StoreUnreachable, StoreAuthFailed."""
        seen = self._connection.cluster()
        return Probe(f"Kafka, cluster {seen.cluster_id}", {"brokers": len(seen.nodes)})

    def produce(
        self,
        topic: str,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None] | None = None,
        headers: Sequence[Headers] | None = None,
    ) -> int:
        """Appends all and returns how many; equal keys go to one partition in order.

        A broker that dies in between may keep a part of a call that raised; `transact` leaves all or nothing.
        """
        out = Outgoing.of(topic, values, keys, headers)
        if not values:
            return 0
        self._check_topic(topic)
        return self._sender.send(out)

    def consume(
        self, topics: Sequence[str], group: str, max_records: int, max_wait: float
    ) -> Polled:
        """At most `max_records` after the group's position, waiting at most `max_wait` seconds for the first.

        The first call joins the group, which takes its own time. Partitions may go to other members at any call;
        records of theirs that were not committed are read there again.

        Raises:
            ConfigError: StoreAuthFailed; ReferenceMissing when there is no such topic.
            DataError: TopicChanged, OffsetOutOfRange: the group's position means nothing any more.
            RetryableError: StoreUnreachable, CertificateInvalid.
        """
        return self._member(group).consume(topics, max_records, max_wait)

    def transact(
        self,
        group: str,
        positions: Positions,
        topic: str,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None] | None = None,
        headers: Sequence[Headers] | None = None,
    ) -> int:
        """Appends the records and commits the positions that they were made of, both or neither.

        Returns 0, and nothing was written, when a partition went to another member meanwhile; what is still ours
        comes again with the next poll. Readers that read committed records see each effect once.
        """
        out = Outgoing.of(topic, values, keys, headers)
        member = self._member(group)
        if member.lost(positions):
            member.rewind()
            return 0
        self._check_topic(topic)
        with self._lock:
            sender = self._transactions.setdefault(
                group, Sender(self._connection, f"forebay-{group}")
            )
        fresh = member.fresh(positions)
        try:
            count = sender.transact(out, member.offsets(fresh), member.metadata())
        except Exception:
            member.rewind()  # a commit whose answer was lost may have happened
            raise
        member.committed_elsewhere(fresh)
        return count

    def commit(self, group: str, positions: Positions) -> None:
        """Durable when it returns; never moves a position backwards.

        A position of a partition that went to another member is left to that member.
        """
        if not positions:
            return
        with self._lock:
            member = self._members.get(group)
        if member is None:
            self._groups.commit(group, positions)
        else:
            member.commit(positions)

    def committed(self, group: str, topic: str) -> Positions:
        """What was committed; partitions never committed are absent."""
        return self._groups.committed(group, self._connection.topic(topic).places())

    def lag(self, group: str, topic: str) -> int:
        """Records after the committed position, over all partitions."""
        places = self._connection.topic(topic).places()
        ends, starts = self._connection.ends(places), self._connection.starts(places)
        done = self._groups.committed(group, places)
        return sum(max(0, ends[place] - max(starts[place], done.get(place, 0))) for place in places)

    def close(self) -> None:
        """Leaves all groups and frees connections; may be called twice."""
        with self._lock:
            members, self._members = list(self._members.values()), {}
            senders, self._transactions = list(self._transactions.values()), {}
        for member in members:
            member.close()
        for sender in (self._sender, *senders):
            sender.close()
        self._groups.close()
        self._connection.close()
