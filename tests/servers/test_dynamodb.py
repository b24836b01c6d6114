"""The DynamoDB adapter passes the suites, and does what only a service of items is asked for."""

from __future__ import annotations

import io
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores import open_store
from forebay_workloads.stores.base import CHUNK_BYTES
from tests.contract.pinned import reads_the_same_rows_after_others_wrote
from tests.contract.rows import EVERY_TYPE, ROWS, every_type, fill, numbers, read
from tests.contract.store_conformance import StoreConformance, store  # noqa: F401 - a fixture


class DynamoAdapter:
    def __init__(self, prefixes):
        self.ref = prefixes.new()
        self.client = prefixes.client
        self.prefix = self.ref.settings["tablePrefix"]

    def open(self):
        return open_store(self.ref)

    def make(self, table, **key):
        """As somebody else would, with attributes of a key."""
        self.client.create_table(
            TableName=f"{self.prefix}{table}",
            KeySchema=[
                {"AttributeName": name, "KeyType": role}
                for name, role in zip(key, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": of} for name, of in key.items()
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        self.client.get_waiter("table_exists").wait(TableName=f"{self.prefix}{table}")

    def put(self, table, *items):
        for item in items:
            self.client.put_item(TableName=f"{self.prefix}{table}", Item=item)

    def item(self, table, **key):
        return self.client.get_item(TableName=f"{self.prefix}{table}", Key=key).get("Item")

    def drop(self, table):
        self.client.delete_table(TableName=f"{self.prefix}{table}")
        self.client.get_waiter("table_not_exists").wait(TableName=f"{self.prefix}{table}")

    def own(self, of, name):
        """An item of the adapter's own table."""
        return self.item("forebay_store", of={"S": of}, name={"S": name})

    def all_own(self):
        """What its items are."""
        page = self.client.scan(TableName=f"{self.prefix}forebay_store")
        return [item["of"]["S"] for item in page["Items"]]

    def left_behind(self, upload, key, replaces):
        """The note of a writer of two days ago."""
        created = {"N": str(int(time.time()) - 2 * 86_400)}
        item = {"key": {"S": key}, "created": created, "replaces": {"S": replaces}}
        self.put("forebay_store", {**item, "of": {"S": "upload"}, "name": {"S": upload}})

    def corrupt(self, key):
        upload = self.own("blob", key)["upload"]["S"]
        chunk = self.own(f"chunk {upload}", "000000001")
        data = bytearray(chunk["data"]["B"])
        data[9] ^= 1
        self.put("forebay_store", {**chunk, "data": {"B": bytes(data)}})


@pytest.fixture
def adapter(prefixes):
    return DynamoAdapter(prefixes)


class TestDynamoStore(StoreConformance):
    pass


def test_a_run_that_asks_for_a_pin_reads_its_own_copy(adapter, tmp_path):
    reads_the_same_rows_after_others_wrote(adapter.ref, tmp_path)


# tables of somebody else


@pytest.fixture
def others(adapter):
    """A table that Forebay did not make, with items of every kind."""
    adapter.make("others", id="S", at="N")
    adapter.put(
        "others",
        {
            "id": {"S": "a"}, "at": {"N": "1"}, "n": {"N": "5"}, "price": {"N": "0.1"},
            "many": {"N": "12345678901234567890"}, "tags": {"SS": ["y", "x"]}, "raw": {"B": b"\xff"},
            "place": {"M": {"lat": {"N": "48.1"}}}, "marks": {"L": [{"N": "3"}, {"NULL": True}]},
            "ok": {"BOOL": True}, "mixed": {"S": "x"},
        },
        {"id": {"S": "b"}, "at": {"N": "2"}, "n": {"NULL": True}, "mixed": {"N": "7"}},
    )  # fmt: skip


def test_a_table_of_somebody_else_is_read_with_its_nearest_types(store, others):  # noqa: F811
    found = {row["id"]: row for row in read(store, "others")}
    assert found["a"] == {
        "id": "a", "at": 1, "n": 5, "price": 0.1, "many": 12345678901234567890, "tags": ["x", "y"],
        "raw": b"\xff", "place": {"lat": 48.1}, "marks": [3, None], "ok": True, "mixed": "x",
    }  # fmt: skip
    assert (found["b"]["mixed"], found["b"]["n"]) == ("7", None)
    assert store.get("others", [{"id": "b", "at": 2}], ["mixed"], 20) == [{"mixed": "7"}]


def test_a_merge_adds_fields_to_somebody_elses_items_and_keeps_the_others(store, adapter, others):  # noqa: F811
    batch = pa.record_batch({"id": ["a", "c"], "at": [1, 3], "score": [0.9, None], "n": [None, 1]})
    for _ in range(2):
        assert store.write("others", batch, ["id", "at"], merge=True).written == 2
    item = adapter.item("others", id={"S": "a"}, at={"N": "1"})
    assert (item["score"], item["tags"], "n" in item) == ({"N": "0.9"}, {"SS": ["x", "y"]}, False)
    assert adapter.item("others", id={"S": "c"}, at={"N": "3"}) == {
        "id": {"S": "c"},
        "at": {"N": "3"},
        "n": {"N": "1"},
    }


def test_a_set_of_somebody_else_stays_one(store, adapter, others):  # noqa: F811
    batch = pa.record_batch({"id": ["a", "b"], "at": [1, 2], "tags": [["z", "w"], ["q", "q"]]})
    report = store.write("others", batch, ["id", "at"], merge=True)
    assert (report.written, [error.index for error in report.errors]) == (1, [1])
    assert adapter.item("others", id={"S": "a"}, at={"N": "1"})["tags"] == {"SS": ["w", "z"]}


def test_another_key_of_somebody_elses_table_is_refused(store, others):  # noqa: F811
    with pytest.raises(DataError, match=r"expected key \['id'\], actual key \['id', 'at'\]"):
        store.write("others", pa.record_batch({"id": ["a"], "score": [1]}), ["id"], merge=True)


def test_an_empty_table_that_was_prepared_is_taken_over(store, adapter):  # noqa: F811
    adapter.make("every", id="N")
    fill(store, "every", every_type())
    assert store.schema("every").equals(EVERY_TYPE)
    assert sorted(read(store, "every"), key=lambda row: row["id"]) == ROWS


# size, pages, keys


def test_an_item_over_the_services_limit_is_named_and_the_others_are_written(store):  # noqa: F811
    batch = pa.record_batch({"id": [1, 2, 3], "data": ["a", "x" * 410_000, "c"]})
    store.ensure_table("t", batch.schema, ["id"])
    for merge in (False, True):
        report = store.write("t", batch, ["id"], merge=merge)
        assert (report.written, [error.index for error in report.errors]) == (2, [1])
        assert "size" in report.errors[0].message
    assert sorted(row["id"] for row in read(store, "t")) == [1, 3]


@pytest.mark.parametrize("count", [1, 3])
def test_a_table_of_many_pages_is_read_whole_in_pieces_that_fit_memory(store, count):  # noqa: F811
    ids = pa.array(range(60), pa.int64())
    batch = pa.record_batch({"id": ids, "data": ["x" * 50_000] * 60})
    fill(store, "t", batch)
    parts = store.splits(store.snapshot("t"), count)
    batches = [found for part in parts for found in store.scan(part)]
    assert sorted(i for b in batches for i in b.column("id").to_pylist()) == list(range(60))
    assert max(b.nbytes for b in batches) < 2 << 20


def test_more_keys_than_one_request_takes_are_answered_in_order(store):  # noqa: F811
    fill(store, "t", numbers(0, 230))
    asked = [*range(229, -1, -1), 500, 7]
    found = store.get("t", [{"id": one} for one in asked], timeout=20)
    texts = [row and row["text"] for row in found]
    assert texts == [*(f"row {one}" for one in range(229, -1, -1)), None, "row 7"]


def test_a_key_may_have_more_columns_than_the_service_knows(store):  # noqa: F811
    batch = pa.record_batch(
        {"a": ["x"] * 4, "b": [1.0, 1.0, -0.0, 2.5], "c": ["", "d", "", ""], "v": [1, 2, 3, 4]}
    )
    fill(store, "t", batch, ("a", "b", "c"))
    assert sorted(row["v"] for row in read(store, "t", 2)) == [1, 2, 3, 4]
    keys = [{"a": "x", "b": 0.0, "c": ""}, {"a": "x", "b": 2.5, "c": "d"}]
    found = store.get("t", keys, ["v"], timeout=20)
    assert found == [{"v": 3}, None]


def test_keys_that_no_item_can_have_are_refused_by_name_and_found_nowhere(store):  # noqa: F811
    batch = pa.record_batch({"id": [1.5, float("nan"), 1e300], "v": [1, 2, 3]})
    store.ensure_table("t", batch.schema, ["id"])
    assert [error.index for error in store.write("t", batch, ["id"]).errors] == [1, 2]
    assert store.get("t", [{"id": 1e300}, {"id": 1.5}], ["v"], timeout=20) == [None, {"v": 1}]


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
    adapter.drop("t")
    fill(store, "t", numbers(0, 9))
    (part,) = store.splits(snapshot, 1)
    with pytest.raises(DataError) as caught:
        list(store.scan(part))
    assert caught.value.reason == "SnapshotExpired"


def test_a_table_dropped_since_is_missing(store, adapter):  # noqa: F811
    fill(store, "t", numbers(0, 3))
    adapter.drop("t")
    with pytest.raises(ConfigError) as caught:
        store.write("t", numbers(0, 3), ["id"])
    assert caught.value.reason == "ReferenceMissing"


def test_a_column_that_another_writer_added_is_known_at_once(store, adapter):  # noqa: F811
    fill(store, "t", numbers(0, 3))
    wider = numbers(3, 4).append_column("score", pa.array([0.5]))
    with adapter.open() as other:
        other.write("t", wider, ["id"], merge=True)
    assert store.write("t", wider, ["id"]).written == 1


def test_the_service_is_told_when_rows_end_and_until_it_removed_them_they_are_not_read(
    store,  # noqa: F811
    adapter,
):
    fill(store, "t", numbers(0, 3))
    store.write("t", numbers(0, 2), ["id"], ttl=3600.0)
    first = adapter.item("t", id={"N": "0"})["_forebay_expires"]["N"]
    assert 3500 < int(first) - time.time() <= 3601
    name = f"{adapter.prefix}t"
    found = adapter.client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert (found["TimeToLiveStatus"], found["AttributeName"]) == ("ENABLED", "_forebay_expires")
    # As long ago as the service keeps what it does not remove any more: five years.
    old = {"id": {"N": "7"}, "text": {"S": "old"}, "_forebay_expires": {"N": "1000000000"}}
    adapter.put("t", old)
    assert store.get("t", [{"id": 7}, {"id": 0}], ["text"]) == [None, {"text": "row 0"}]
    assert sorted(row["id"] for row in read(store, "t", columns=["id"])) == [0, 1, 2]
    assert adapter.item("t", id={"N": "7"}) == old


def test_a_table_whose_rows_cannot_end_by_our_attribute_is_not_changed(store, adapter):  # noqa: F811
    adapter.make("theirs", id="N")
    adapter.put("theirs", {"id": {"N": "1"}, "text": {"S": "x"}})
    with pytest.raises(ConfigError, match="only in tables that Forebay made"):
        store.write("theirs", numbers(0, 2), ["id"], ttl=60.0)
    store.ensure_table("ours", numbers(0, 1).schema, ["id"])
    adapter.client.update_time_to_live(
        TableName=f"{adapter.prefix}ours",
        TimeToLiveSpecification={"AttributeName": "gone", "Enabled": True},
    )
    with pytest.raises(ConfigError, match="by the attribute 'gone' already"):
        store.write("ours", numbers(0, 2), ["id"], ttl=60.0)
    assert [len(read(store, name)) for name in ("theirs", "ours")] == [1, 0]


# blobs


def test_nothing_is_left_of_replaced_deleted_and_failed_blobs(store, adapter):  # noqa: F811
    for size in (3 * CHUNK_BYTES, 10):
        store.put_blob("a", io.BytesIO(b"x" * size))
    store.put_blob("b", io.BytesIO(b"y"))
    store.delete_blob("b")
    assert sorted(of.partition(" ")[0] for of in adapter.all_own()) == ["blob", "chunk"]


def test_what_a_killed_writer_left_goes_with_a_later_put(store, adapter):  # noqa: F811
    store.put_blob("a", io.BytesIO(b"kept"))
    kept = adapter.own("blob", "a")["upload"]["S"]
    adapter.left_behind("dead", "b", replaces="")
    adapter.left_behind(kept, "a", replaces="older")
    for upload in ("dead", "older"):
        adapter.put("forebay_store", {"of": {"S": f"chunk {upload}"}, "name": {"S": "000000000"}})
    store.put_blob("c", io.BytesIO(b"new"))
    left = {of.partition(" ")[2] for of in adapter.all_own() if of.startswith("chunk")}
    assert kept in left
    assert left.isdisjoint({"dead", "older"})
    with store.open_blob("a") as stream:
        assert stream.read() == b"kept"


# what can be wrong with a service


def reason_of(ref):
    """What a probe of it says, within the time that a condition may take."""
    start = time.monotonic()
    with pytest.raises((ConfigError, RetryableError)) as caught, open_store(ref) as opened:
        opened.probe()
    assert time.monotonic() - start < 30
    return caught.value


def test_a_key_that_the_service_does_not_know_is_said_and_never_shown(adapter, tmp_path):
    for name, text in (("accessKeyId", "no-such-id"), ("secretAccessKey", "hunter2-hunter2")):
        Path(tmp_path, name).write_text(text)
    error = reason_of(replace(adapter.ref, secrets=str(tmp_path)))
    assert error.reason == "StoreAuthFailed"
    assert "hunter2" not in str(error)


def test_a_service_that_is_not_there_is_unreachable(adapter):
    settings = {**adapter.ref.settings, "endpoint": "http://127.0.0.1:9"}
    assert reason_of(replace(adapter.ref, settings=settings)).reason == "StoreUnreachable"
    settings = {**adapter.ref.settings, "endpoint": "http://nowhere.invalid:8000"}
    assert reason_of(replace(adapter.ref, settings=settings)).reason == "StoreUnreachable"


def test_an_online_read_keeps_its_deadline_where_nothing_answers(adapter):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        settings = {**adapter.ref.settings, "endpoint": f"http://127.0.0.1:{port}"}
        with open_store(replace(adapter.ref, settings=settings)) as opened:
            started = time.monotonic()
            with pytest.raises(RetryableError) as caught:
                opened.get("t", [{"id": 1}], timeout=0.3)
            assert caught.value.reason == "DeadlineExceeded"
            assert time.monotonic() - started < 5
