"""The Cassandra adapter passes the suites, and does what only a real cluster is asked for."""

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
from forebay_workloads.stores import cassandra_scan, open_store
from tests.contract.pinned import reads_the_same_rows_after_others_wrote
from tests.contract.rows import fill, numbers, read
from tests.contract.store_conformance import StoreConformance, store  # noqa: F401 - a fixture


class CassandraAdapter:
    def __init__(self, keyspaces):
        self.ref = keyspaces.new()
        self.session = keyspaces.session
        self.keyspace = self.ref.settings["keyspace"]

    def open(self):
        return open_store(self.ref)

    def ask(self, text, *values):
        """As the server's administrator; `%k` is the keyspace."""
        return self.session.execute(text.replace("%k", self.keyspace), values or None, timeout=60)

    def corrupt(self, key):
        blob = self.ask("SELECT id FROM %k.forebay_blobs WHERE state = 0 AND key = %s", key)
        where = "FROM %k.forebay_chunks WHERE blob = %s AND part = 0 AND number = 1"
        number = blob.one().id
        data = bytearray(self.ask(f"SELECT data {where}", number).one().data)
        data[9] ^= 1
        self.ask(
            "UPDATE %k.forebay_chunks SET data = %s WHERE blob = %s AND part = 0 AND number = 1",
            bytes(data),
            number,
        )


@pytest.fixture
def adapter(keyspaces):
    return CassandraAdapter(keyspaces)


class TestCassandraStore(StoreConformance):
    pass


def test_a_run_that_asks_for_a_pin_reads_its_own_copy(adapter, tmp_path):
    reads_the_same_rows_after_others_wrote(adapter.ref, tmp_path)


# tables of somebody else


def test_a_table_of_somebody_else_is_read_with_its_nearest_types(store, adapter):  # noqa: F811
    adapter.ask(
        "CREATE TABLE %k.others (a int, b text, at timestamp, day date, clock time, id uuid, price decimal,"
        " many varint, tags set<text>, marks list<int>, names map<text, int>, near vector<float, 2>, ip inet,"
        " PRIMARY KEY ((a, b), at)) WITH CLUSTERING ORDER BY (at DESC)"
    )
    adapter.ask(
        "INSERT INTO %k.others (a, b, at, day, clock, id, price, many, tags, marks, names, near, ip) VALUES (1, 'x',"
        " '2024-02-29T12:00:00.123Z', '1969-07-20', '12:00:00.000001', 00000000-0000-0000-0000-000000000005,"
        " 1.25, 12345678901234567890, {'b', 'a'}, [3, 1], {'k': 2}, [0.5, -1.0], '10.0.0.1')"
    )
    assert store.schema("others").names[:3] == ["a", "b", "at"]
    (row,) = read(store, "others")
    assert row["at"].isoformat() == "2024-02-29T12:00:00.123000+00:00"
    assert (row["day"].isoformat(), row["id"][-1], row["price"]) == ("1969-07-20", "5", 1.25)
    assert (int(row["many"]), row["tags"], row["marks"]) == (
        12345678901234567890,
        ["a", "b"],
        [3, 1],
    )
    assert (row["names"], row["near"], row["ip"]) == ('{"k": 2}', [0.5, -1.0], "10.0.0.1")
    assert row["clock"].isoformat() == "12:00:00.000001"
    assert store.get("others", [{"a": 1, "b": "x", "at": row["at"]}], ["marks"]) == [
        {"marks": [3, 1]}
    ]


def test_a_table_of_somebody_else_is_written_and_its_other_columns_are_named(store, adapter):  # noqa: F811
    adapter.ask(
        "CREATE TABLE %k.others (a int, b text, at timestamp, tags set<text>, PRIMARY KEY (a, b))"
    )
    batch = pa.record_batch({"a": [1, 1], "b": ["x", ""], "tags": [["t"], None]})
    assert store.write("others", batch, ["a", "b"]).written == 2
    assert sorted(row["b"] for row in read(store, "others")) == ["", "x"]
    with pytest.raises(DataError, match="'score'"):
        store.write(
            "others", batch.append_column("score", pa.array([1, 2])), ["a", "b"], merge=True
        )


