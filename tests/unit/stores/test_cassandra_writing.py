"""Which rows go into which request, which are refused before any, and what follows when one fails."""

from __future__ import annotations

import cassandra
import pyarrow as pa
import pytest

from forebay_workloads.errors import RetryableError
from forebay_workloads.stores import cassandra_batches as batches
from forebay_workloads.stores import cassandra_write as writing
from forebay_workloads.stores.cassandra_codecs import Refused
from forebay_workloads.stores.cassandra_errors import translated
from forebay_workloads.stores.cassandra_get import possible
from forebay_workloads.stores.cassandra_window import ATTEMPTS, Request, Window

FIELDS = [pa.field("a", pa.string()), pa.field("b", pa.string())]


def shared(columns, owner, key=(0,)):
    """The batches of all rows; `owner` says which node holds a partition."""
    found = batches.partitions(columns, range(len(columns[0])), key)
    return list(batches.batches(found, batches.sizes_of(columns), owner))


def nowhere(key):
    return None


def test_partitions_whose_node_is_not_known_share_no_batch():
    columns = [[b"x", b"y", b"x", b"z"], [b"1", b"2", b"3", b"4"]]
    assert shared(columns, nowhere) == [([0, 2], None), ([1], None), ([3], None)]


def test_rows_of_one_node_share_a_batch_those_of_a_partition_side_by_side():
    columns = [[b"x", b"y", b"x", b"z", b"y"], [b"1"] * 5]
    owner = {b"x": "a", b"y": "b", b"z": "a"}.get
    assert shared(columns, owner) == [([0, 2, 3], "a"), ([1, 4], "b")]


def test_partitions_share_a_batch_as_long_as_the_server_does_not_warn():
    many = [[b"%d" % row for row in range(25)], [b"1"] * 25]
    assert [len(rows) for rows, _ in shared(many, str)] == [1] * 25
    assert [len(rows) for rows, _ in shared(many, lambda _: "a")] == [10, 10, 5]
    large = [[b"x", b"y", b"z", b"u"], [b"1" * 2_000, b"2" * 2_000, b"3" * 2_000, b"4" * 9_000]]
    assert [rows for rows, _ in shared(large, lambda _: "a")] == [[0, 1], [2], [3]]


def test_a_partition_of_many_rows_is_cut_at_rows_and_bytes():
    columns = [[b"x"] * 250, [b"1"] * 250]
    assert [len(rows) for rows, _ in shared(columns, nowhere)] == [100, 100, 50]
    large = [[b"x"] * 4, [b"1" * 20_000, b"2" * 20_000, None, b"3" * 60_000]]
    assert [rows for rows, _ in shared(large, lambda _: "a")] == [[0], [1, 2], [3]]


def test_small_values_weigh_what_the_server_adds_to_each():
    columns = [[b"%d" % row for row in range(100)], *[[b"x"] * 100] * 64]
    assert {len(rows) for rows, _ in shared(columns, lambda _: "a")} == {3, 1}


def test_a_key_of_several_columns_is_hashed_as_the_server_hashes_it():
    columns = [[b"ab"], [b"c"], [b"d"]]
    assert batches.partitions(columns, [0], [2]) == {b"d": [0]}
    assert batches.partitions(columns, [0], [0, 1]) == {b"\0\2ab\0\0\1c\0": [0]}


def test_the_last_good_row_of_a_key_is_sent():
    columns = [[b"x", b"y", b"x", b"x"], [b"1"] * 4]
    assert writing.newest(columns, [0], {}) == [1, 3]
    assert writing.newest(columns, [0], {3: "bad"}) == [1, 2]


def test_what_cassandra_refuses_in_a_key_is_known_before():
    columns = [[b"", b"x" * 70_000, b"ok", b"ok"], [b"1", b"2", Refused("not it"), b""]]
    bad = writing.unfit(columns, FIELDS, [0, 1], [0])
    assert "'a' is empty" in bad[0]
    assert "70000 bytes" in bad[1]
    assert bad[2] == "column 'b': not it"
    assert 3 not in bad
    assert 0 not in writing.unfit(columns, FIELDS, [0, 1], [0, 1])


class Future:
    def __init__(self, error):
        self._error = error

    def add_callbacks(self, callback, errback):
        callback(None) if self._error is None else errback(self._error)


class Server:
    """Fails each statement with the errors that it was given for it, one after the other."""

    concurrency = 2

    def __init__(self, errors):
        self.errors = errors
        self.sent = []

    def send(self, statement):
        self.sent.append(statement)
        left = self.errors.get(statement, [])
        return Future(left.pop(0) if left else None)

    def speak(self, what):
        from forebay_workloads.stores.cassandra_errors import spoken

        return spoken(what)

    def translated(self, error, what):
        return translated(error, what)


def test_F43_an_unknown_outcome_is_tried_again_until_it_is_known():
    server, slept = (
        Server({"b": [cassandra.WriteTimeout("?", write_type=0), cassandra.OperationTimedOut()]}),
        [],
    )
    window = Window(server, "t", sleep=slept.append)
    assert window.run(Request(one) for one in "abc") == []
    assert sorted(server.sent) == ["a", "b", "b", "b", "c"]
    assert slept[1] > slept[0] > 0


def test_F43_what_never_ends_well_ends_with_its_reason():
    server = Server({"a": [cassandra.WriteTimeout("?", write_type=0)] * ATTEMPTS})
    with pytest.raises(RetryableError) as caught:
        Window(server, "t", sleep=lambda _: None).run([Request("a")])
    assert caught.value.reason == "StoreThrottled"
    assert len(server.sent) == ATTEMPTS


def test_what_the_server_refuses_is_told_and_not_tried_again():
    refused = cassandra.InvalidRequest("too large")
    server = Server({"b": [refused]})
    found = Window(server, "t").run(Request(one, one) for one in "abc")
    assert [(request.of, error) for request, error in found] == [("b", refused)]
    assert sorted(server.sent) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("key", "partition", "there"),
    [((b"a", b""), 1, True), ((b"", b"a"), 2, True), ((b"", b"a"), 1, False), ((None,), 1, False)],
)
def test_keys_that_no_row_can_have_are_not_asked_for(key, partition, there):
    assert possible(key, partition) == there
    assert not possible((*key, b"x" * 65_536), partition)
