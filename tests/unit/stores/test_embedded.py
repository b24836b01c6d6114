"""What is the embedded store's own: speed, processes, full disks, files that are something else."""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pyarrow as pa
import pytest

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores import open_store
from forebay_workloads.stores.base import CHUNK_BYTES


@pytest.fixture
def path(tmp_path):
    return tmp_path / "local.db"


@pytest.fixture
def store(path):
    with open_store(StoreRef("local", "embedded", {"path": str(path)})) as opened:
        yield opened


def numbers(start, stop, text="x"):
    return pa.record_batch(
        {"id": pa.array(range(start, stop), pa.int64()), "text": [text] * (stop - start)}
    )


def count(store, table="t"):
    return store.snapshot(table).rows


def test_a_hundred_thousand_rows_take_about_a_second(store):
    batch = numbers(0, 100_000)
    store.ensure_table("t", batch.schema, ["id"])
    started = time.process_time()
    for start in range(0, 100_000, 50_000):
        store.write("t", batch.slice(start, 50_000), ["id"])
    (part,) = store.splits(store.snapshot("t"), 1)
    assert sum(one.num_rows for one in store.scan(part)) == 100_000
    assert time.process_time() - started < 3.0  # of this process alone: the machine may be busy


def test_F48_a_full_disk_keeps_nothing_of_the_write_and_the_store_goes_on(store):
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    store.write("t", numbers(0, 10), ["id"])
    connection = store._database.connection()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(RetryableError) as caught:
        store.write("t", numbers(0, 5000, "x" * 100), ["id"])
    assert caught.value.reason == "DiskFull"
    with pytest.raises(RetryableError) as caught:
        store.put_blob("a", io.BytesIO(b"x" * 2 * CHUNK_BYTES))
    assert caught.value.reason == "DiskFull"
    connection.execute("PRAGMA max_page_count = 1000000")
    assert count(store) == 10
    assert store.list_blobs("") == []
    store.write("t", numbers(0, 5000, "x" * 100), ["id"])
    assert count(store) == 5000


def test_a_file_that_is_no_store_is_not_touched(tmp_path):
    place = tmp_path / "notes.txt"
    place.write_text("these are my notes " * 100)
    store = open_store(StoreRef("local", "embedded", {"path": str(place)}))
    with pytest.raises(DataError) as caught:
        store.schema("t")
    assert caught.value.reason == "DigestMismatch"
    assert place.read_text() == "these are my notes " * 100
    store.close()


def test_a_store_without_a_path_is_refused():
    with pytest.raises(ConfigError, match=r"embedded\.path"):
        open_store(StoreRef("local", "embedded"))


def test_a_store_that_cannot_be_made_is_unreachable(tmp_path):
    (tmp_path / "file").write_text("x")
    store = open_store(StoreRef("local", "embedded", {"path": str(tmp_path / "file" / "a.db")}))
    with pytest.raises(RetryableError) as caught:
        store.probe()
    assert caught.value.reason == "StoreUnreachable"


def test_names_that_differ_by_case_only_are_refused(store):
    with pytest.raises(ConfigError, match="case"):
        store.ensure_table("t", pa.schema([("A", pa.int64()), ("a", pa.int64())]), ["A"])
    store.ensure_table("ratings", numbers(0, 1).schema, ["id"])
    with pytest.raises(ConfigError, match="case"):
        store.ensure_table("Ratings", numbers(0, 1).schema, ["id"])


@pytest.mark.parametrize("name", ["_forebay_blobs", "sqlite_master"])
def test_the_stores_own_tables_are_out_of_reach(store, name):
    with pytest.raises(ConfigError):
        store.ensure_table(name, numbers(0, 1).schema, ["id"])
    with pytest.raises(ConfigError):
        store.schema(name)


def test_a_number_that_does_not_fit_is_named_and_the_others_are_written(store):
    batch = pa.record_batch({"id": pa.array([1, 2**63, 3], pa.uint64())})
    store.ensure_table("t", batch.schema, ["id"])
    report = store.write("t", batch, ["id"])
    assert (report.written, [error.index for error in report.errors]) == (2, [1])


def test_a_type_that_cannot_be_held_is_named(store):
    with pytest.raises(ConfigError, match=r"'m'.*map"):
        store.ensure_table(
            "t", pa.schema([("id", pa.int64()), ("m", pa.map_(pa.string(), pa.int64()))]), ["id"]
        )


def test_a_column_added_by_a_document_expires_older_snapshots(store):
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    store.write("t", numbers(0, 10), ["id"])
    (part,) = store.splits(store.snapshot("t"), 1)
    store.write("t", pa.record_batch({"id": pa.array([1]), "score": [0.5]}), ["id"], merge=True)
    with pytest.raises(DataError) as caught:
        list(store.scan(part))
    assert caught.value.reason == "SnapshotExpired"
    assert store.schema("t").names == ["id", "text", "score"]


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(store):
    store._tables._now = Clock()
    return store._tables._now


