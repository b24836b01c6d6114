"""The loop of an ingest of a topic: poll, write, letter, commit, in this order and no other.

Used by `ingest.stream` only. A kill between any two steps repeats them: rows are upserts, letters have the
record's place as their name, and the position moves last. Memory holds one poll. SIGTERM ends the loop after
the batch in hand; while a store is down it ends at once, with nothing committed.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from forebay_workloads.errors import DataError, RetryableError, StageError
from forebay_workloads.ingest import circuit
from forebay_workloads.ingest.backoff import Backoff
from forebay_workloads.ingest.circuit import Circuit
from forebay_workloads.ingest.feed import Feed
from forebay_workloads.ingest.held import Held, Place
from forebay_workloads.ingest.letters import Letters, Refused
from forebay_workloads.ingest.meter import Meter
from forebay_workloads.ingest.pace import Pace
from forebay_workloads.ingest.room import Room
from forebay_workloads.ingest.sink import Sink, Taken
from forebay_workloads.ingest.vitals import Vitals
from forebay_workloads.recipes.base import Preempted
from forebay_workloads.stage import Stage
from forebay_workloads.streams.base import Polled, Record, Stream

POLL_SECONDS = 0.5  # a poll's longest wait, so that a wish to stop is heard
EMPTY_POLLS = 30  # in a row while records are left: another member of the group has them
TRIES = 8  # of a batch at a store or broker that is away: about 20 seconds
MEETING = 10.0  # seconds, for a broker that never answered: its address may be wrong
LOOK_SECONDS = 2.0  # between two questions for the lag
THROTTLED = "StoreThrottled"
QUIET_SECONDS = 60.0  # between two lines of the log about one trouble


class Loop:
    """One consumer. `open_stream` makes a new one of the same group after trouble."""

    def __init__(
        self,
        stage: Stage,
        feed: Feed,
        open_stream: Callable[[], Stream],
        letters: Letters | None,
        *,
        to_the_end: bool = False,
        meter: Meter | None = None,
        vitals: Vitals | None = None,
    ) -> None:
        self._stage, self._feed, self._open = stage, feed, open_stream
        self._letters = letters
        self._to_the_end = (
            to_the_end  # a batch ends when nothing is left, and fails where a partition stands
        )
        self._stream: Stream | None = None
        self._held = Held(letters, time.monotonic)
        self._sink = Sink(feed, self._rest, self._stumbled, TRIES if to_the_end else None)
        self._pace = Pace(feed.rows_per_second, sleep=self._held_back)
        self._room = Room()
        self._looked = -LOOK_SECONDS
        self._said: dict[str, float] = {}
        self._met, self._began = False, time.monotonic()  # whether the broker ever answered
        self._empty = 0  # polls in a row
        self._circuit = Circuit()
        self.meter = meter or Meter(stage.doc.stage, time.monotonic, time.time)
        self.vitals = vitals or Vitals()

    def run(self) -> Meter:
        """Runs until it is asked to stop, or to the end of the topic."""
        backoff = Backoff(self._rest)
        try:
            while not self._stage.stopping.is_set():
                try:
                    ended = self._turn()
                except RetryableError as error:  # the broker's: the sink waits for its store itself
                    self._stumbled(error)
                    if self._to_the_end and (self._sink.gave_up or self._tired(backoff)):
                        raise  # a Job has retries and pauses of its own
                    self._reopen()
                    backoff.pause()
                    continue
                if backoff.failures:
                    backoff.reset()
                    self._say(None)
                self.vitals.well()
                self.meter.paused = self._circuit.open is not None
                if ended:
                    break
        except Preempted:
            self._stage.log(
                "ingest: stopped while a store was away; nothing of its batch is committed"
            )
        finally:
            self._reopen()
            self._report()
        return self.meter

    def _tired(self, backoff: Backoff) -> bool:
        """Whether a batch leaves what stays away to the retries of its Job."""
        late = not self._met and time.monotonic() - self._began > MEETING
        return late or backoff.failures >= TRIES

    def _turn(self) -> bool:
        """One poll and all that follows from it; true at the end of the topic."""
        self._go_on()
        stream = self._consumer()
        most = min(self._patience(), self._room.records(self._pace.batch_rows(self._room.most)))
        polled = stream.consume([self._feed.topic], self._feed.group, most, POLL_SECONDS)
        self._met = True
        self._room.saw(polled.records)
        self._take(stream, polled)
        self._look(stream)
        self._report()
        self._empty = 0 if polled.records else self._empty + 1
        return self._to_the_end and self._nothing_left()

    def _nothing_left(self) -> bool:
        """Whether the topic is read to its end; records that never come here are no end."""
        if self._empty > EMPTY_POLLS and self.meter.lag:
            feed = self._feed
            message = (
                f"topic {feed.topic!r}: {self.meter.lag:,} records of group {feed.group!r} are left and none "
                "comes: another consumer of the group has their partitions. Stop it, or name another group"
            )
            raise RetryableError("StoreUnreachable", message)
        return self._empty > 0 and self.meter.lag == 0

    def _patience(self) -> int:
        """Waits where everything is refused; most records of the next poll."""
        problem = None if self._to_the_end else self._circuit.open
        if problem is None:
            return self._room.most
        self._say(problem)
        self._rest(circuit.PAUSE)
        return circuit.TRIED

    def _rest(self, seconds: float) -> bool:
        """Waits on purpose; true when it is time to stop."""
        began = time.monotonic()
        stopped = self._stage.stopping.wait(seconds)
        if THROTTLED in (self.vitals.trouble, self._sink.waits_for):
            self.meter.throttled += time.monotonic() - began
        self.vitals.step()
        return stopped

    def _held_back(self, seconds: float) -> None:
        """Waits for a limit of ours."""
        time.sleep(seconds)
        self.meter.throttled += seconds

    def _consumer(self) -> Stream:
        if self._stream is None:
            self._stream = self._open()
        return self._stream

    def _reopen(self) -> None:
        """Everything after the committed positions comes again from the next consumer."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._held.forget()

    def _go_on(self) -> None:
        """Partitions whose letters are delivered at last go on where they stopped."""
        delivered = self._held.delivered()
        if delivered:
            self.meter.dead += sum(len(one.letters) for one in delivered.values())
            positions = {place: hold.position for place, hold in delivered.items()}
            self._consumer().commit(self._feed.group, positions)
            self._reopen()
            self._say(None)

    def _take(self, stream: Stream, polled: Polled) -> None:
        started = time.monotonic()
        records = [r for r in polled.records if (r.topic, r.partition) not in self._held]
        positions = {
            place: offset for place, offset in polled.positions.items() if place not in self._held
        }
        if not records:  # behind the last record there may be marks of transactions
            stream.commit(self._feed.group, positions)
            return
        self.vitals.step()
        taken = self._sink.take(records)
        stopped = self._deliver(taken.refused, positions)
        done = {place: offset for place, offset in positions.items() if place not in stopped}
        stream.commit(self._feed.group, done)
        seconds = time.monotonic() - started
        self._room.took(len(records), seconds)
        self._book(records, taken, stopped, seconds)
        was = self._circuit.open
        self._circuit.saw(taken.written, taken.refused)
        if was is not None and self._circuit.open is None:
            self._say(None)
        self._pace.took(len(records))

    def _book(
        self, records: Sequence[Record], taken: Taken, stopped: set[Place], seconds: float
    ) -> None:
        """Counts what is committed; a partition that stands is counted when it comes again."""
        read = sum((r.topic, r.partition) not in stopped for r in records)
        dead = sum(one.place not in stopped for one in taken.refused)
        self.meter.dead += dead
        self.meter.tombstones += taken.tombstones
        self.meter.drift.add(taken.drift)
        passed_over = len(records) - taken.written - len(taken.refused)
        self.meter.committed(read, max(0, read - dead - passed_over), seconds)

    def _deliver(self, refused: Sequence[Refused], positions: dict[Place, int]) -> set[Place]:
        """Sends dead letters; the partitions of those that could not be sent."""
        if not refused:
            return set()
        by_place: dict[Place, list[Refused]] = defaultdict(list)
        for one in refused:
            by_place[one.place].append(one)
        if self._letters is not None and self._sent(list(refused)) is None:
            return set()
        stopped = set()
        for place, letters in by_place.items():  # one that is too large must not stop the others
            error = self._sent(letters)
            if error is not None:
                stopped.add(place)
                self._stop(place, letters, positions[place], error)
        return stopped

    def _sent(self, letters: list[Refused]) -> StageError | None:
        """None when they are delivered, else why not."""
        if self._letters is None:
            text = "it becomes no row, and ingest.delivery.deadLetter names no place for it"
            return DataError(letters[0].reason, text)
        backoff = Backoff(self._rest)
        while True:
            try:
                self._letters.put(letters)
            except StageError as error:
                passing = isinstance(error, RetryableError)
                if not passing or backoff.failures + 1 >= self._feed.attempts or backoff.pause():
                    return error
            else:
                return None

    def _stop(self, place: Place, letters: list[Refused], position: int, error: StageError) -> None:
        self._held.add(place, letters, position, error)
        hold = self._held.first
        if hold is not None:
            self._say(DataError(hold.error.reason, hold.text))
        if self._to_the_end:
            raise DataError(error.reason, self._held.first.text if self._held.first else "")

    def _stumbled(self, error: StageError | None) -> None:
        """A try at a store or broker failed, or with None: they are well again."""
        self.meter.paused = error is not None
        if error is None:
            self.vitals.well()
        else:
            self.meter.troubles[error.reason] += 1
            self.vitals.failed(error.reason)
        self._say(error)

    def _say(self, error: StageError | None) -> None:
        """Takes note of trouble, and of its end; the log has a line a minute about it."""
        self.meter.problem = error
        if error is None:
            hold = self._held.first
            self.meter.problem = DataError(hold.error.reason, hold.text) if hold else None
            return
        now = time.monotonic()
        if now - self._said.get(error.reason, -QUIET_SECONDS) >= QUIET_SECONDS:
            self._said[error.reason] = now
            self._stage.log(f"ingest waits: {error}")
        self._report()

    def _look(self, stream: Stream) -> None:
        now = time.monotonic()
        if self._to_the_end or now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self.meter.lag = stream.lag(self._feed.group, self._feed.topic)

    def _report(self) -> None:
        self.meter.held = len(self._held)
        self._stage.progress(self.meter.progress())
