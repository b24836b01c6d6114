"""The Couchbase adapter passes the suites, and does what only a bucket of documents is asked for."""

from __future__ import annotations

import io
import threading
import time

import orjson
import pyarrow as pa
import pytest
from couchbase.exceptions import DocumentNotFoundException
from couchbase.transcoder import RawBinaryTranscoder

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores import couchbase_index, couchbase_scan, open_store
from forebay_workloads.stores.base import CHUNK_BYTES
from forebay_workloads.stores.couchbase_connection import Connection
from forebay_workloads.stores.couchbase_own import home
from tests.contract.rows import fill, numbers, read
from tests.contract.store_conformance import StoreConformance, store  # noqa: F401 - a fixture

BINARY = RawBinaryTranscoder()


class CouchbaseAdapter:
    def __init__(self, scopes):
        self.scopes = scopes
        self.ref = scopes.new()
        self._place = None

    def open(self):
        return open_store(self.ref)

    @property
    def own(self):
        """Where the adapter's own documents lie: the driver's collection, and what their names begin with."""
        if self._place is None:
            connection = Connection(self.ref)
            self._place = home(connection, self.ref.settings["scope"])
            connection.close()
        bucket = self.scopes.bucket
        if self._place.collection == "_default":
            return bucket.default_collection(), self._place.prefix
        return bucket.scope(self._place.scope).collection(self._place.collection), ""

    def list_of(self, name):
        collection, prefix = self.own
        try:
            return collection.get(prefix + name).content_as[dict]
        except DocumentNotFoundException:
            return {}

    def put_list(self, name, entries):
        collection, prefix = self.own
        collection.upsert(prefix + name, entries)

    def chunk(self, upload, number):
        collection, prefix = self.own
        name = f"{prefix}chunk/{upload}/{number:09}"
        return bytes(collection.get(name, transcoder=BINARY).value)

    def put_chunk(self, upload, number, data):
        collection, prefix = self.own
        collection.upsert(f"{prefix}chunk/{upload}/{number:09}", data, transcoder=BINARY)

    def has_chunk(self, upload, number):
        try:
            self.chunk(upload, number)
        except DocumentNotFoundException:
            return False
        return True

    def corrupt(self, key):
        upload = self.list_of("blobs")[key]["upload"]
        data = bytearray(self.chunk(upload, 1))
        data[40] ^= 1
        self.put_chunk(upload, 1, bytes(data))


@pytest.fixture
def adapter(scopes):
    return CouchbaseAdapter(scopes)


class TestCouchbaseStore(StoreConformance):
    pass


# documents of somebody else


@pytest.fixture
def originals(scopes):
    """Documents of the bucket's first collection that Forebay did not make, by names of this test."""
    collection = scopes.bucket.default_collection()
    begin = f"t-{time.time_ns()}-"
    tweet = {"text": "sch\u00f6n", "user": {"name": "x", "age": 30}, "tags": ["a", 1], "a.b": 1}
    collection.upsert(f"{begin}1", tweet)
    yield begin, collection, tweet
    for number in (1, 2):
        collection.remove(f"{begin}{number}")


def test_a_merge_adds_fields_to_somebody_elses_documents_and_keeps_the_others(scopes, originals):
    begin, collection, tweet = originals
    batch = pa.record_batch(
        {
            "_id": [f"{begin}1", f"{begin}2"],
            "score": [0.5, 0.7],
            "a.b": [2, None],
        }
    )
    with open_store(scopes.ref("_default")) as opened:
        for _ in range(2):
            report = opened.write("_default", batch, ["_id"], merge=True)
            assert (report.written, list(report.errors)) == (2, [])
    assert collection.get(f"{begin}1").content_as[dict] == {
        **tweet,
        "score": 0.5,
        "a.b": 2,
    }
    assert collection.get(f"{begin}2").content_as[dict] == {"score": 0.7, "a.b": None}


def test_more_fields_than_one_request_takes_are_all_set(scopes, originals):
    begin, collection, tweet = originals
    fields = {f"f{number}": [number] for number in range(40)}
    batch = pa.record_batch({"_id": [f"{begin}1"], **fields})
    with open_store(scopes.ref("_default")) as opened:
        assert opened.write("_default", batch, ["_id"], merge=True).written == 1
    found = collection.get(f"{begin}1").content_as[dict]
    assert found == tweet | {name: value for name, (value,) in fields.items()}
    collection.upsert(f"{begin}2", {})


