"""Stores, brokers and dead-letter places that fail: nothing is lost, nothing is dropped in silence."""

from __future__ import annotations

import threading

import pyarrow as pa
import pytest

from forebay_workloads import ingest as package
from forebay_workloads.errors import DataError, RetryableError
from forebay_workloads.ingest import circuit, held
from forebay_workloads.ingest import loop as looping
from forebay_workloads.stores.base import RowError, WriteReport
from forebay_workloads.streams import open_stream
from forebay_workloads.streams.base import Polled

from .topics import Wrapped, ingest, letters, loop, produce, rows


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(looping, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(held, "FIRST", 0.0)


class Refusing(Wrapped):
    """A store that refuses some rows, as servers do."""

    reason = "SchemaMismatch"
    times = 10**9

    def write(self, table, batch, key, **more):
        bad = [i for i, v in enumerate(batch.column("id").to_pylist()) if v % 300 == 299]
        if self.times <= 0:
            bad = []
        self.times -= 1
        good = [i for i in range(batch.num_rows) if i not in bad]
        self.inner.write(table, batch.take(pa.array(good, pa.int64())), key, **more)
        return WriteReport(len(good), [RowError(i, {}, self.reason, "no room") for i in bad])


def test_F46_three_refused_rows_of_a_thousand_have_letters_and_the_others_are_kept(tmp_path):
    with ingest(tmp_path) as stage:
        produce(stage, *({"id": i} for i in range(1000)))
        meter = loop(stage, target=Refusing).run()
        assert (meter.written, meter.dead, meter.lag) == (997, 3, 0)
        assert len(rows(stage)) == 997
        assert {headers["forebay.message"] for _, headers in letters(stage)} == {"no room"}


def test_rows_refused_for_a_passing_cause_are_tried_again(tmp_path):
    class Throttled(Refusing):
        reason = "StoreThrottled"
        times = 2

    with ingest(tmp_path) as stage:
        produce(stage, *({"id": i} for i in range(1000)))
        meter = loop(stage, target=Throttled).run()
        assert (meter.written, meter.dead) == (1000, 0)
    with ingest(tmp_path, delivery={"maxAttempts": 2, "deadLetter": {"topic": "tx.dlq"}}) as stage:
        Throttled.times = 10**9
        produce(stage, *({"id": i} for i in range(300)))
        meter = loop(stage, target=Throttled).run()
        assert (meter.written, meter.dead) == (299, 1)


def test_F49_a_store_that_is_down_is_waited_for_and_nothing_is_committed_meanwhile(tmp_path):
    class Down(Wrapped):
        left = 3

        def write(self, *args, **more):
            if self.left:
                Down.left -= 1
                raise RetryableError("StoreUnreachable", "down")
            return self.inner.write(*args, **more)

    with ingest(tmp_path) as stage:
        produce(stage, {"id": 1}, b"rubbish")
        seen = []
        stage.progress = lambda progress: seen.append(
            (progress.reason, progress.metrics.get("last_commit"))
        )
        meter = loop(stage, target=Down).run()
        assert (meter.written, meter.dead, meter.problem) == (1, 1, None)
    assert ("StoreUnreachable", None) in seen
    assert seen[-1][0] is None


@pytest.mark.parametrize("kind", [RetryableError, DataError])
def test_a_batch_leaves_a_store_that_stays_away_to_the_retries_of_its_job(
    tmp_path, monkeypatch, kind
):
    monkeypatch.setattr(looping, "TRIES", 2)
    writes = []

    class Down(Wrapped):
        def write(self, *_args, **_more):
            writes.append(1)
            raise kind("StoreUnreachable", "down")

    with ingest(tmp_path) as stage:
        produce(stage, {"id": 1})
        with pytest.raises(kind, match="down"):
            loop(stage, target=Down).run()
        assert stage.stream("bus").lag("default.payments", "tx") == 1
    assert len(writes) == (3 if kind is RetryableError else 2)


def test_a_batch_leaves_a_broker_that_stays_away_to_the_retries_of_its_job(tmp_path, monkeypatch):
    monkeypatch.setattr(looping, "TRIES", 2)

    class Away(Wrapped):
        def consume(self, *_args):
            raise RetryableError("StoreUnreachable", "broker away")

    with ingest(tmp_path) as stage, pytest.raises(RetryableError, match="broker away"):
        loop(stage, stream=lambda: Away(open_stream(stage.ref("bus")))).run()


class Elsewhere(Wrapped):
    """A stream of whose partitions another member of the group has all."""

    def consume(self, *_):
        return Polled([], {})


def test_records_that_another_consumer_of_the_group_holds_are_no_end_of_the_topic(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(looping, "TRIES", 1)
    with ingest(tmp_path) as stage:
        produce(stage, {"id": 1}, {"id": 2})
        with pytest.raises(
            RetryableError, match=r"2 records of group 'default\.payments'"
        ) as raised:
            loop(stage, stream=lambda: Elsewhere(open_stream(stage.ref("bus")))).run()
        assert "name another group" in str(raised.value)


class Marked(Wrapped):
    """A stream that ends with a mark of a transaction: a place without a record."""

    def consume(self, topics, group, most, wait):
        polled = self.inner.consume(topics, group, most, wait)
        if polled.records:
            last = max(polled.records, key=lambda one: one.offset)
            self.end = {(last.topic, last.partition): last.offset + 1}
            kept = [one for one in polled.records if one is not last]
            before = {**polled.positions, (last.topic, last.partition): last.offset}
            return Polled(kept, before)
        return Polled([], self.end)


def test_a_place_without_a_record_at_the_end_is_passed(tmp_path):
    with ingest(tmp_path) as stage:
        produce(stage, {"id": 1}, {"id": 2}, {"id": 3}, key=b"k")
        meter = loop(stage, stream=lambda: Marked(open_stream(stage.ref("bus")))).run()
        assert (meter.written, meter.lag) == (2, 0)


def test_a_stop_while_the_store_is_down_leaves_at_once_and_commits_nothing(tmp_path):
    class Down(Wrapped):
        def write(self, *_args, **_more):
            stop.set()
            raise RetryableError("StoreUnreachable", "down")

    with ingest(tmp_path) as stage:
        stop = stage.stopping
        produce(stage, {"id": 1})
        assert loop(stage, target=Down).run().read == 0
        assert stage.stream("bus").lag("default.payments", "tx") == 1


def test_F47_a_table_that_changed_its_types_is_looked_at_again(tmp_path):
    class Changing(Wrapped):
        asked = 0

        def schema(self, table):
            Changing.asked += 1
            return self.inner.schema(table)

        def write(self, *args, **more):
            if Changing.asked < 2:
                raise DataError("SchemaMismatch", "expected int64, actual text")
            return self.inner.write(*args, **more)

    with ingest(tmp_path) as stage:
        stage.store("local").ensure_table("tx", pa.schema([("id", pa.int64())]), ["id"])
        produce(stage, {"id": 1})
        assert loop(stage, target=Changing).run().written == 1


def test_a_record_that_breaks_the_adapter_has_a_letter_and_the_others_are_kept(tmp_path):
    class Brittle(Wrapped):
        def write(self, table, batch, key, **more):
            if 77 in batch.column("id").to_pylist():
                raise ZeroDivisionError("a mistake of the adapter")
            return self.inner.write(table, batch, key, **more)

    with ingest(tmp_path) as stage:
        produce(stage, *({"id": i} for i in range(300)))
        meter = loop(stage, target=Brittle).run()
        assert (meter.written, meter.dead) == (299, 1)
        ((value, headers),) = letters(stage)
        assert value == b'{"id": 77}'
        assert headers["forebay.message"] == "ZeroDivisionError: a mistake of the adapter"


class Boxes:
    """A place for letters that refuses while it is shut."""

    def __init__(self, error):
        self.error, self.got = error, []

    def put(self, refused):
        if self.error is not None:
            raise self.error
        self.got += [(one.record.partition, one.record.offset) for one in refused]


def partitions(stage):
    return {p: o for (_, p), o in stage.stream("bus").committed("default.payments", "tx").items()}


def start(stage, **parts):
    """A loop of mode stream in a thread."""
    made = loop(stage, **parts)
    made._to_the_end = False
    thread = threading.Thread(target=made.run)
    thread.start()
    return made, thread


def until(condition):
    end = threading.Event()
    for _ in range(3000):
        if condition():
            return
        end.wait(0.01)
    raise AssertionError("it did not happen in time")


def test_F34_a_dead_letter_topic_that_refuses_stops_that_partition_only_and_drops_nothing(tmp_path):
    box = Boxes(DataError("StoreAuthFailed", "not allowed to write tx.dlq"))
    with ingest(tmp_path, mode="stream") as stage:
        produce(stage, {"id": 1}, b"rubbish", {"id": 2}, key=b"bad")
        produce(stage, *({"id": i} for i in range(10, 20)), key=b"good")
        (bad,) = {
            r.partition
            for r in stage.stream("bus").consume(["tx"], "x", 99, 0.1).records
            if r.key == b"bad"
        }
        made, thread = start(stage, place=box)
        until(lambda: made.meter.problem is not None and len(partitions(stage)) == 1)
        assert bad not in partitions(stage)
        assert made.meter.problem.reason == "StoreAuthFailed"
        assert f"partition {bad} of tx stands at offset 1" in made.meter.problem.message
        produce(stage, {"id": 3}, key=b"bad")
        produce(stage, {"id": 21}, key=b"good")
        until(lambda: {21} <= {row["id"] for row in rows(stage)})
        assert bad not in partitions(stage)
        box.error = None
        until(lambda: stage.stream("bus").lag("default.payments", "tx") == 0)
        until(lambda: made.meter.problem is None)
        stage.stopping.set()
        thread.join()
        assert box.got == [(bad, 1)]
        assert {row["id"] for row in rows(stage)} == {1, 2, 3, *range(10, 20), 21}


def test_without_a_place_for_letters_the_partition_stands_and_a_batch_fails(tmp_path):
    with ingest(tmp_path, delivery={}) as stage:
        produce(stage, {"id": 1}, b"rubbish", key=b"k")
        with pytest.raises(DataError, match=r"offset 1: .*deadLetter names no place") as caught:
            package.run(stage)
        assert caught.value.reason == "Unreadable"
        assert stage.stream("bus").lag("default.payments", "tx") == 2


def test_F35_where_everything_is_refused_few_are_tried_until_one_fits(tmp_path, monkeypatch):
    monkeypatch.setattr(circuit, "THRESHOLD", 300)
    monkeypatch.setattr(circuit, "TRIED", 10)
    monkeypatch.setattr(circuit, "PAUSE", 0.05)
    asked = []

    class Watched(Wrapped):
        def consume(self, topics, group, most, wait):
            asked.append(most)
            return self.inner.consume(topics, group, most, wait)

    box = Boxes(None)
    with ingest(tmp_path, mode="stream") as stage:
        produce(stage, *[b"rubbish"] * 460, key=b"k")
        made, thread = start(
            stage, place=box, stream=lambda: Watched(open_stream(stage.ref("bus")))
        )
        until(lambda: made.meter.problem is not None and len(box.got) == 460)
        assert made.meter.problem.reason == "SchemaMismatch"
        assert "all refused" in made.meter.problem.message
        assert asked[-1] == 10
        produce(stage, *({"id": i} for i in range(200)), key=b"k")
        until(lambda: made.meter.written == 200)
        until(lambda: made.meter.problem is None)
        assert asked[-1] > 10
        stage.stopping.set()
        thread.join()
        assert len(box.got) == 460


class Death(BaseException):
    """kill -9, as far as a process can do it to itself."""


@pytest.mark.parametrize(
    "step", ["poll", "write", "wrote", "letters", "lettered", "commit", "committed"]
)
def test_F31_a_death_between_any_two_steps_loses_and_doubles_nothing(tmp_path, step):
    class Dying(Wrapped):
        def consume(self, *args):
            polled = self.inner.consume(*args)
            dies("poll", bool(polled.records))
            return polled

        def write(self, *args, **more):
            dies("write")
            report = self.inner.write(*args, **more)
            dies("wrote")
            return report

        def put(self, refused):
            dies("letters")
            self.inner.put(refused)
            dies("lettered")

        def commit(self, *args):
            dies("commit")
            self.inner.commit(*args)
            dies("committed")

    times = [3]

    def dies(where, really=True):
        if where == step and really and times[0]:
            times[0] -= 1
            raise Death

    with ingest(tmp_path) as stage:
        produce(
            stage, *({"id": i % 90, "v": i} if i % 10 else b"rubbish" for i in range(200)), key=b"k"
        )
        for _ in range(3):
            made = loop(stage, target=Dying, stream=lambda: Dying(open_stream(stage.ref("bus"))))
            made._letters = Dying(made._letters)
            with pytest.raises(Death):
                made.run()
        loop(stage).run()
        wanted = {i % 90: i for i in range(200) if i % 10}
        assert {row["id"]: row["v"] for row in rows(stage)} == wanted
        offsets = {headers["forebay.offset"] for _, headers in letters(stage)}
        assert offsets == {str(i) for i in range(0, 200, 10)}
        assert stage.stream("bus").lag("default.payments", "tx") == 0


def test_F30_a_broker_that_was_away_is_met_again(tmp_path):
    class Away(Wrapped):
        left = 3

        def consume(self, *args):
            if Away.left:
                Away.left -= 1
                raise RetryableError("StoreUnreachable", "broker away")
            return self.inner.consume(*args)

    with ingest(tmp_path) as stage:
        produce(stage, {"id": 1})
        meter = loop(stage, stream=lambda: Away(open_stream(stage.ref("bus")))).run()
        assert (meter.written, meter.problem) == (1, None)


def test_a_stop_finishes_the_batch_in_hand(tmp_path):
    class Stopping(Wrapped):
        def write(self, *args, **more):
            stage.stopping.set()
            return self.inner.write(*args, **more)

    with ingest(tmp_path, mode="stream") as stage:
        produce(stage, *({"id": i} for i in range(500)))
        made = loop(stage, target=Stopping)
        made._to_the_end = False
        meter = made.run()
        lag = stage.stream("bus").lag("default.payments", "tx")
        assert meter.read == len(rows(stage)) > 0
        assert lag == 500 - meter.read
