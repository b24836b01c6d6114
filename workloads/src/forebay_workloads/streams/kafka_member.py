"""One member of a consumer group: joins, fetches, gives partitions up when others come, commits by hand.

Used by kafka.py, one per group. Partitions move one by one (cooperative-sticky), callbacks run inside `consume`.
A position is committed only for a partition that is this member's, and only forwards.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from forebay_workloads.errors import DataError, StageError
from forebay_workloads.streams import kafka_errors
from forebay_workloads.streams.base import Polled, Positions
from forebay_workloads.streams.kafka_connection import CALL_SECONDS, Connection, Place, Topic
from forebay_workloads.streams.kafka_fair import Message, Waiting
from forebay_workloads.streams.kafka_keeper import Keeper

JOIN_SECONDS = (
    25.0  # until the group has let us in, and each partition has said what it has or a poll is full
)
SILENCE = 20.0  # seconds of lost connections after which the stage ends; the client tries again until then
LOOK_SECONDS = 10.0  # between two looks whether the topics are still the same
FETCHED = 2_000  # records that wait here; the client's own queue holds more
FETCHED_BYTES = 16 << 20
AT_ONCE = 500  # records asked of the client at once
GENERATIONS = 40  # tries of a commit while the group changes around us: about two seconds
SLICE = 0.05  # seconds of one wait: errors and rebalances are seen in between

Revoked = Callable[[Sequence[Place]], Positions | None]
"""Asked before partitions go: may finish its work on them; what it returns is committed."""

OPTIONS: Mapping[str, Any] = {
    "partition.assignment.strategy": "cooperative-sticky",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",  # a group without a position begins at the first record: see _assigned
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
    "session.timeout.ms": 10_000,  # a killed member's partitions go to the others after that
    "heartbeat.interval.ms": 3_000,
    "max.poll.interval.ms": 600_000,  # a batch may take longer: see kafka_keeper
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 32_768,
    "queued.min.messages": 20_000,
    "topic.metadata.refresh.interval.ms": 10_000,
}


class Member:
    """A group's consumer in this process."""

    def __init__(self, connection: Connection, group: str, revoked: Revoked | None) -> None:
        self.group = group
        self._connection = connection
        self._revoked = revoked
        self._causes = kafka_errors.Causes()
        self._lock = threading.RLock()
        self._topics: dict[str, Topic] = {}
        self._looked = 0.0
        self._waiting = Waiting()
        self._joined = False
        self._silent: set[Place] = set()  # assigned, and neither a record nor the end was seen yet
        self._next: dict[Place, int] = {}  # after the last record that was handed out
        self._ends: dict[Place, int] = {}  # where the client said that there is no more
        self._done: dict[Place, int] = {}  # of partitions that are ours: what is committed
        # of a callback: raised when the client's call is over
        self._failed: Exception | None = None
        interval = OPTIONS["max.poll.interval.ms"] / 1000
        self._keeper = Keeper(self._lock, self._kept, interval)
        with connection.speak(f"cannot consume as group {group!r}"):
            self._consumer = Consumer(
                connection.client(self._causes, **OPTIONS, **{"group.id": group})
            )

    # reading

    def consume(self, topics: Sequence[str], most: int, wait: float) -> Polled:
        """The contract's `consume`. Joining the group comes on top of `wait`, at most JOIN_SECONDS."""
        with self._lock:
            self._keeper.back()
            self._subscribe(topics)
            started = time.monotonic()
            ready = started if self._settled() else None
            while True:
                left = 0.0 if ready is None else ready + wait - time.monotonic()
                self._fetch(SLICE if ready is None else max(0.0, min(SLICE, left)))
                ready = time.monotonic() if ready is None and self._settled() else ready
                if ready is None:
                    self._check_joining(started)
                    continue
                if self._waiting.count or time.monotonic() >= ready + wait:
                    polled = self._take(most)
                    self._keeper.given(polled.positions)
                    return polled
                self._check_silence()

    def _subscribe(self, topics: Sequence[str]) -> None:
        """Joins with these topics, or stays."""
        if set(topics) == self._topics.keys():
            self._look()
            return
        found = self._connection.topics(sorted(set(topics)))
        self._looked = time.monotonic()
        self._topics, self._joined = found, False
        with self._connection.speak(f"cannot join group {self.group!r}"):
            self._consumer.subscribe(
                sorted(found), on_assign=self._assigned, on_revoke=self._taken, on_lost=self._lost
            )

    def _look(self) -> None:
        """A topic may be deleted and made again while we read: its partitions go on, with other records."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        found = self._connection.look(sorted(self._topics))
        for name, topic in (found or {}).items():
            self._same(self._topics[name], topic)
        self._topics = found or self._topics

    def _same(self, before: Topic, now: Topic) -> None:
        if before.id != now.id or before.partitions > now.partitions:
            raise self._changed(now, f"it had {before.partitions} partitions and ")

    def _changed(self, topic: Topic, before: str = "") -> DataError:
        message = (
            f"{self._connection.where}: topic {topic.name!r} was deleted and made again: {before}has "
            f"{topic.partitions}; the positions of group {self.group!r} are of the old one. Read the new one "
            "with another group, or set this group's offsets"
        )
        return DataError("TopicChanged", message)

    def _settled(self) -> bool:
        return self._joined and (self._full() or not self._silent)

    def _full(self) -> bool:
        return self._waiting.count >= FETCHED or self._waiting.bytes >= FETCHED_BYTES

    def _check_joining(self, started: float) -> None:
        refusal = self._causes.refusal()
        if refusal is None and time.monotonic() - started < JOIN_SECONDS:
            return
        error = refusal or KafkaError(KafkaError._TIMED_OUT)  # noqa: SLF001 - the client's local code
        raise self._connection.translated(
            error, f"group {self.group!r} does not let us in", self._causes
        )

    def _check_silence(self) -> None:
        error = self._causes.worst(SILENCE)
        if error is not None:
            raise self._connection.translated(error, "connection lost", self._causes)

    def _fetch(self, seconds: float) -> None:
        """Takes over what the client has; waits so long when nothing is there."""
        try:
            if not self._waiting.count and seconds > 0:
                first = self._consumer.poll(seconds)
                messages = [] if first is None else [first]
            elif self._settled():
                messages = self._consumer.consume(1, 0)
            else:  # some partitions have not said what they have: theirs is behind what others have
                messages = self._consumer.consume(AT_ONCE, seconds)
            while messages:
                self._sort(messages)
                messages = [] if self._full() else self._consumer.consume(AT_ONCE, 0)
        except KafkaException as error:
            raise self._connection.translated(error, "cannot consume", self._causes) from error
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed

    def _kept(self) -> None:
        """A poll in place of an owner that is busy; what is wrong is told at its next one."""
        try:
            # not 0: its callbacks may wait, see Keeper.release
            message = self._consumer.poll(SLICE)
            self._sort([] if message is None else [message])
        except KafkaException as error:
            self._fail(error)

    def _sort(self, messages: Sequence[Message]) -> None:
        """Records into their lines; all of them before the first error is raised, or records would be lost."""
        faults = [message for message in messages if message.error() is not None]
        records = messages if not faults else [one for one in messages if one.error() is None]
        seen = self._waiting.put(records, self._done)  # others went away inside the same call
        self._silent -= seen
        if seen:
            self._causes.well()
        for message in faults:
            place, error = (message.topic(), message.partition()), message.error()
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's local code
                self._ends[place] = message.offset()
                self._silent.discard(place)
                self._causes.well()
            elif not kafka_errors.passing(error) and self._failed is None:
                self._failed = self._told(place, error)

    def _told(self, place: Place, error: KafkaError) -> Exception | None:
        topic, number = place
        if error.code() == KafkaError._MAX_POLL_EXCEEDED:  # noqa: SLF001 - it joins again by itself
            return None
        if error.code() in kafka_errors.GONE:
            return self._gone(place)
        if error.code() in kafka_errors.MISSING and topic in self._topics:
            try:
                return self._changed(self._connection.topic(topic))
            except StageError as missing:
                return missing
        what = f"topic {topic!r}, partition {number}" if topic else f"group {self.group!r}"
        return self._connection.translated(error, what, self._causes)

    def _gone(self, place: Place) -> Exception:
        """The position is outside of what the partition holds: by retention, or because it is another topic."""
        topic, number = place
        try:
            now = self._connection.topic(topic)
            self._same(self._topics.get(topic, now), now)
            start = self._connection.starts([place])[place]
            end = self._connection.ends([place])[place]
        except StageError as error:
            return error
        message = (
            f"{self._connection.where}: group {self.group!r} stands at offset {self._next.get(place)} of topic "
            f"{topic!r}, partition {number}, which holds {start} to {end}: records were deleted before they "
            "were read. Set the group's offsets, or read with another group"
        )
        return DataError("OffsetOutOfRange", message)

    def _take(self, most: int) -> Polled:
        records = self._waiting.take(most)
        positions = {one[:2]: one.offset + 1 for one in records}
        for place, end in self._ends.items():  # behind the last record may be marks of transactions
            at = positions.get(place, self._next.get(place, -1))
            if 0 <= at < end and not self._waiting.holds(place):
                positions[place] = end
        self._next |= positions
        return Polled(records, positions)

    # partitions come and go: callbacks of the client, inside its poll

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places = [(one.topic, one.partition) for one in partitions]
        starts = dict.fromkeys(places, OFFSET_BEGINNING)
        try:
            found = self._positions(partitions)
            starts |= {place: at.offset for place, at in found.items()}
            self._check_ids(found)
        except (KafkaException, StageError) as error:
            self._fail(error)
        self._silent.update(places)
        self._joined = True
        for place in places:
            self._done[place] = max(starts[place], -1)
            self._next[place] = max(starts[place], -1)
            self._ends.pop(place, None)
        consumer.incremental_assign([TopicPartition(*place, starts[place]) for place in places])

    def _positions(self, partitions: list[TopicPartition]) -> dict[Place, TopicPartition]:
        """What the group has committed; partitions without a position are absent."""
        if not partitions:
            return {}
        found = self._connection.patiently(
            "cannot read the group's offsets",
            lambda: self._consumer.committed(partitions, timeout=CALL_SECONDS),
            self._causes,
        )
        return {(at.topic, at.partition): at for at in found if at.offset >= 0}

    def _check_ids(self, found: Mapping[Place, TopicPartition]) -> None:
        """A position is worth nothing in a topic that was made anew: the commit says of which it is."""
        for (name, _), at in found.items():
            topic = self._topics.get(name)
            if topic is not None and at.metadata and at.metadata != topic.id:
                raise self._changed(topic, "the new one ")

    def _fail(self, error: Exception) -> None:
        """A callback's error: raising it there would leave the client without an assignment."""
        if isinstance(error, KafkaException):
            error = self._connection.translated(
                error, "cannot read the group's offsets", self._causes
            )
        self._failed = self._failed or error

    def _taken(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places = [(one.topic, one.partition) for one in partitions]
        self._keeper.release(places)
        try:
            finished = self._revoked(places) if self._revoked and places else None
            self.commit({at: end for at, end in (finished or {}).items() if at in places})
        except (KafkaException, StageError) as error:
            self._fail(error)
        self._forget(places)
        consumer.incremental_unassign(partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """They went without a word, as this member was silent for too long: nothing of them can be committed."""
        self._forget([(one.topic, one.partition) for one in partitions])
        consumer.incremental_unassign(partitions)

    def _forget(self, places: Sequence[Place]) -> None:
        self._waiting.drop(places)
        for place in places:
            for known in (self._next, self._ends, self._done):
                known.pop(place, None)
            self._silent.discard(place)

    # committing

    def fresh(self, positions: Positions) -> dict[Place, int]:
        """Of these positions the ones that are ours and go forwards."""
        return {
            place: offset
            for place, offset in positions.items()
            if place in self._done and offset > self._done[place]
        }

    def lost(self, positions: Positions) -> bool:
        """Whether one of them is of a partition that is not ours any more."""
        return any(place not in self._done for place in positions)

    def commit(self, positions: Positions) -> None:
        """Durable when it returns. Positions of partitions that went to others are left to them."""
        with self._lock:
            if fresh := self.fresh(positions):
                self._keeper.run(lambda: self._set(fresh))
            self._keeper.done(positions)

    def _set(self, fresh: dict[Place, int]) -> None:
        what = f"cannot commit for group {self.group!r}"
        for _ in range(GENERATIONS):
            if self._connection.patiently(what, lambda: self._commit(fresh), self._causes):
                self._done |= fresh
                return
            time.sleep(SLICE)

    def _commit(self, fresh: Mapping[Place, int]) -> bool:
        """Whether the group took it; it does not when it gave the partitions away: the next poll tells us so."""
        try:
            answer = self._consumer.commit(offsets=self.offsets(fresh), asynchronous=False)
        except KafkaException as error:
            if kafka_errors.error_of(error).code() in kafka_errors.NOT_OURS:
                return False
            raise
        errors = [at.error for at in answer or () if at.error is not None]
        other = next((one for one in errors if one.code() not in kafka_errors.NOT_OURS), None)
        if other is not None:
            raise KafkaException(other)
        return not errors

    def offsets(self, positions: Positions) -> list[TopicPartition]:
        """As the client takes them; each says of which topic it is."""
        return [
            TopicPartition(topic, number, offset, self._topics[topic].id)
            for (topic, number), offset in positions.items()
        ]

    def committed_elsewhere(self, positions: Positions) -> None:
        """A transaction has committed them."""
        with self._lock:
            self._done |= positions
            self._keeper.done(positions)

    def metadata(self) -> Any:
        """Who this member is, for a transaction."""
        with self._lock:
            return self._keeper.run(self._consumer.consumer_group_metadata)

    def rewind(self) -> None:
        """What was handed out and not committed comes again; the group says what, as an answer may be lost."""
        with self._lock, self._connection.speak("cannot go back"):
            ours = [TopicPartition(*place) for place in self._done]
            found = self._keeper.run(lambda: self._positions(ours))
            self._done |= {at: one.offset for at, one in found.items() if at in self._done}
            places = list(self._done)
            self._waiting.drop(places)
            self._silent.update(places)
            for place in places:
                self._next[place] = self._done[place]
                self._ends.pop(place, None)
                start = self._done[place] if self._done[place] >= 0 else OFFSET_BEGINNING
                self._consumer.seek(TopicPartition(*place, start))

    def close(self) -> None:
        """Leaves the group, so that others go on at once."""
        with self._lock:
            self._keeper.end()
            self._consumer.close()
        self._keeper.close()