def test_another_key_of_somebody_elses_documents_is_refused(scopes):
    batch = pa.record_batch({"id": ["a"], "score": [1]})
    with (
        open_store(scopes.ref("_default")) as opened,
        pytest.raises(DataError, match=r"expected key \['id'\], actual key \['_id'\]"),
    ):
        opened.write("_default", batch, ["id"], merge=True)


def test_documents_that_nobody_names_are_not_taken_for_none(scopes):
    """The stand-in has no query service: a scan of somebody else's documents says so."""

    def outcome(opened):
        try:
            return opened.snapshot("_default").strength
        except ConfigError as error:
            return error.reason

    with open_store(scopes.ref("_default")) as opened:
        assert outcome(opened) in ("FieldNotSupportedInMode", "None")


def test_rows_are_documents_that_others_can_read(store, adapter):  # noqa: F811
    schema = pa.schema([("id", pa.int64()), ("text", pa.string()), ("tags", pa.list_(pa.int64()))])
    row = {"id": 7, "text": "sch\u00f6n", "tags": [1, None]}
    fill(store, "t", pa.RecordBatch.from_pylist([row, {"id": 8}], schema))
    connection = Connection(adapter.ref)
    place = store._catalog.info("t").place
    found = connection.many(place, "get", {"7": b"", "8": b""}).done
    connection.close()
    assert {name: orjson.loads(data) for name, data in found.items()} == {"7": row, "8": {"id": 8}}


# size, pages, keys


@pytest.mark.parametrize("count", [1, 3])
def test_a_large_table_is_read_in_pages_that_fit_memory(store, monkeypatch, count):  # noqa: F811
    monkeypatch.setattr(couchbase_scan, "PAGE_BYTES", 64 << 10)
    ids = pa.array(range(1500), pa.int64())
    batch = pa.record_batch({"id": ids, "text": ["x" * (1 + i % 500) for i in range(1500)]})
    fill(store, "t", batch)
    parts = store.splits(store.snapshot("t"), count)
    batches = [found for part in parts for found in store.scan(part)]
    assert sorted(i for b in batches for i in b.column("id").to_pylist()) == list(range(1500))
    assert max(b.nbytes for b in batches) < 256 << 10


def test_more_keys_than_memory_may_hold_are_taken_in_turns(store, monkeypatch):  # noqa: F811
    monkeypatch.setattr(couchbase_index, "PAGE_KEYS", 10)
    monkeypatch.setattr(couchbase_index, "PART_KEYS", 40)
    fill(store, "t", numbers(0, 230))
    for count in (1, 3):
        assert sorted(row["id"] for row in read(store, "t", count)) == list(range(230))


def test_a_value_that_the_server_refuses_is_named_and_the_others_are_written(store):  # noqa: F811
    batch = pa.record_batch({"id": [1, 2, 3], "data": ["a", "x" * (21 << 20), "c"]})
    store.ensure_table("t", batch.schema, ["id"])
    report = store.write("t", batch, ["id"])
    assert (report.written, [error.index for error in report.errors]) == (2, [1])
    assert sorted(row["id"] for row in read(store, "t")) == [1, 3]


def test_a_key_too_long_is_refused_by_name(store):  # noqa: F811
    batch = pa.record_batch({"id": ["a", "x" * 300], "v": [1, 2]})
    store.ensure_table("t", batch.schema, ["id"])
    report = store.write("t", batch, ["id"])
    assert [(error.index, "246" in error.message) for error in report.errors] == [(1, True)]
    assert store.get("t", [{"id": "x" * 300}, {"id": "a"}], ["v"], 20) == [None, {"v": 1}]


def test_keys_of_several_columns_never_meet(store):  # noqa: F811
    batch = pa.record_batch({"a": ["x", "x:", "x::"], "b": ["::y", ":y", "y"], "v": [1, 2, 3]})
    fill(store, "t", batch, ("a", "b"))
    assert sorted(row["v"] for row in read(store, "t", 2)) == [1, 2, 3]


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


# keys before documents


class Killed(BaseException):
    """What a kill leaves undone."""


