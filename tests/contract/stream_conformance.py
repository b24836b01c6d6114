"""What every stream adapter must do. An adapter's test subclasses `StreamConformance` and gives a fixture."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay_workloads.streams.base import Record, Stream, batch_of


class Adapter(Protocol):
    """How the suite reaches the broker under test."""

    def open(self) -> Stream:
        """A new connection to the same, at first empty, broker."""


@pytest.fixture
def stream(adapter: Adapter):
    opened = adapter.open()
    yield opened
    opened.close()


def drain(
    stream: Stream, group: str = "g", topics: tuple[str, ...] = ("t",), at_once: int = 100
) -> list[Record]:
    """All records after the group's position; commits them."""
    found: list[Record] = []
    while (polled := stream.consume(topics, group, at_once, 0.05)).records:
        assert len(polled.records) <= at_once
        found += polled.records
        stream.commit(group, polled.positions)
    return found


def restarted(stream: Stream, adapter: Adapter) -> Stream:
    """A connection in place of one that ended. Members of one group share its partitions, so the old one has to go."""
    stream.close()
    return adapter.open()


class StreamConformance:
    def test_a_probe_says_who_answers(self, stream):
        assert stream.probe().server_version

    def test_what_is_produced_is_consumed_as_it_was(self, stream):
        before = time.time() * 1000
        headers = [{"trace": b"\x00\xff"}, {}, {"a": b"1", "b": b""}]
        assert stream.produce("t", [b"one", None, b""], [b"k", b"k", None], headers) == 3
        found = sorted(drain(stream), key=lambda record: headers.index(record.headers))
        assert [(r.key, r.value, dict(r.headers)) for r in found] == [
            (b"k", b"one", headers[0]),
            (b"k", None, {}),
            (None, b"", headers[2]),
        ]
        assert all(before - 1000 <= record.timestamp <= before + 60_000 for record in found)
        assert {record.topic for record in found} == {"t"}

    @given(keys=st.lists(st.none() | st.binary(min_size=1, max_size=2), max_size=40))
    @settings(max_examples=15, suppress_health_check=list(HealthCheck))
    def test_equal_keys_go_to_one_partition_in_order(self, stream, keys):
        drain(stream, "laws")
        stream.produce("t", [str(index).encode() for index in range(len(keys))], keys)
        found = drain(stream, "laws", at_once=7)
        places, order = defaultdict(set), defaultdict(list)
        for record in found:
            if record.key is not None:
                places[record.key].add(record.partition)
                order[record.key].append(int(record.value))
        assert len(found) == len(keys)
        assert all(len(partitions) == 1 for partitions in places.values())
        assert all(values == sorted(values) for values in order.values())

    def test_offsets_of_a_partition_rise_one_by_one_from_zero(self, stream):
        stream.produce("t", [b"x"] * 30)
        stream.produce("t", [b"y"] * 30)
        offsets = defaultdict(list)
        for record in drain(stream):
            offsets[record.partition].append(record.offset)
        assert all(numbers == list(range(len(numbers))) for numbers in offsets.values())

    def test_records_that_were_not_committed_come_again_after_a_restart(self, stream, adapter):
        stream.produce("t", [b"1", b"2", b"3"], [b"k"] * 3)
        assert len(stream.consume(["t"], "g", 10, 0.05).records) == 3
        again = restarted(stream, adapter)
        assert [record.value for record in drain(again)] == [b"1", b"2", b"3"]
        again.close()

    def test_a_restart_goes_on_after_what_was_committed(self, stream, adapter):
        stream.produce("t", [b"1", b"2", b"3"], [b"k"] * 3)
        stream.commit("g", stream.consume(["t"], "g", 2, 0.05).positions)
        again = restarted(stream, adapter)
        assert [record.value for record in drain(again)] == [b"3"]
        again.close()

    def test_a_second_poll_goes_on_after_the_first(self, stream):
        stream.produce("t", [b"1", b"2", b"3"], [b"k"] * 3)
        first = stream.consume(["t"], "g", 2, 0.05).records
        second = stream.consume(["t"], "g", 2, 0.05).records
        assert [record.value for record in [*first, *second]] == [b"1", b"2", b"3"]

    def test_groups_have_positions_of_their_own(self, stream):
        stream.produce("t", [b"x"] * 5)
        assert len(drain(stream, "one")) == len(drain(stream, "two")) == 5

    def test_a_commit_never_moves_backwards(self, stream):
        stream.produce("t", [b"x"] * 5, [b"k"] * 5)
        (place,) = stream.consume(["t"], "g", 10, 0.05).positions
        stream.commit("g", {place: 4})
        stream.commit("g", {place: 2})
        assert stream.committed("g", "t") == {place: 4}

    def test_lag_counts_what_is_not_committed(self, stream):
        assert stream.lag("g", "t") == 0
        stream.produce("t", [b"x"] * 10, [b"k"] * 10)
        assert stream.lag("g", "t") == 10
        stream.commit("g", stream.consume(["t"], "g", 4, 0.05).positions)
        assert stream.lag("g", "t") == 6

    def test_nothing_is_committed_before_a_commit(self, stream):
        stream.produce("t", [b"x"])
        stream.consume(["t"], "g", 10, 0.05)
        assert stream.committed("g", "t") == {}
        stream.commit("g", {})

    def test_a_poll_of_an_empty_topic_waits_no_longer_than_asked(self, stream):
        stream.consume(["nothing"], "g", 10, 0.0)  # the first one may have to join a group
        started = time.monotonic()
        polled = stream.consume(["nothing"], "g", 10, 0.1)
        assert (list(polled.records), dict(polled.positions)) == ([], {})
        assert 0.09 <= time.monotonic() - started < 10

    def test_a_poll_ends_when_the_first_record_arrives(self, stream, adapter):
        other = adapter.open()
        timer = threading.Timer(0.1, lambda: other.produce("t", [b"x"]))
        timer.start()
        started = time.monotonic()
        assert len(stream.consume(["t"], "g", 10, 60.0).records) == 1
        assert time.monotonic() - started < 30
        timer.join()
        other.close()

    def test_no_topic_starves_another(self, stream):
        stream.produce("busy", [b"x"] * 500)
        stream.produce("quiet", [b"y"])
        polled = stream.consume(["busy", "quiet"], "g", 50, 0.05)
        assert {record.topic for record in polled.records} == {"busy", "quiet"}

    def test_keys_and_values_must_be_equally_many(self, stream):
        with pytest.raises(ValueError, match="2 values, 1 keys"):
            stream.produce("t", [b"a", b"b"], [b"k"])
        assert stream.lag("g", "t") == 0

    def test_a_poll_is_a_batch_of_rows(self, stream):
        stream.produce("t", [b"v"], [b"k"])
        batch = batch_of(stream.consume(["t"], "g", 10, 0.05))
        assert batch.select(["topic", "key", "value"]).to_pylist() == [
            {"topic": "t", "key": b"k", "value": b"v"}
        ]

    def test_a_stream_may_be_closed_twice(self, adapter):
        opened = adapter.open()
        opened.close()
        opened.close()
