"""Batches that take longer than a group waits for a member: none is lost, none is handled for ever."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

from forebay_workloads.contract import RunRef, StageDocument, StoreRef
from forebay_workloads.ingest.feed import Feed
from forebay_workloads.ingest.loop import Loop
from forebay_workloads.stage import Stage
from forebay_workloads.streams import kafka_keeper, kafka_member, open_stream
from tests.unit.ingest.topics import Wrapped, rows

PATIENCE = 6.0  # seconds: the least that the broker allows
LONGER = 2.5 * PATIENCE


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    short = {"max.poll.interval.ms": 6_000, "session.timeout.ms": 6_000}
    monkeypatch.setattr(kafka_member, "OPTIONS", {**kafka_member.OPTIONS, **short})


@pytest.fixture
def topic(prefix, topics):
    return topics.make(f"{prefix}slow", 4)


@pytest.fixture
def opened(kafka):
    streams = []

    def new():
        streams.append(open_stream(kafka))
        return streams[-1]

    yield new
    for stream in streams:
        stream.close()


class Other:
    """A member that takes what it is given, in a thread of its own."""

    def __init__(self, stream, topic, group):
        self.seen, self.stop = [], threading.Event()
        self.thread = threading.Thread(target=self.run, args=(stream, topic, group))
        self.thread.start()

    def run(self, stream, topic, group):
        while not self.stop.is_set():
            polled = stream.consume([topic], group, 1000, 0.1)
            self.seen += [record.value for record in polled.records]
            stream.commit(group, polled.positions)

    def end(self):
        self.stop.set()
        self.thread.join()


@pytest.fixture
def others():
    running = []

    def start(*args):
        running.append(Other(*args))
        return running[-1]

    yield start
    for one in running:
        one.end()


def whole(stream, topic, group, count):
    """Values and positions of all records of the topic, the most of them given out by the last poll."""
    first = stream.consume([topic], group, 1, 5.0).records
    time.sleep(1.0)  # the client fetches the rest
    last = stream.consume([topic], group, 1000, 5.0)
    values = [record.value for record in (*first, *last.records)]
    assert (len(values), len(last.positions)) == (count, 4)
    return values, last.positions


def test_partitions_in_hand_wait_for_their_batch_and_are_given_away_after_it(
    opened, others, topic, prefix
):
    first, second, group = opened(), opened(), f"{prefix}g"
    written = [str(number).encode() for number in range(400)]
    first.produce(topic, written, written)
    values, held = whole(first, topic, group, len(written))
    other = others(second, topic, group)
    time.sleep(LONGER)
    assert other.seen == [], "the group knows that its batch is in hand"
    first.commit(group, held)
    assert first.committed(group, topic) == held
    more = [str(number).encode() for number in range(400, 800)]
    first.produce(topic, more, more)
    mine = []
    end = time.monotonic() + 30
    while len(mine) + len(other.seen) < len(more) and time.monotonic() < end:
        polled = first.consume([topic], group, 1000, 0.1)
        mine += [record.value for record in polled.records]
        first.commit(group, polled.positions)
    other.end()
    assert Counter(values) == Counter(written)
    assert Counter(mine + other.seen) == Counter(more)
    assert other.seen != []


def test_a_transaction_of_partitions_that_wait_to_go_is_made(opened, others, topic, prefix, topics):
    out = topics.make(f"{prefix}out", 1)
    first, second, group = opened(), opened(), f"{prefix}g"
    written = [str(number).encode() for number in range(400)]
    first.produce(topic, written, written)
    _, held = whole(first, topic, group, len(written))
    other = others(second, topic, group)
    time.sleep(LONGER)
    assert first.transact(group, held, out, [b"x"]) == 1
    assert first.committed(group, topic) == held
    assert other.seen == []


def test_an_owner_that_never_comes_back_is_taken_for_dead(
    opened, others, topic, prefix, monkeypatch
):
    monkeypatch.setattr(kafka_keeper, "KEPT", 3.0)
    first, second, group = opened(), opened(), f"{prefix}g"
    written = [str(number).encode() for number in range(100)]
    first.produce(topic, written, written)
    _, positions = whole(first, topic, group, len(written))
    other = others(second, topic, group)
    end = time.monotonic() + 60
    while len(set(other.seen)) < len(written) and time.monotonic() < end:
        time.sleep(0.1)
    other.end()
    assert Counter(other.seen) == Counter(written)
    done = second.committed(group, topic)
    first.commit(group, dict.fromkeys(positions, 1))
    assert second.committed(group, topic) == done, "what it finds when it comes back is not its own"


def test_a_slow_store_is_written_to_once_for_each_record(opened, kafka, topic, prefix, tmp_path):
    class Slow(Wrapped):
        given = 0

        def write(self, table, batch, key, **more):
            time.sleep(PATIENCE * 1.5)
            Slow.given += batch.num_rows
            return self.inner.write(table, batch, key, **more)

    count = 100  # one batch of 64, one of the rest
    opened().produce(topic, [json.dumps({"id": n}).encode() for n in range(count)])
    ingest = {
        "mode": "stream",
        "from": {"storeRef": {"name": kafka.name}, "topic": topic},
        "to": {"storeRef": {"name": "local"}, "table": "tx", "key": ["id"]},
    }
    stores = {
        kafka.name: kafka,
        "local": StoreRef("local", "embedded", {"path": str(tmp_path / "local.db")}),
    }
    run = RunRef("run", "uid", prefix, "slow")
    with Stage(StageDocument("stream", run, {"ingest": ingest}, stores, "local")) as stage:
        feed = Feed.of(stage, ingest)
        feed = replace(feed, target=Slow(feed.target))
        Loop(stage, feed, lambda: open_stream(kafka), None, to_the_end=True).run()
        assert len(rows(stage)) == count
    assert Slow.given == count