@pytest.mark.parametrize("step", ["insert", "upsert"])
def test_a_writer_killed_before_its_documents_leaves_rows_that_the_next_one_completes(
    store,  # noqa: F811
    adapter,
    monkeypatch,
    step,
):
    fill(store, "t", numbers(0, 10))
    many = Connection.many

    def until(self, place, operation, documents, *rest, **more):
        if operation == step and documents.keys() & {"20", "5"}:
            raise Killed
        return many(self, place, operation, documents, *rest, **more)

    with adapter.open() as other, monkeypatch.context() as patch:
        patch.setattr(Connection, "many", until)
        other._writes._new[store._catalog.info("t").id] = step == "insert"
        with pytest.raises(Killed):
            other.write("t", numbers(5, 25), ["id"])
    assert {row["id"] for row in read(store, "t")} >= set(range(10))
    with adapter.open() as other:
        assert other.write("t", numbers(5, 25), ["id"]).written == 20
    for count in (1, 4):
        assert sorted(row["id"] for row in read(store, "t", count)) == list(range(25))


def test_rows_that_were_there_are_noted_no_second_time(store, adapter):  # noqa: F811
    fill(store, "t", numbers(0, 300))
    info = store._catalog.info("t")
    before = store._scans._index.pages(info.home, info.id)
    for _ in range(5):
        with adapter.open() as other:
            other.write("t", numbers(0, 300), ["id"])
    assert store._scans._index.pages(info.home, info.id) == before


def test_a_page_that_was_taken_away_is_written_anew_with_all_its_keys(store, adapter):  # noqa: F811
    fill(store, "t", numbers(0, 10))
    info = store._catalog.info("t")
    collection, prefix = adapter.own
    number = store._scans._index.pages(info.home, info.id)
    collection.remove(f"{prefix}keys/{info.id}/{number:09}")
    fill(store, "t", numbers(10, 20))
    assert sorted(row["id"] for row in read(store, "t")) == list(range(20))


# what changes behind our back


def test_a_column_that_another_writer_added_is_known_at_once(store, adapter):  # noqa: F811
    fill(store, "t", numbers(0, 3))
    wider = numbers(3, 4).append_column("score", pa.array([0.5]))
    with adapter.open() as other:
        other.write("t", wider, ["id"], merge=True)
    assert store.write("t", wider, ["id"]).written == 1


def test_a_table_made_anew_is_not_the_one_of_the_snapshot(store, adapter):  # noqa: F811
    fill(store, "t", numbers(0, 3))
    (part,) = store.splits(store.snapshot("t"), 1)
    tables = adapter.list_of("tables")
    adapter.put_list("tables", {})  # as if its collection had been dropped
    with adapter.open() as other:
        if other._connection.has_collections:
            other._connection.bucket.collections().drop_collection(
                adapter.ref.settings["scope"], "t"
            )
        fill(other, "t", numbers(0, 9))
    assert adapter.list_of("tables").keys() == tables.keys()
    with pytest.raises(DataError) as caught:
        list(store.scan(part))
    assert caught.value.reason == "SnapshotExpired"


# blobs


def test_nothing_is_left_of_replaced_deleted_and_failed_blobs(store, adapter):  # noqa: F811
    uploads = []
    for size in (3 * CHUNK_BYTES, 10):
        store.put_blob("a", io.BytesIO(b"x" * size))
        uploads.append(adapter.list_of("blobs")["a"]["upload"])
    store.put_blob("b", io.BytesIO(b"y"))
    uploads.append(adapter.list_of("blobs")["b"]["upload"])
    store.delete_blob("b")
    assert [any(adapter.has_chunk(one, n) for n in range(4)) for one in uploads] == [
        False,
        True,
        False,
    ]
    assert adapter.list_of("uploads") == {}


def test_what_a_killed_writer_left_goes_with_a_later_put(store, adapter):  # noqa: F811
    store.put_blob("a", io.BytesIO(b"kept"))
    kept = adapter.list_of("blobs")["a"]["upload"]
    old = time.time() - 2 * 86_400
    dead = {"created": old, "key": "b", "replaces": ""}
    adapter.put_list("uploads", {"dead": dead, kept: {**dead, "key": "a", "replaces": "older"}})
    for upload, number in (("dead", 0), ("dead", 70), ("older", 0)):
        adapter.put_chunk(upload, number, b"x")
    for number in range(1, 70):
        adapter.put_chunk("dead", number, b"x")
    store.put_blob("c", io.BytesIO(b"new"))
    assert not adapter.has_chunk("dead", 70)
    assert not adapter.has_chunk("dead", 0)
    assert not adapter.has_chunk("older", 0)
    with store.open_blob("a") as stream:
        assert stream.read() == b"kept"