def test_a_counter_is_not_written(store, adapter):  # noqa: F811
    adapter.ask("CREATE TABLE %k.seen (a int PRIMARY KEY, n counter)")
    with pytest.raises(DataError, match="counter"):
        store.write("seen", pa.record_batch({"a": [1], "n": [1]}), ["a"])


# size, partitions, limits


def test_a_large_table_is_read_in_pages_that_fit_memory(store, monkeypatch):  # noqa: F811
    monkeypatch.setattr(cassandra_scan, "PAGE_BYTES", 64 << 10)
    ids = pa.array(range(3000), pa.int64())
    batch = pa.record_batch({"id": ids, "text": ["x" * (1 + i % 500) for i in range(3000)]})
    fill(store, "t", batch)
    for count in (1, 3):
        parts = store.splits(store.snapshot("t"), count)
        batches = [b for part in parts for b in store.scan(part)]
        assert sorted(i for b in batches for i in b.column("id").to_pylist()) == list(range(3000))
        assert max(b.nbytes for b in batches) < 256 << 10


def test_rows_of_one_partition_go_together_and_all_arrive(store):  # noqa: F811
    batch = pa.record_batch(
        {"device": ["d1", "d2"] * 500, "at": list(range(1000)), "value": [0.5] * 1000}
    )
    fill(store, "t", batch, ("device", "at"))
    assert len(read(store, "t", 4)) == 1000


def test_rows_of_many_partitions_arrive_without_a_warning_of_the_server(store, caplog):  # noqa: F811
    names = [f"column{number}" for number in range(32)]
    for table, columns in (("narrow", names[:3]), ("wide", names)):
        batch = pa.record_batch({name: list(range(2_000)) for name in columns})
        store.ensure_table(table, batch.schema, columns[:1])
        assert store.write(table, batch, columns[:1]).written == 2_000
        assert len(read(store, table)) == 2_000
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_value_that_the_server_refuses_is_named_and_the_others_are_written(store):  # noqa: F811
    batch = pa.record_batch({"id": ["a", "b", "x" * 70_000], "value": [1, 2, 3]})
    store.ensure_table("t", batch.schema, ["id"])
    report = store.write("t", batch, ["id"])
    assert (report.written, [error.index for error in report.errors]) == (2, [2])
    assert sorted(row["id"] for row in read(store, "t")) == ["a", "b"]


# what changes behind our back


def test_a_column_dropped_since_is_named(store, adapter):  # noqa: F811
    fill(store, "t", numbers(0, 3))
    adapter.ask('ALTER TABLE %k.t DROP "text"')
    with pytest.raises(DataError, match="no column 'text'") as caught:
        store.write("t", numbers(3, 4), ["id"])
    assert caught.value.reason == "SchemaMismatch"
    assert store.schema("t").names == ["id"]


def test_a_table_made_anew_is_not_the_one_of_the_snapshot(store, adapter):  # noqa: F811
    fill(store, "t", numbers(0, 3))
    snapshot = store.snapshot("t")
    adapter.ask("DROP TABLE %k.t")
    fill(store, "t", numbers(0, 9))
    (part,) = store.splits(snapshot, 1)
    with pytest.raises(DataError) as caught:
        list(store.scan(part))
    assert caught.value.reason == "SnapshotExpired"


def test_a_table_dropped_since_is_missing(store, adapter):  # noqa: F811
    fill(store, "t", numbers(0, 3))
    adapter.ask("DROP TABLE %k.t")
    with pytest.raises(ConfigError) as caught:
        store.write("t", numbers(0, 3), ["id"])
    assert caught.value.reason == "ReferenceMissing"


def test_a_keyspace_is_made_for_the_first_table_and_blob(adapter):
    other = replace(
        adapter.ref, settings={**adapter.ref.settings, "keyspace": f"{adapter.keyspace}_2"}
    )
    try:
        with open_store(other) as opened:
            assert opened.list_blobs("") == []
            with pytest.raises(ConfigError) as caught:
                opened.schema("t")
            assert caught.value.reason == "ReferenceMissing"
            opened.put_blob("a", io.BytesIO(b"x"))
            fill(opened, "t", numbers(0, 3))
            assert len(read(opened, "t")) == 3
    finally:
        adapter.ask("DROP KEYSPACE IF EXISTS %k_2")


