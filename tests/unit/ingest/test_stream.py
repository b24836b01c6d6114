"""Records of a topic become rows: each once, or it has a dead letter that says why."""

from __future__ import annotations

import struct
import time

import pytest

from forebay_workloads import ingest as package
from forebay_workloads.errors import ConfigError
from forebay_workloads.ingest import held
from forebay_workloads.ingest import loop as looping
from forebay_workloads.ingest import stream as streaming
from forebay_workloads.ingest.letters import attempt_of
from forebay_workloads.ingest.room import Room
from forebay_workloads.streams.base import Record
from tests.contract.rows import eventually

from .topics import ingest, letters, produce, rows


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(looping, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(held, "FIRST", 0.0)


POISON = {
    "invalid JSON": b'{"id": 1,',
    "invalid UTF-8": b'{"id": 1, "city": "\xff\xfe"}',
    "empty": b"",
    "900 KiB": b'{"id": 1, "city": "' + b"x" * (900 << 10) + b'"}',
    "nested 10 000 deep": b'{"id": 1, "city": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "NaN": b'{"id": 1, "amount": NaN}',
    "duplicate keys": b'{"id": 1, "id": 2}',
    "no object": b"[1, 2]",
    "no key": b'{"amount": 1.0}',
}


def test_records_become_rows_and_a_second_run_finds_nothing_new(tmp_path):
    with ingest(tmp_path) as stage:
        produce(stage, *({"id": i, "v": i / 2} for i in range(100)))
        assert package.run(stage).rows == {"read": 100, "written": 100, "failed": 0}
        assert package.run(stage).rows == {"read": 0, "written": 0, "failed": 0}
        assert {row["id"]: row["v"] for row in rows(stage)} == {i: i / 2 for i in range(100)}
        kept = stage.workspace.read_json("results/ingest")
    assert sum(kept["source"]["snapshot"]["at"]["offsets"].values()) == 100


def test_records_of_a_fixed_binary_layout_become_rows_and_others_letters(tmp_path):
    fields = [
        {"name": "id", "type": "int64"},
        {"name": "city", "type": "string(4)"},
        {"name": "gap", "type": "pad(2)"},
        {"name": "amount", "type": "float32"},
    ]
    source = {
        "storeRef": {"name": "bus"},
        "topic": "tx",
        "format": "binary",
        "layout": {"order": "big", "fields": fields},
    }
    good = [struct.pack(">q4s2xf", n, b"ab", n / 2) for n in range(3)]
    with ingest(tmp_path, **{"from": source}) as stage:
        produce(stage, *good, good[0][:-1])
        assert package.run(stage).rows == {"read": 4, "written": 3, "failed": 1}
        assert rows(stage) == [{"id": n, "city": "ab", "amount": n / 2} for n in range(3)]
        ((_, headers),) = letters(stage)
    assert "17 bytes, the layout has 18" in headers["forebay.message"]


def test_the_last_record_of_a_key_is_the_row(tmp_path):
    with ingest(tmp_path) as stage:
        produce(stage, *({"id": i % 7, "v": i} for i in range(500)), key=b"k")
        package.run(stage)
        assert {row["id"]: row["v"] for row in rows(stage)} == {i % 7: i for i in range(493, 500)}


def test_F33_each_kind_of_poison_has_a_letter_and_the_rest_is_in_the_store(tmp_path):
    with ingest(tmp_path) as stage:
        produce(stage, {"id": 0, "amount": 0.5, "city": "x"}, key=b"k")
        for index, value in enumerate(POISON.values(), 100):
            produce(stage, value, {"id": index, "amount": 1.5, "city": "y"}, key=b"k")
        result = package.run(stage)
        found = letters(stage)
        assert sorted(row["id"] for row in rows(stage)) == [0, *range(100, 100 + len(POISON))]
    assert result.rows["failed"] == len(POISON)
    assert [value for value, _ in found] == list(POISON.values())
    for index, (_, headers) in enumerate(found):
        assert headers["forebay.topic"] == "tx"
        assert headers["forebay.offset"] == str(1 + 2 * index)
        assert headers["forebay.attempt"] == "1"
        assert headers["forebay.group"] == "default.payments"
        assert headers["forebay.reason"] in ("Unreadable", "SchemaMismatch")
        assert headers["forebay.message"]
        assert int(headers["forebay.failed-at"]) >= int(headers["forebay.timestamp"]) > 10**12


def test_F40_tombstones_and_null_keys_have_a_documented_meaning(tmp_path):
    with ingest(tmp_path) as stage:
        produce(stage, {"id": 1}, None)
        assert package.run(stage).rows == {"read": 2, "written": 1, "failed": 0}
    with ingest(tmp_path, schemaPolicy={"tombstone": "DeadLetter"}) as stage:
        produce(stage, {"id": 2}, None)
        assert package.run(stage).rows == {"read": 2, "written": 1, "failed": 1}
        assert "tombstone" in letters(stage)[0][1]["forebay.message"]


def test_F36_a_new_field_becomes_a_column_and_older_rows_stay_as_they_are(tmp_path):
    with ingest(tmp_path) as stage:
        produce(stage, {"id": 1, "v": 1})
        package.run(stage)
        produce(stage, {"id": 2, "v": 2, "extra": "x"})
        package.run(stage)
        assert rows(stage) == [{"id": 1, "v": 1, "extra": None}, {"id": 2, "v": 2, "extra": "x"}]


def test_rows_without_a_key_are_named_by_the_place_of_their_record(tmp_path):
    with ingest(tmp_path, key=()) as stage:
        produce(stage, {"v": 1}, b"rubbish", {"v": 1}, key=b"k")
        package.run(stage)
        assert [(row["_offset"], row["v"]) for row in rows(stage)] == [(0, 1), (2, 1)]


def test_fields_of_rows_without_a_key_become_columns_too(tmp_path):
    with ingest(tmp_path, key=()) as stage:
        produce(stage, {"v": 1}, key=b"k")
        package.run(stage)
        produce(stage, {"v": 2, "w": 3}, key=b"k")
        package.run(stage)
        assert [(row["v"], row["w"]) for row in rows(stage)] == [(1, None), (2, 3)]


ODD = {"names that differ by case": {"id": 9, "V": 1}, "no name": {"id": 9, "": 1},
       "many": {"id": 9} | {f"f{i}": i for i in range(3000)}, "ours": {"id": 9, "_forebay_row": 1}}  # fmt: skip


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_fields_that_the_store_cannot_hold_stop_nothing(tmp_path, odd):
    with ingest(tmp_path) as stage:
        produce(stage, {"id": 1, "v": 1}, key=b"k")
        package.run(stage)
        produce(stage, {"id": 2, "v": 2}, odd, key=b"k")
        result = package.run(stage)
        produce(stage, {"id": 3, "v": 3, "new": 1}, key=b"k")
        package.run(stage)
        found = {row["id"] for row in rows(stage)}
        assert {1, 2, 3} <= found
        assert result.rows["failed"] == (0 if 9 in found else 1)


def test_a_first_batch_with_odd_names_makes_a_table_of_the_others(tmp_path):
    with ingest(tmp_path) as stage:
        produce(stage, {"id": 1, "v": 1}, {"id": 2, "V": 2, "": 3})
        package.run(stage)
        assert {row["id"] for row in rows(stage)} == {1, 2}
        assert stage.store("local").schema("tx").names == ["id", "v"]


def test_a_topic_of_poison_alone_makes_no_table(tmp_path):
    with ingest(tmp_path) as stage:
        produce(stage, *[b"rubbish"] * 10)
        assert package.run(stage).rows == {"read": 10, "written": 0, "failed": 10}
        with pytest.raises(ConfigError):
            stage.store("local").schema("tx")


def test_F39_a_poll_is_never_larger_than_what_may_be_held():
    room, held, largest = Room(budget=1_000_000, most=5_000), 0, 0
    for size in [10] * 12 + [200_000] * 3 + [10] * 12:
        most = room.records(100_000)
        room.saw([Record("t", 0, 0, None, b"x" * size, 0)] * most)
        largest = max(largest, most)
        if held == size:  # it knows this size
            assert most * size <= 1_000_000
        held = size
    assert largest == 5_000
    assert room.records(7) == 7
    room.saw([])
    room.saw([Record("t", 0, 0, None, b"x" * 2_000_000, 0)])
    assert room.records(100) == 1


def test_a_limit_of_rows_per_second_is_kept(tmp_path):
    with ingest(tmp_path, limits={"rowsPerSecond": 1000}) as stage:
        produce(stage, *({"id": i} for i in range(600)))
        started = time.monotonic()
        package.run(stage)
        assert time.monotonic() - started > 0.09  # the first half second is free


def test_progress_tells_lag_rows_letters_and_drift(tmp_path):
    with ingest(tmp_path) as stage:
        said = []
        stage.progress = said.append
        produce(stage, {"id": 1, "v": 1}, b"rubbish")
        package.run(stage)
        produce(stage, {"id": 2, "v": 2, "new": 1})
        package.run(stage)
    last = said[-1]
    assert (last.step, last.rows, last.metrics["lag"], last.metrics["dead_lettered"]) == (
        "ingest",
        1,
        0,
        0,
    )
    assert last.metrics["last_commit"] > 1.7e9
    assert last.message == "new: new (1)"


@pytest.mark.parametrize(
    ("block", "reason", "words"),
    [
        ({"delivery": {"deadLetter": {"topic": "tx"}}}, "NameConflict", "the one that is read"),
        ({"from": {"storeRef": {"name": "bus"}, "topic": "tx", "format": "csv"}}, "FieldNotSupportedInMode", "csv"),
        ({"to": {"storeRef": {"name": "files"}, "table": "tx", "ttl": "1d"}}, "FieldNotSupportedInMode", "to.ttl"),
        ({"mode": "stream", "from": {"storeRef": {"name": "bus"}, "table": "t"}}, "FieldNotSupportedInMode", "topic"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_before_a_record_moves(tmp_path, block, reason, words):
    run = streaming.run if block.get("mode") == "stream" else package.run
    with ingest(tmp_path, **block) as stage, pytest.raises(ConfigError, match=words) as caught:
        run(stage)
    assert caught.value.reason == reason


def test_rows_of_records_end_after_their_ttl_and_those_with_new_fields_too(tmp_path):
    place = {"storeRef": {"name": "local"}, "table": "tx", "key": ["id"], "ttl": "200ms"}
    with ingest(tmp_path, to=place) as stage:
        produce(stage, {"id": 1, "v": 1})
        package.run(stage)
        produce(stage, {"id": 1, "v": 1, "new": 1}, {"id": 2, "v": 1, "new": 1})
        assert package.run(stage).rows["written"] == 2
        eventually(lambda: rows(stage) == [])
        assert stage.store("local").schema("tx").names == ["id", "v", "new"]


def test_letters_can_go_to_a_table_and_are_there_once(tmp_path):
    with ingest(
        tmp_path, delivery={"deadLetter": {"storeRef": {"name": "local"}, "table": "dead"}}
    ) as stage:
        produce(stage, {"id": 1}, b"rubb\xffish", key=b"k")
        package.run(stage)
        streaming._letters(stage, streaming.Feed.of(stage, stage.doc.spec["ingest"]))
        (row,) = rows(stage, "dead")
    assert (row["id"], row["record"], row["record_key"]) == (
        f"tx/{row['partition']}/1",
        b"rubb\xffish",
        b"k",
    )


def test_a_letter_keeps_the_headers_of_its_record_and_counts_attempts(tmp_path):
    with ingest(tmp_path) as stage:
        headers = [{"trace": b"\x00\xff", "forebay.attempt": b"2"}]
        stage.stream("bus").produce("tx", [b"rubbish"], [b"k"], headers)
        package.run(stage)
        (one,) = stage.stream("bus").consume(["tx.dlq"], "test", 10, 0.1).records
    assert (one.key, one.headers["trace"], one.headers["forebay.attempt"]) == (
        b"k",
        b"\x00\xff",
        b"2",
    )


@pytest.mark.parametrize(
    ("text", "attempt"), [(b"3", 3), (b"-1", 1), (b"x", 1), (b"9" * 40, 1), (b"0", 1)]
)
def test_nonsense_in_the_header_is_a_first_attempt(text, attempt):
    assert attempt_of({"forebay.attempt": text}) == attempt
    assert attempt_of(Record("t", 0, 0, None, None, 0).headers) == 1


def test_a_run_does_not_take_a_stream_upon_itself(tmp_path):
    with (
        ingest(tmp_path, mode="stream") as stage,
        pytest.raises(ConfigError, match="a Deployment's work"),
    ):
        package.run(stage)
    with ingest(tmp_path) as stage, pytest.raises(ConfigError, match="mode stream"):
        streaming.run(stage)
