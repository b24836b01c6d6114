"""The HBase adapter passes the suites, and does what only a table of cells is asked for."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from dataclasses import replace

import pyarrow as pa
import pytest

from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores import hbase_scan, open_store
from forebay_workloads.stores.base import CHUNK_BYTES
from tests.contract.pinned import reads_the_same_rows_after_others_wrote
from tests.contract.rows import eventually, fill, numbers, read
from tests.contract.store_conformance import StoreConformance, store  # noqa: F401 - a fixture


class HBaseAdapter:
    def __init__(self, hbases):
        self.ref = hbases.new()
        self.hbases = hbases
        self.prefix = self.ref.settings["tablePrefix"]

    def open(self):
        return open_store(self.ref)

    def table(self, name):
        """As the server's administrator."""
        return self.hbases.client.table(f"{self.prefix}{name}")

    def make(self, name, *families):
        """As somebody else would."""
        self.hbases.client.create_table(f"{self.prefix}{name}", {one: {} for one in families})

    def drop(self, name):
        self.hbases.client.delete_table(f"{self.prefix}{name}", disable=True)

    def names(self):
        """The rows of the adapter's own table."""
        return [name for name, _ in self.table("forebay_store").scan()]

    def corrupt(self, key):
        own = self.table("forebay_store")
        upload = json.loads(own.row(f"blob/{key}".encode())[b"f:v"])["upload"]
        name = f"chunk/{upload}/000000001".encode()
        data = bytearray(own.row(name)[b"f:v"])
        data[40] ^= 1
        own.put(name, {b"f:v": bytes(data)})


@pytest.fixture
def adapter(hbases):
    return HBaseAdapter(hbases)


class TestHBaseStore(StoreConformance):
    def test_rows_that_were_kept_for_good_end_too(self, store):  # noqa: F811
        """HBase has the older version still, until it compacts: the newer one ends all the same."""
        fill(store, "t", numbers(0, 3))
        newer = numbers(1, 3).set_column(1, "text", pa.array(["newer", "newer"]))
        store.write("t", newer, ["id"], ttl=1.0)
        eventually(lambda: "newer" not in [row["text"] for row in read(store, "t")])
        assert {row["id"] for row in read(store, "t")} in ({0}, {0, 1, 2})


def test_a_run_that_asks_for_a_pin_reads_its_own_copy(adapter, tmp_path):
    reads_the_same_rows_after_others_wrote(adapter.ref, tmp_path)


# tables of somebody else


@pytest.fixture
def others(adapter):
    """A table that Forebay did not make."""
    adapter.make("others", "cf", "raw")
    table = adapter.table("others")
    table.put(b"a", {b"cf:text": b"good", b"cf:n": b"5", b"raw:x": b"\xff\x00"})
    table.put(b"b", {b"cf:text": "sch\u00f6n".encode()})


def test_a_table_of_somebody_else_shows_texts_and_bytes(store, others):  # noqa: F811
    assert store.schema("others") == pa.schema(
        [
            ("row", pa.string()),
            ("cf:n", pa.string()),
            ("cf:text", pa.string()),
            ("raw:x", pa.binary()),
        ]
    )
    assert read(store, "others") == [
        {"row": "a", "cf:n": "5", "cf:text": "good", "raw:x": b"\xff\x00"},
        {"row": "b", "cf:n": None, "cf:text": "sch\u00f6n", "raw:x": None},
    ]
    assert store.get("others", [{"row": "b"}], ["cf:n"], 20) == [{"cf:n": None}]


def test_a_merge_adds_cells_to_somebody_elses_rows_and_keeps_the_others(store, adapter, others):  # noqa: F811
    batch = pa.record_batch({"row": ["a", "c"], "cf:score": [0.5, 0.7], "cf:n": [None, "1"]})
    for _ in range(2):
        assert store.write("others", batch, ["row"], merge=True).written == 2
    table = adapter.table("others")
    assert table.row(b"a") == {b"cf:text": b"good", b"cf:score": b"0.5", b"raw:x": b"\xff\x00"}
    assert table.row(b"c") == {b"cf:score": b"0.7", b"cf:n": b"1"}
    with pytest.raises(DataError, match=r"FAMILY:NAME.*cf:, raw:"):
        store.write("others", pa.record_batch({"row": ["a"], "no:x": ["1"]}), ["row"], merge=True)


# size, pages, keys


@pytest.mark.parametrize("count", [1, 3])
def test_a_large_table_is_read_in_pages_that_fit_memory(store, monkeypatch, count):  # noqa: F811
    monkeypatch.setattr(hbase_scan, "PAGE_BYTES", 64 << 10)
    ids = pa.array(range(1500), pa.int64())
    batch = pa.record_batch({"id": ids, "text": ["x" * (1 + i % 500) for i in range(1500)]})
    fill(store, "t", batch)
    parts = store.splits(store.snapshot("t"), count)
    batches = [found for part in parts for found in store.scan(part)]
    assert [i for b in batches for i in b.column("id").to_pylist()] == list(range(1500))
    assert max(b.nbytes for b in batches) < 256 << 10


def test_rows_are_read_in_the_order_of_their_keys(store):  # noqa: F811
    found = [-(2**40), -1, 0, 7, 2**40]
    fill(store, "t", pa.record_batch({"id": pa.array(reversed(found), pa.int64()), "v": [1] * 5}))
    assert [row["id"] for row in read(store, "t")] == found