def test_a_pinned_scan_gives_rows_that_ended_since_until_somebody_removed_them(store, clock):
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    store.write("t", numbers(0, 5), ["id"], ttl=10.0)
    store.write("t", numbers(5, 9), ["id"])
    snapshot = store.snapshot("t")
    clock.now += 10
    assert store.get("t", [{"id": 4}, {"id": 5}], ["id"]) == [None, {"id": 5}]
    (part,) = store.splits(snapshot, 1)
    assert sum(batch.num_rows for batch in store.scan(part)) == 9
    assert count(store) == 4
    with pytest.raises(DataError) as caught:
        list(store.scan(part))
    assert caught.value.reason == "SnapshotExpired"


def test_splits_cover_what_is_left_when_rows_ended_at_the_begin_middle_and_end(store, clock):
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    store.write("t", numbers(0, 100), ["id"])
    for start in (0, 40, 90):
        store.write("t", numbers(start, start + 10), ["id"], ttl=10.0)
    clock.now += 10
    store.write("t", numbers(200, 210), ["id"], ttl=10.0)
    snapshot = store.snapshot("t")
    found = [
        row["id"]
        for part in store.splits(snapshot, 7)
        for batch in store.scan(part, batch_rows=9)
        for row in batch.to_pylist()
    ]
    assert snapshot.rows == 80
    assert found == [*range(10, 40), *range(50, 90), *range(200, 210)]


def test_renewing_rows_is_no_change_of_what_a_snapshot_holds(store, clock):
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    store.write("t", numbers(0, 5), ["id"], ttl=10.0)
    snapshot = store.snapshot("t")
    clock.now += 9
    store.write("t", numbers(0, 5), ["id"], ttl=10.0)
    clock.now += 9
    assert store.snapshot("t") == snapshot
    clock.now += 1
    assert count(store) == 0
    assert store.write("t", numbers(3, 4, "y"), ["id"], ttl=10.0).written == 1
    assert store.get("t", [{"id": 3}, {"id": 4}], ["text"]) == [{"text": "y"}, None]


def test_a_merge_without_a_ttl_leaves_the_end_of_a_row_as_it_is(store, clock):
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    store.write("t", numbers(0, 2), ["id"], ttl=10.0)
    store.write("t", numbers(0, 1, "y"), ["id"], merge=True)
    clock.now += 10
    assert count(store) == 0


def test_a_blob_replaced_while_it_is_read_is_not_mixed(store):
    store.put_blob("a", io.BytesIO(b"a" * 3 * CHUNK_BYTES))
    with store.open_blob("a") as stream:
        assert stream.read(10) == b"a" * 10
        store.put_blob("a", io.BytesIO(b"b" * 3 * CHUNK_BYTES))
        with pytest.raises(DataError) as caught:
            stream.read()
    assert caught.value.reason == "SnapshotExpired"


def test_what_a_killed_writer_left_of_a_blob_is_removed_later(store, path):
    store.put_blob("a", io.BytesIO(b"x"))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO _forebay_blobs (key, created) VALUES ('a', 0)")
        database.execute(
            "INSERT INTO _forebay_chunks SELECT max(id), 0, x'00', x'00' FROM _forebay_blobs"
        )
    store.put_blob("b", io.BytesIO(b"x"))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM _forebay_chunks").fetchone() == (2,)
    assert [info.key for info in store.list_blobs("")] == ["a", "b"]


WRITER = """
import sys
import pyarrow as pa
from forebay_workloads.contract import StoreRef
from forebay_workloads.stores import open_store
with open_store(StoreRef("local", "embedded", {"path": sys.argv[1]})) as store:
    start, rows = int(sys.argv[2]), 20
    batch = pa.record_batch({"id": pa.array(range(start, start + rows), pa.int64()), "text": ["x"] * rows})
    store.ensure_table("t", batch.schema, ["id"])
    print("ready", flush=True)
    while True:
        store.write("t", batch, ["id"])
        if len(sys.argv) == 3:
            break
        start += rows
        ids = pa.array(range(start, start + rows), pa.int64())
        batch = batch.set_column(0, "id", ids)
"""


@pytest.mark.slow
def test_processes_that_make_a_store_together_lose_nothing(path, store):
    commands = [[sys.executable, "-c", WRITER, str(path), str(1000 * index)] for index in range(3)]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert count(store) == 60


@pytest.mark.slow
def test_F24_a_writer_killed_at_any_time_leaves_whole_batches(path, store):
    command = [sys.executable, "-c", WRITER, str(path), "0", "forever"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        time.sleep(0.2)
        os.kill(process.pid, signal.SIGKILL)
    found = count(store)
    assert found % 20 == 0
    (part,) = store.splits(store.snapshot("t"), 1)
    ids = [row["id"] for batch in store.scan(part) for row in batch.to_pylist()]
    assert ids == list(range(found))
