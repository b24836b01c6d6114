"""A topic read as a table: pinned first and last offsets, parts that cover it once, never a silent subset."""

from __future__ import annotations

import time
from contextlib import closing

import pytest
from confluent_kafka import TopicPartition

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores import open_store
from forebay_workloads.stores.kafka import SCHEMA
from forebay_workloads.streams import open_stream
from tests.contract import pinned


@pytest.fixture
def store(kafka):
    with open_store(kafka) as opened:
        yield opened


@pytest.fixture
def topic(prefix, topics):
    return topics.make(f"{prefix}t", 4)


@pytest.fixture
def write(kafka, topic):
    with closing(open_stream(kafka)) as stream:

        def write(start, end, name=topic):
            keys = [str(number).encode() for number in range(start, end)]
            stream.produce(name, keys, keys)

        yield write


def read(store, snapshot, count=1, **more):
    parts = store.splits(snapshot, count)
    assert 1 <= len(parts) <= count
    return [
        row for part in parts for batch in store.scan(part, **more) for row in batch.to_pylist()
    ]


def numbers(rows):
    return sorted(int(row["value"]) for row in rows)


@pytest.mark.parametrize("count", [1, 3, 16])
def test_parts_cover_every_record_once_and_later_ones_are_no_part(store, topic, write, count):
    write(0, 500)
    snapshot = store.snapshot(topic)
    write(500, 600)
    assert snapshot.strength == "Pinned"
    rows = read(store, snapshot, count)
    assert numbers(rows) == list(range(500))
    assert rows == read(store, snapshot, count)


def test_columns_and_sizes_are_as_asked(store, topic, write):
    write(0, 100)
    assert store.schema(topic) == SCHEMA
    (part,) = store.splits(store.snapshot(topic), 1)
    batches = list(store.scan(part, ["value", "offset"], batch_rows=7))
    assert all(batch.schema.names == ["value", "offset"] for batch in batches)
    assert max(batch.num_rows for batch in batches) <= 7
    with pytest.raises(ConfigError, match="'wrong'"):
        list(store.scan(part, ["wrong"]))


def test_an_empty_topic_has_one_part_and_no_rows(store, topic):
    assert read(store, store.snapshot(topic), 4) == []


def test_a_topic_that_is_not_there_is_named(store, prefix, topic):
    with pytest.raises(ConfigError, match="missing") as caught:
        store.snapshot(f"{prefix}missing")
    assert caught.value.reason == "ReferenceMissing"
    assert topic in caught.value.message


def test_records_deleted_since_expire_the_snapshot(store, topic, write, topics):
    write(0, 400)
    snapshot = store.snapshot(topic)
    for answer in topics.admin.delete_records([TopicPartition(topic, 2, 5)]).values():
        answer.result(20)
    with pytest.raises(DataError) as caught:
        read(store, snapshot)
    assert caught.value.reason == "SnapshotExpired"


def test_a_topic_made_again_expires_the_snapshot(store, topic, write, topics):
    write(0, 40)
    snapshot = store.snapshot(topic)
    topics.admin.delete_topics([topic])[topic].result(30)
    with pytest.raises(DataError) as caught:
        read(store, snapshot)
    assert caught.value.reason == "SnapshotExpired"
    end = time.monotonic() + 20
    while topic in topics.admin.list_topics(timeout=10).topics and time.monotonic() < end:
        time.sleep(0.2)
    topics.make(topic, 4)
    with pytest.raises(DataError, match="made again"):
        read(store, snapshot)


def test_aborted_records_and_marks_of_transactions_are_no_rows(
    store, kafka, topic, write, prefix, topics
):
    out = topics.make(f"{prefix}out", 1, **{"max.message.bytes": "2000"})
    write(0, 3)
    with closing(open_stream(kafka)) as stream:
        polled = stream.consume([topic], prefix + "g", 10, 5.0)
        with pytest.raises(DataError):
            stream.transact(prefix + "g", polled.positions, out, [b"1", b"\0" * 1_500_000])
        polled = stream.consume([topic], prefix + "g", 10, 5.0)
        stream.transact(prefix + "g", polled.positions, out, [b"7", b"8"])
    assert numbers(read(store, store.snapshot(out), 2)) == [7, 8]


def test_a_compacted_topic_is_no_pin(store, prefix, topics):
    compacted = topics.make(f"{prefix}compact", 1, **{"cleanup.policy": "compact"})
    assert store.snapshot(compacted).strength == "Horizon"


def test_a_run_that_asks_for_a_pin_of_a_compacted_topic_reads_its_own_copy(
    kafka, prefix, topics, write, tmp_path
):
    compacted = topics.make(f"{prefix}kept", 1, **{"cleanup.policy": "compact"})
    write(0, 50, compacted)
    first, snapshot = pinned.rows(kafka, tmp_path, compacted)
    write(20, 70, compacted)
    assert pinned.rows(kafka, tmp_path, compacted) == (first, snapshot)
    assert numbers(first) == list(range(50))
    assert (snapshot["strength"], snapshot["at"]["store"]) == ("Pinned (copy)", "Horizon")


def test_what_a_broker_cannot_hold_is_refused(store, topic):
    for call in (
        lambda: store.ensure_table(topic, SCHEMA, ["offset"]),
        lambda: store.get(topic, [{"offset": 1}]),
        lambda: store.list_blobs(""),
    ):
        with pytest.raises(ConfigError) as caught:
            call()
        assert caught.value.reason == "FieldNotSupportedInMode"


def test_a_probe_names_the_cluster(store):
    assert "Kafka" in store.probe().server_version
