"""Fetched records are shared out by partition, in order, and none is lost or doubled."""

from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.streams.kafka_fair import Waiting, record


class Message:
    """As the client gives it."""

    def __init__(self, partition, offset, value=b"x", headers=None):
        self._at = (partition, offset)
        self._value, self._headers = value, headers

    def topic(self):
        return "t"

    def partition(self):
        return self._at[0]

    def offset(self):
        return self._at[1]

    def key(self):
        return None

    def value(self):
        return self._value

    def timestamp(self):
        return (1, 1000)

    def headers(self):
        return self._headers


def filled(lengths):
    waiting = Waiting()
    for partition, length in enumerate(lengths):
        place = ("t", partition)
        seen = waiting.put([Message(partition, offset) for offset in range(length)], {place})
        assert seen == ({place} if length else set())
    return waiting


@given(st.lists(st.integers(0, 30), max_size=6), st.integers(1, 50))
def test_takes_are_full_fair_and_in_order(lengths, most):
    waiting = filled(lengths)
    left = list(lengths)
    seen = [[] for _ in lengths]
    while taken := waiting.take(most):
        assert len(taken) == min(most, sum(left))
        counts = [sum(one.partition == p for one in taken) for p in range(len(lengths))]
        least = min([counts[p] for p in range(len(lengths)) if counts[p] < left[p]], default=most)
        assert max(counts) <= least + 1
        for one in taken:
            seen[one.partition].append(one.offset)
            left[one.partition] -= 1
    assert seen == [list(range(length)) for length in lengths]
    assert (waiting.count, waiting.bytes) == (0, 0)


def test_what_belongs_to_others_is_dropped_and_not_counted():
    waiting = filled([3, 2])
    waiting.drop([("t", 0), ("t", 7)])
    assert waiting.count == 2
    assert not waiting.holds(("t", 0))
    assert {one.partition for one in waiting.take(10)} == {1}
    assert waiting.bytes == 0


def test_a_fetch_of_many_partitions_keeps_those_that_are_ours():
    waiting = Waiting()
    fetched = [Message(partition, offset) for offset in range(3) for partition in (0, 1, 2)]
    assert waiting.put(fetched, {("t", 0), ("t", 2), ("t", 5)}) == {("t", 0), ("t", 2)}
    assert [(one.partition, one.offset) for one in waiting.take(10)] == [
        (partition, offset) for partition in (0, 2) for offset in range(3)
    ]


def test_a_record_keeps_tombstone_and_headers():
    found = record(Message(1, 5, None, [("a", b"1"), ("a", b"2"), ("b", None)]))
    assert (found.value, found.headers) == (None, {"a": b"2", "b": b""})
    assert record(Message(0, 0)).headers == {}
