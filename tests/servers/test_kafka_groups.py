"""Groups and transactions of the Kafka adapter: partitions move without a loss, effects and offsets go together."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from forebay_workloads.errors import DataError
from forebay_workloads.streams import open_stream


@pytest.fixture
def opened(kafka):
    streams = []

    def new():
        streams.append(open_stream(kafka))
        return streams[-1]

    yield new
    for stream in streams:
        stream.close()


@pytest.fixture
def topic(prefix, topics):
    return topics.make(f"{prefix}in", 4)


@pytest.fixture
def group(prefix):
    return f"{prefix}g"


def numbers(start, end):
    return [str(number).encode() for number in range(start, end)]


def poll(stream, topic, group, seconds=20.0):
    """Polls until something comes."""
    end = time.monotonic() + seconds
    while not (polled := stream.consume([topic], group, 100, 0.2)).records:
        assert time.monotonic() < end
    return polled


def together(streams, topic, group, until, seconds=40.0):
    """Each polls and commits in a thread of its own until `until` holds; the values that each was given."""
    seen = [[] for _ in streams]
    stop = threading.Event()
    failed = []

    def work(stream, values):
        try:
            while not stop.is_set():
                polled = stream.consume([topic], group, 50, 0.1)
                values += [record.value for record in polled.records]
                stream.commit(group, polled.positions)
        except Exception as error:  # noqa: BLE001 - told to the test
            failed.append(error)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(streams, seen, strict=True)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not failed and not until(seen):
        time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    return seen


def test_members_share_partitions_and_each_record_is_read_once(opened, topic, group):
    first, second, writer = opened(), opened(), opened()
    assert list(first.consume([topic], group, 10, 0.0).records) == []
    written = []
    enough = threading.Event()

    def write():
        while not enough.is_set():
            values = numbers(len(written), len(written) + 100)
            writer.produce(topic, values, values)
            written.extend(values)
            time.sleep(0.05)

    def until(seen):
        if all(seen):
            enough.set()
        return enough.is_set() and sum(map(len, seen)) >= len(written)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        seen = together([first, second], topic, group, until)
    finally:
        enough.set()
        writing.join()
    rest = poll_all(first, topic, group) + poll_all(second, topic, group)
    counts = Counter(seen[0] + seen[1] + rest)
    assert counts == Counter(written)
    assert all(seen)
    assert first.lag(group, topic) == 0


def poll_all(stream, topic, group):
    """What is left for it."""
    values = []
    while (polled := stream.consume([topic], group, 500, 1.0)).records:
        values += [record.value for record in polled.records]
        stream.commit(group, polled.positions)
    return values


def test_a_member_more_than_partitions_waits_and_takes_over(opened, prefix, topics, group):
    topic = topics.make(f"{prefix}one", 1)
    first, second = opened(), opened()
    first.produce(topic, [b"1"])
    first.commit(group, poll(first, topic, group).positions)
    waiting = []
    thread = threading.Thread(target=lambda: waiting.append(second.consume([topic], group, 9, 3.0)))
    thread.start()
    while thread.is_alive():
        first.consume([topic], group, 9, 0.1)
    assert [list(polled.records) for polled in waiting] == [[]]
    first.close()
    opened().produce(topic, [b"2"])
    assert [record.value for record in poll(second, topic, group).records] == [b"2"]


def test_F32_work_in_hand_is_finished_and_committed_before_partitions_go(opened, topic, group):
    first, second = opened(), opened()
    first.produce(topic, numbers(0, 400), numbers(0, 400))
    held = {}
    finished = []

    def finish(places):
        finished.append({at: held[at] for at in places if at in held})
        return finished[-1]

    first.on_revoke = finish
    while len(held) < 4:
        held |= first.consume([topic], group, 1000, 1.0).positions
    seen = together([first, second], topic, group, lambda _: len(finished) > 0, 20)
    assert len(finished[0]) == 2
    committed = first.committed(group, topic)
    assert all(committed[at] == held[at] for at in finished[0])
    assert seen[1] == []


def test_F32_what_is_not_committed_of_a_lost_partition_is_left_to_its_new_owner(
    opened, topic, group
):
    first, second = opened(), opened()
    first.produce(topic, numbers(0, 40), numbers(0, 40))
    held = dict(poll(first, topic, group).positions)
    seen = together([first, second], topic, group, lambda seen: len(seen[1]) > 0, 20)
    committed = first.committed(group, topic)
    first.commit(group, held)
    second.commit(group, dict.fromkeys(held, 1))
    now = first.committed(group, topic)
    assert all(now.get(at, 0) >= offset for at, offset in committed.items())
    assert len(seen[1]) > 0


def test_a_group_without_members_is_committed_to_and_never_backwards(opened, topic, group):
    stream = opened()
    stream.produce(topic, numbers(0, 10), [b"k"] * 10)
    reader = opened()
    (place,) = poll(reader, topic, f"{group}-reader").positions
    stream.commit(group, {place: 5})
    stream.commit(group, {place: 3})
    assert stream.committed(group, topic) == {place: 5}
    assert stream.lag(group, topic) == 5
    assert [record.value for record in poll(stream, topic, group).records] == numbers(5, 10)


def test_records_and_offsets_go_in_one_transaction(opened, topic, prefix, topics, group):
    out = topics.make(f"{prefix}out", 1)
    stream, reader = opened(), opened()
    stream.produce(topic, numbers(0, 3), [b"k"] * 3)
    polled = poll(stream, topic, group)
    values = [record.value * 2 for record in polled.records]
    assert stream.transact(group, polled.positions, out, values, headers=[{"a": b"1"}] * 3) == 3
    assert stream.committed(group, topic) == polled.positions
    found = poll(reader, out, group + "r")
    assert [record.value for record in found.records] == [b"00", b"11", b"22"]
    reader.commit(group + "r", found.positions)
    reader.commit(group + "r", reader.consume([out], group + "r", 10, 0.5).positions)
    assert reader.lag(group + "r", out) == 0  # also behind the transaction's mark


def test_a_transaction_that_fails_leaves_neither_and_its_records_come_again(
    opened, topic, prefix, topics, group
):
    out = topics.make(f"{prefix}out", 1, **{"max.message.bytes": "2000"})
    stream, reader = opened(), opened()
    stream.produce(topic, numbers(0, 3), [b"k"] * 3)
    polled = poll(stream, topic, group)
    with pytest.raises(DataError, match="large") as caught:
        stream.transact(group, polled.positions, out, [b"small", b"\0" * 1_500_000])
    assert caught.value.reason == "SchemaMismatch"
    assert stream.committed(group, topic) == {}
    assert list(reader.consume([out], group + "r", 10, 1.0).records) == []
    again = poll(stream, topic, group)
    assert [record.value for record in again.records] == numbers(0, 3)
    assert stream.transact(group, again.positions, out, [b"x"]) == 1
    assert stream.committed(group, topic) == again.positions


def test_a_transaction_of_a_lost_partition_writes_nothing(opened, topic, prefix, topics, group):
    out = topics.make(f"{prefix}out", 1)
    first, second = opened(), opened()
    first.produce(topic, numbers(0, 400), numbers(0, 400))
    held = {}
    while len(held) < 4:
        held |= first.consume([topic], group, 1000, 1.0).positions
    together([first, second], topic, group, lambda seen: len(seen[1]) > 0, 20)
    assert first.transact(group, held, out, [b"x"]) == 0
    assert list(second.consume([out], group + "r", 10, 1.0).records) == []


def test_a_hundred_thousand_records_arrive(opened, topic, group):
    stream = opened()
    started = time.monotonic()
    stream.produce(topic, numbers(0, 100_000))
    seen = set()
    while len(seen) < 100_000:
        polled = stream.consume([topic], group, 5000, 5.0)
        seen |= {record.value for record in polled.records}
        stream.commit(group, polled.positions)
    assert time.monotonic() - started < 60
    assert stream.lag(group, topic) == 0


def test_F32_no_record_is_skipped_while_members_come_and_go(kafka, opened, topic, group):
    """Ten members within half a minute, some closed in the middle of a poll's work: what they held comes again."""
    writer = opened()
    written = numbers(0, 6000)
    writer.produce(topic, written, written)
    seen = set()
    failed = []

    def life(turn):
        time.sleep(turn * 1.5)
        stream = open_stream(kafka)
        try:
            for poll_number in range(40):
                polled = stream.consume([topic], group, 20, 0.1)
                if poll_number == 39 and turn % 2:
                    break  # it goes with records in hand: they were not committed
                seen.update(record.value for record in polled.records)
                stream.commit(group, polled.positions)
        except Exception as error:  # noqa: BLE001 - told to the test
            failed.append(error)
        finally:
            stream.close()

    threads = [threading.Thread(target=life, args=(turn,)) for turn in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    seen.update(poll_all(opened(), topic, group))
    assert seen == set(written)
    assert writer.lag(group, topic) == 0
