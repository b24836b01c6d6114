"""The MongoDB adapter passes the suites, and does what only a document store is asked for."""

from __future__ import annotations

import datetime as dt
import io
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from bson import ObjectId

from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores import mongodb_scan, open_store
from forebay_workloads.stores.base import CHUNK_BYTES
from tests.contract.rows import eventually, fill, numbers, read
from tests.contract.store_conformance import StoreConformance, store  # noqa: F401 - a fixture


class MongoAdapter:
    def __init__(self, client, ref):
        self.ref = ref
        self.database = client[ref.settings["database"]]

    def open(self):
        return open_store(self.ref)

    def corrupt(self, key):
        upload = self.database["_forebay_blobs"].find_one({"_id": key})["upload"]
        chunks = self.database["_forebay_chunks"]
        chunk = chunks.find_one({"_id": f"{upload}:000000001"})
        data = bytearray(chunk["data"])
        data[9] ^= 1
        chunks.update_one({"_id": chunk["_id"]}, {"$set": {"data": bytes(data)}})


@pytest.fixture
def adapter(databases):
    return MongoAdapter(databases.client, databases.new())


class TestMongoStore(StoreConformance):
    pass


# ids that are not ours


@pytest.fixture
def mixed(adapter):
    """A collection of somebody else with ids of every kind."""
    ids = [None, float("nan"), *range(5), 2.5, *"abc", {"a": 1}, b"x", ObjectId(), True]
    adapter.database["others"].insert_many([{"_id": one, "n": i} for i, one in enumerate(ids)])
    return len(ids)


@pytest.mark.parametrize("count", [1, 2, 5, 50])
def test_ids_of_every_kind_are_read_once(store, mixed, count):  # noqa: F811
    assert sorted(row["n"] for row in read(store, "others", count)) == list(range(mixed))