def test_a_value_that_the_server_refuses_is_named_and_the_others_are_written(store):  # noqa: F811
    batch = pa.record_batch({"id": [1, 2, 3], "data": ["a", "x" * (11 << 20), "c"]})
    store.ensure_table("t", batch.schema, ["id"])
    report = store.write("t", batch, ["id"])
    assert (report.written, [error.index for error in report.errors]) == (2, [1])
    assert sorted(row["id"] for row in read(store, "t")) == [1, 3]


def test_a_key_too_long_is_refused_by_name(store):  # noqa: F811
    batch = pa.record_batch({"id": ["a", "x" * 40_000], "v": [1, 2]})
    store.ensure_table("t", batch.schema, ["id"])
    report = store.write("t", batch, ["id"])
    assert [(error.index, "32,767" in error.message) for error in report.errors] == [(1, True)]
    assert store.get("t", [{"id": "x" * 40_000}, {"id": "a"}], ["v"], 20) == [None, {"v": 1}]


def test_a_row_written_over_and_over_keeps_the_last_values(store):  # noqa: F811
    schema = pa.schema([("id", pa.int64()), ("v", pa.string())])
    store.ensure_table("t", schema, ["id"])
    for number in range(30):
        row = {"id": 1, "v": None if number % 2 else f"v{number}"}
        store.write("t", pa.RecordBatch.from_pylist([row], schema), ["id"])
        assert store.get("t", [{"id": 1}], timeout=20) == [row]


def test_threads_share_a_store(store):  # noqa: F811
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    threads = [
        threading.Thread(target=store.write, args=("t", numbers(start, start + 50), ["id"]))
        for start in range(0, 200, 50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read(store, "t", 3)) == 200


# what changes behind our back


def test_a_table_made_anew_is_not_the_one_of_the_snapshot(store, adapter):  # noqa: F811
    fill(store, "t", numbers(0, 3))
    snapshot = store.snapshot("t")
    (part,) = store.splits(snapshot, 1)
    adapter.drop("t")
    fill(store, "t", numbers(0, 9))
    with pytest.raises(DataError) as caught:
        list(store.scan(part))
    assert caught.value.reason == "SnapshotExpired"


def test_a_table_dropped_since_is_missing(store, adapter):  # noqa: F811
    fill(store, "t", numbers(0, 3))
    adapter.drop("t")
    with pytest.raises(ConfigError) as caught:
        store.write("t", numbers(0, 3), ["id"])
    assert caught.value.reason == "ReferenceMissing"


# blobs


def test_nothing_is_left_of_replaced_and_deleted_blobs(store, adapter):  # noqa: F811
    for size in (3 * CHUNK_BYTES, 10):
        store.put_blob("a", io.BytesIO(b"x" * size))
    store.put_blob("b", io.BytesIO(b"y"))
    store.delete_blob("b")
    assert [name.partition(b"/")[0] for name in adapter.names()] == [b"blob", b"blob", b"chunk"]
    store.put_blob("b", io.BytesIO(b"again"))
    with store.open_blob("b") as stream:
        assert stream.read() == b"again"


def test_what_a_killed_writer_left_goes_with_a_later_put(store, adapter):  # noqa: F811
    store.put_blob("a", io.BytesIO(b"kept"))
    old = time.time() - 2 * 86_400
    note = {"key": "b", "created": old, "replaces": "older"}
    table = adapter.table("forebay_store")
    table.put(b"upload/dead", {b"f:v": json.dumps(note).encode()})
    for upload in (b"dead", b"older"):
        table.put(b"chunk/" + upload + b"/000000000", {b"f:v": b"x"})
    store.put_blob("c", io.BytesIO(b"new"))
    left = b" ".join(adapter.names())
    assert b"dead" not in left
    assert b"older" not in left
    with store.open_blob("a") as stream:
        assert stream.read() == b"kept"


# what can be wrong with a gateway


def reason_of(ref):
    """What a probe of it says, within the time that a condition may take."""
    start = time.monotonic()
    with pytest.raises((ConfigError, RetryableError)) as caught, open_store(ref) as opened:
        opened.probe()
    assert time.monotonic() - start < 30
    return caught.value.reason


def test_a_gateway_that_is_not_there_is_unreachable(adapter):
    for nobody in ("127.0.0.1:9", "nowhere.invalid:9090"):
        settings = {**adapter.ref.settings, "thriftServers": [nobody]}
        assert reason_of(replace(adapter.ref, settings=settings)) == "StoreUnreachable"


def test_of_two_gateways_the_one_that_answers_is_used(adapter):
    settings = dict(adapter.ref.settings)
    settings["thriftServers"] = ["127.0.0.1:9", *settings["thriftServers"]]
    with open_store(replace(adapter.ref, settings=settings)) as opened:
        assert opened.probe()
        assert opened.list_blobs("") == []


def test_an_online_read_keeps_its_deadline_where_nothing_answers(adapter):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = {
            **adapter.ref.settings,
            "thriftServers": [f"127.0.0.1:{silent.getsockname()[1]}"],
        }
        with open_store(replace(adapter.ref, settings=settings)) as opened:
            started = time.monotonic()
            with pytest.raises(RetryableError) as caught:
                opened.get("t", [{"id": 1}], timeout=0.3)
            assert caught.value.reason == "DeadlineExceeded"
            assert time.monotonic() - started < 5