def test_what_a_killed_writer_left_is_removed_a_day_later(store, adapter):  # noqa: F811
    store.put_blob("a", io.BytesIO(b"x"))
    adapter.ask(
        "INSERT INTO %k.forebay_blobs (state, key, id, created) VALUES (1, 'u', uuid(), '2020-01-01')"
    )
    left = adapter.ask("SELECT id FROM %k.forebay_blobs WHERE state = 1").one().id
    chunk = "INSERT INTO %k.forebay_chunks (blob, part, number, data) VALUES (%s, 0, 0, 0x00)"
    adapter.ask(chunk, left)
    store.put_blob("b", io.BytesIO(b"y"))
    chunks = adapter.ask("SELECT blob FROM %k.forebay_chunks").all()
    assert len(chunks) == 2
    assert left not in [chunk.blob for chunk in chunks]


# connections


def reason_of(ref):
    """What a probe of it says, within the time that a condition may take."""
    start = time.monotonic()
    with (
        pytest.raises((ConfigError, RetryableError)) as caught,
        open_store(ref) as opened,
    ):
        opened.probe()
    assert time.monotonic() - start < 30
    return caught.value


def test_a_wrong_password_is_said_without_the_password(adapter, tmp_path):
    (tmp_path / "username").write_text(Path(adapter.ref.secrets, "username").read_text())
    (tmp_path / "password").write_text("s3cret-but-wrong")
    error = reason_of(replace(adapter.ref, secrets=str(tmp_path)))
    assert error.reason == "StoreAuthFailed"
    assert "s3cret" not in str(error)


def test_a_server_that_is_not_there_is_unreachable(adapter):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
    settings = {**adapter.ref.settings, "contactPoints": [nobody]}
    assert reason_of(replace(adapter.ref, settings=settings)).reason == "StoreUnreachable"
    settings = {**adapter.ref.settings, "contactPoints": ["nowhere.invalid:9042"]}
    assert reason_of(replace(adapter.ref, settings=settings)).reason == "StoreUnreachable"


def test_an_unknown_data_centre_is_named_with_those_there_are(adapter):
    error = reason_of(
        replace(adapter.ref, settings={**adapter.ref.settings, "localDatacenter": "dc9"})
    )
    assert error.reason == "ReferenceMissing"
    assert "datacenter1" in error.message


def test_F41_a_user_without_the_right_to_a_table_is_refused(store, adapter, tmp_path):  # noqa: F811
    fill(store, "t", numbers(0, 3))
    user = f"{adapter.keyspace}_u"
    adapter.ask(f"CREATE ROLE {user} WITH LOGIN = true AND PASSWORD = 'other'")
    try:
        (tmp_path / "username").write_text(user)
        (tmp_path / "password").write_text("other")
        with (
            open_store(replace(adapter.ref, secrets=str(tmp_path))) as opened,
            pytest.raises(ConfigError) as caught,
        ):
            read(opened, "t")
        assert caught.value.reason == "StoreAuthFailed"
    finally:
        adapter.ask(f"DROP ROLE {user}")


def test_threads_share_a_store(store):  # noqa: F811
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    threads = [
        threading.Thread(target=store.write, args=("t", numbers(start, start + 100), ["id"]))
        for start in range(0, 400, 100)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read(store, "t", 3)) == 400


def test_an_online_read_keeps_its_deadline_where_nothing_answers(adapter):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = [f"127.0.0.1:{silent.getsockname()[1]}"]
        settings = {**adapter.ref.settings, "contactPoints": hosts}
        with open_store(replace(adapter.ref, settings=settings)) as opened:
            started = time.monotonic()
            with pytest.raises(RetryableError) as caught:
                opened.get("t", [{"id": 1}], timeout=0.3)
            assert caught.value.reason == "DeadlineExceeded"
            assert time.monotonic() - started < 5