@pytest.mark.parametrize(
    "make", [lambda _: ObjectId(), lambda i: f"key {i:04}", lambda i: {"a": i // 7, "b": i % 7}]
)
def test_ids_of_one_kind_are_parted_evenly(store, adapter, make):  # noqa: F811
    adapter.database["others"].insert_many([{"_id": make(i), "n": i} for i in range(300)])
    parts = store.splits(store.snapshot("others"), 4)
    assert [part.at["rows"] for part in parts] == [75] * 4
    assert sorted(row["n"] for row in read(store, "others", 4)) == list(range(300))


def test_a_large_collection_is_parted_by_a_sample(store, adapter, monkeypatch):  # noqa: F811
    monkeypatch.setattr(mongodb_scan, "EXACT", 50)
    adapter.database["others"].insert_many([{"_id": i} for i in range(500)])
    parts = store.splits(store.snapshot("others"), 4)
    assert len(parts) > 1
    assert sum(part.at["rows"] for part in parts) == 500
    assert sorted(row["_id"] for row in read(store, "others", 4)) == list(range(500))


def test_F49_a_scan_that_lost_documents_fails(store, monkeypatch):  # noqa: F811
    fill(store, "t", numbers(0, 30))
    whole = mongodb_scan.pages
    monkeypatch.setattr(mongodb_scan, "pages", lambda *asked: list(whole(*asked))[:-1])
    (part,) = store.splits(store.snapshot("t"), 1)
    with pytest.raises(DataError, match="20 documents were read, 30 counted") as caught:
        list(store.scan(part, batch_rows=10))
    assert caught.value.reason == "SnapshotExpired"


# documents


def test_a_merge_adds_fields_to_somebody_elses_documents_and_keeps_the_others(store, adapter):  # noqa: F811
    reviews = adapter.database["reviews"]
    one, other = ObjectId(), ObjectId()
    reviews.insert_many(
        [{"_id": one, "text": "good", "by": {"name": "a"}}, {"_id": other, "text": "bad"}]
    )
    found = {row["text"]: row["_id"] for row in read(store, "reviews")}
    batch = pa.record_batch({"_id": [found["good"], found["bad"]], "score": [0.9, -0.8]})
    for _ in range(2):
        assert store.write("reviews", batch, ["_id"], merge=True).written == 2
    assert reviews.find_one({"_id": one}) == {
        "_id": one,
        "text": "good",
        "by": {"name": "a"},
        "score": 0.9,
    }
    assert reviews.count_documents({}) == 2
    assert store.get("reviews", [{"_id": str(one)}], ["score"]) == [{"score": 0.9}]


def test_another_key_of_somebody_elses_documents_needs_a_unique_index(store, adapter):  # noqa: F811
    reviews = adapter.database["reviews"]
    reviews.insert_many([{"review": i, "text": f"row {i}"} for i in range(3)])
    batch = pa.record_batch({"review": [1, 7], "score": [0.5, 0.7]})
    with pytest.raises(DataError, match=r"unique index.*\['review'\]"):
        store.write("reviews", batch, ["review"], merge=True)
    reviews.create_index("review", unique=True)
    assert store.write("reviews", batch, ["review"], merge=True).written == 2
    assert reviews.count_documents({}) == 4
    assert store.get("reviews", [{"review": 1}], ["text", "score"]) == [
        {"text": "row 1", "score": 0.5}
    ]


def test_F59_S17_columns_that_could_be_operators_are_refused(store, adapter):  # noqa: F811
    fill(store, "t", numbers(0, 3))
    for name in ("$where", "$set"):
        with pytest.raises(ConfigError):
            store.write("t", pa.record_batch({"id": [1], name: ["1"]}), ["id"], merge=True)
        nested = pa.array([{name: "1"}])
        with pytest.raises(ConfigError):
            store.write("t", pa.record_batch({"id": [1], "inside": nested}), ["id"], merge=True)
    assert len(read(store, "t")) == 3
    assert adapter.database["t"].find_one({"_id": 1}) == {"_id": 1, "id": 1, "text": "row 1"}


def test_F59_S17_a_key_that_looks_like_a_query_finds_nothing(store):  # noqa: F811
    fill(store, "t", pa.record_batch({"id": ["a", "b"]}))
    assert store.get("t", [{"id": '{"$ne": null}'}]) == [None]
    with pytest.raises(DataError):
        store.get("t", [{"id": {"$ne": None}}])


def test_rows_that_a_rule_of_the_server_refuses_are_named(store, adapter):  # noqa: F811
    fill(store, "t", numbers(0, 2))
    adapter.database["t"].create_index("text", unique=True)
    batch = pa.record_batch({"id": pa.array([5, 6, 7], pa.int64()), "text": ["x", "row 1", "y"]})
    report = store.write("t", batch, ["id"])
    assert report.written == 2
    ((error,),) = [report.errors]
    assert (error.index, dict(error.key), error.reason) == (1, {"id": 6}, "SchemaMismatch")
    assert "duplicate" in error.message
    assert sorted(row["id"] for row in read(store, "t")) == [0, 1, 5, 7]


def test_a_document_over_the_servers_limit_is_named_and_the_others_are_written(store):  # noqa: F811
    batch = pa.record_batch({"id": [1, 2, 3], "data": [b"a", b"x" * (17 << 20), b"c"]})
    store.ensure_table("t", batch.schema, ["id"])
    report = store.write("t", batch, ["id"])
    assert (report.written, [error.index for error in report.errors]) == (2, [1])
    assert any(size in report.errors[0].message for size in ("16 MiB", "16777216"))
    assert [row["id"] for row in read(store, "t")] == [1, 3]


def test_F45_writers_that_meet_on_new_keys_leave_one_document_of_each(store, adapter):  # noqa: F811
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    reports = []

    def write():
        with adapter.open() as own:
            reports.append(own.write("t", numbers(0, 200), ["id"]))

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(report.written, list(report.errors)) for report in reports] == [(200, [])] * 3
    assert len(read(store, "t")) == 200


def test_the_server_is_told_when_rows_end_and_until_it_removed_them_they_are_not_read(
    store,  # noqa: F811
    adapter,
):
    fill(store, "t", numbers(0, 3))
    for _ in range(2):
        store.write("t", numbers(0, 2), ["id"], ttl=3600.0)
    collection = adapter.database["t"]
    found = [one for one in collection.list_indexes() if "expireAfterSeconds" in one]
    assert [(list(one["key"]), one["expireAfterSeconds"]) for one in found] == [
        (["_forebay_expires"], 0)
    ]
    assert store.schema("t").names == ["id", "text"]
    collection.drop_index(found[0]["name"])  # so that nobody removes what is past its end
    long_ago = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    collection.insert_one({"_id": 7, "id": 7, "text": "old", "_forebay_expires": long_ago})
    assert store.snapshot("t").rows == 3
    for parts in (1, 3):
        assert sorted(row["id"] for row in read(store, "t", parts)) == [0, 1, 2]
    assert store.get("t", [{"id": 7}, {"id": 0}], ["text"]) == [None, {"text": "row 0"}]
    assert collection.count_documents({}) == 4


def test_the_server_removes_rows_that_ended(store, adapter):  # noqa: F811
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    store.write("t", numbers(0, 2), ["id"], ttl=1.0)
    store.write("t", numbers(2, 3), ["id"])
    eventually(lambda: adapter.database["t"].count_documents({}) == 1)


def test_rows_of_somebody_elses_collection_do_not_end(store, adapter):  # noqa: F811
    adapter.database["theirs"].insert_one({"_id": 1, "text": "x"})
    batch = pa.record_batch({"_id": pa.array([1], pa.int64()), "text": ["y"]})
    with pytest.raises(ConfigError, match="only in tables that Forebay made"):
        store.write("theirs", batch, ["_id"], ttl=60.0)
    assert list(adapter.database["theirs"].find()) == [{"_id": 1, "text": "x"}]


# blobs


def test_nothing_is_left_of_replaced_deleted_and_failed_blobs(store, adapter):  # noqa: F811
    for size in (3 * CHUNK_BYTES, 10):
        store.put_blob("a", io.BytesIO(b"x" * size))
    store.put_blob("b", io.BytesIO(b"y"))
    store.delete_blob("b")
    assert adapter.database["_forebay_chunks"].count_documents({}) == 1
    assert adapter.database["_forebay_uploads"].count_documents({}) == 0


def test_what_a_killed_writer_left_goes_with_a_later_put(store, adapter):  # noqa: F811
    store.put_blob("a", io.BytesIO(b"kept"))
    kept = adapter.database["_forebay_blobs"].find_one({"_id": "a"})["upload"]
    old = time.time() - 2 * 86_400
    adapter.database["_forebay_uploads"].insert_many(
        [
            {"_id": "dead", "key": "b", "created": old},
            {"_id": kept, "key": "a", "created": old, "replaces": "older"},
        ]
    )
    for upload in ("dead", "older"):
        adapter.database["_forebay_chunks"].insert_one({"_id": f"{upload}:000000000", "data": b"x"})
    store.put_blob("c", io.BytesIO(b"new"))
    left = {one["_id"].partition(":")[0] for one in adapter.database["_forebay_chunks"].find()}
    assert kept in left
    assert left.isdisjoint({"dead", "older"})
    with store.open_blob("a") as stream:
        assert stream.read() == b"kept"


# what can be wrong with a server


def test_a_wrong_password_is_said_and_never_shown(adapter, tmp_path):
    for name, text in (("username", "forebay"), ("password", "hunter2-hunter2")):
        Path(tmp_path, name).write_text(text)
    with open_store(replace(adapter.ref, secrets=str(tmp_path))) as opened:
        with pytest.raises(ConfigError) as caught:
            opened.probe()
        assert caught.value.reason == "StoreAuthFailed"
        assert "hunter2" not in str(caught.value)


def test_no_password_where_one_is_needed_is_said(adapter):
    with (
        open_store(replace(adapter.ref, secrets=None)) as opened,
        pytest.raises(ConfigError) as caught,
    ):
        opened.probe()
    assert caught.value.reason == "StoreAuthFailed"


def test_a_server_that_is_not_there_is_said_within_its_time(adapter):
    settings = {**adapter.ref.settings, "hosts": ["127.0.0.1:9"]}
    started = time.monotonic()
    with (
        open_store(replace(adapter.ref, settings=settings)) as opened,
        pytest.raises(RetryableError) as caught,
    ):
        opened.probe()
    assert caught.value.reason == "StoreUnreachable"
    assert time.monotonic() - started < 30


def test_an_online_read_keeps_its_deadline_where_no_server_answers(adapter):
    settings = {**adapter.ref.settings, "hosts": ["127.0.0.1:9"]}
    with open_store(replace(adapter.ref, settings=settings)) as opened:
        started = time.monotonic()
        with pytest.raises(RetryableError) as caught:
            opened.get("t", [{"id": 1}], timeout=0.3)
        assert caught.value.reason == "DeadlineExceeded"
        assert time.monotonic() - started < 5


def test_a_probe_says_what_the_server_is(store):  # noqa: F811
    probe = store.probe()
    assert probe.server_version.startswith("MongoDB ")
    assert set(probe.detail) == {"replicaSet", "sharded", "snapshot"}
    pins = probe.detail["replicaSet"] or probe.detail["sharded"]
    assert probe.detail["snapshot"] == ("Pinned" if pins else "None")


def test_an_online_read_keeps_its_deadline_where_nothing_answers(adapter):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = [f"127.0.0.1:{silent.getsockname()[1]}"]
        settings = {**adapter.ref.settings, "hosts": hosts}
        with open_store(replace(adapter.ref, settings=settings)) as opened:
            started = time.monotonic()
            with pytest.raises(RetryableError) as caught:
                opened.get("t", [{"id": 1}], timeout=0.3)
            assert caught.value.reason == "DeadlineExceeded"
            assert time.monotonic() - started < 5
