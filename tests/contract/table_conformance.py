"""The part of the store suite about tables: reading, snapshots, writing, online reads."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.ingest.whole import checked, whole
from forebay_workloads.stores import open_store
from forebay_workloads.stores.base import Store

from . import rows
from .rows import eventually, fill, numbers, read


class TableConformance:
    names = itertools.count()

    # reading

    def test_a_table_gives_back_every_type_as_it_was_written(self, store):
        fill(store, "every", rows.every_type())
        assert store.schema("every").equals(rows.EVERY_TYPE)
        assert sorted(read(store, "every"), key=lambda row: row["id"]) == rows.ROWS

    @given(batch=rows.tables())
    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    def test_what_is_written_is_what_is_read(self, store, batch):
        table = f"t{next(self.names)}"
        fill(store, table, batch)
        found = {row["id"]: row for row in read(store, table)}
        assert len(found) == batch.num_rows
        for row in batch.to_pylist():
            assert rows.same(row, found[row["id"]])

    @pytest.mark.parametrize("count", [1, 2, 3, 7, 100])
    def test_splits_cover_every_row_exactly_once(self, store, count):
        store.ensure_table("t", numbers(0, 1).schema, ["id"])
        for start in range(0, 50, 10):
            store.write("t", numbers(start, start + 10), ["id"])
        parts = store.splits(store.snapshot("t"), count)
        assert 1 <= len(parts) <= count
        assert [part.index for part in parts] == list(range(len(parts)))
        assert sorted(row["id"] for row in read(store, "t", count)) == list(range(50))

    @pytest.mark.parametrize("count", [1, 3])
    def test_F49_a_part_that_is_lost_is_noticed(self, store, count):
        fill(store, "t", numbers(0, 50))
        snapshot = store.snapshot("t")
        parts = store.splits(snapshot, count)
        assert sum(batch.num_rows for batch in whole(store, snapshot, None, count)) == 50
        for lost in range(len(parts)):
            with pytest.raises(DataError) as caught:
                checked(snapshot, parts[:lost] + parts[lost + 1 :])
            assert caught.value.reason == "SnapshotExpired"

    def test_one_request_at_a_time_reads_and_writes_the_same(self, adapter):
        with adapter.open() as opened:
            fill(opened, "t", numbers(0, 200))
        with open_store(replace(adapter.ref, limits={"maxConcurrency": 1})) as limited:
            assert limited.write("t", numbers(100, 300), ["id"]).written == 200
            limited.write("t", numbers(0, 50), ["id"])
            assert sorted(row["id"] for row in read(limited, "t", 3)) == list(range(300))
            keys = [{"id": n} for n in range(0, 300, 7)]
            assert [row["id"] for row in limited.get("t", keys, timeout=10.0)] == list(
                range(0, 300, 7)
            )

    def test_batches_hold_at_most_as_many_rows_as_asked(self, store):
        fill(store, "t", numbers(0, 100))
        (part,) = store.splits(store.snapshot("t"), 1)
        sizes = [batch.num_rows for batch in store.scan(part, batch_rows=7)]
        assert sum(sizes) == 100
        assert max(sizes) <= 7

    def test_a_scan_gives_the_same_order_each_time(self, store, adapter):
        fill(store, "t", numbers(0, 60))
        store.write("t", numbers(20, 30), ["id"])
        with adapter.open() as other:
            assert read(store, "t", 3) == read(other, "t", 3)

    def test_only_the_columns_asked_for_are_read_in_the_order_asked(self, store):
        fill(store, "every", rows.every_type())
        (part,) = store.splits(store.snapshot("every"), 1)
        batches = list(store.scan(part, ["flag", "id"]))
        assert all(batch.schema.names == ["flag", "id"] for batch in batches)

    def test_an_unknown_column_is_named_with_those_there_are(self, store):
        fill(store, "t", numbers(0, 3))
        (part,) = store.splits(store.snapshot("t"), 1)
        with pytest.raises(ConfigError, match=r"'wrong'.*id int64, text string") as caught:
            list(store.scan(part, ["wrong"]))
        assert caught.value.reason == "SchemaMismatch"

    def test_an_empty_table_has_a_schema_one_split_and_no_rows(self, store):
        store.ensure_table("t", rows.EVERY_TYPE, ["id"])
        assert store.schema("t").equals(rows.EVERY_TYPE)
        assert len(store.splits(store.snapshot("t"), 4)) == 1
        assert read(store, "t", 4) == []

    def test_a_missing_table_is_named(self, store):
        fill(store, "there", numbers(0, 1))
        for look in (store.schema, store.snapshot, lambda table: store.get(table, [{"id": 1}])):
            with pytest.raises(ConfigError, match=r"missing.*there") as caught:
                look("missing")
            assert caught.value.reason == "ReferenceMissing"

    # snapshots

    def test_a_snapshot_knows_the_rows_when_it_says_so(self, store):
        fill(store, "t", numbers(0, 42))
        assert store.snapshot("t").rows in (42, None)

    def test_no_snapshot_is_stronger_than_the_capabilities_say(self, store):
        fill(store, "t", numbers(0, 1))
        order = ["None", "Horizon", "Pinned"]
        promised = order.index(store.capabilities.snapshot)
        assert order.index(store.snapshot("t").strength) <= promised

    def test_rows_added_later_are_no_part_of_a_snapshot(self, store):
        fill(store, "t", numbers(0, 20))
        snapshot = store.snapshot("t")
        store.write("t", numbers(20, 40), ["id"])
        weak = [list(range(40))] if snapshot.strength == "None" else []
        assert _ids_or_expired(store, snapshot) in (list(range(20)), "SnapshotExpired", *weak)

    def test_a_pinned_scan_gives_the_pinned_content_or_says_that_it_is_gone(self, store):
        fill(store, "t", numbers(0, 20))
        snapshot = store.snapshot("t")
        changed = pa.record_batch({"id": pa.array([5], pa.int64()), "text": ["another"]})
        store.write("t", changed, ["id"])
        try:
            parts = store.splits(snapshot, 2)
            found = [row for p in parts for b in store.scan(p) for row in b.to_pylist()]
            found.sort(key=lambda row: row["id"])
        except DataError as error:
            found = error.reason
        pinned = numbers(0, 20).to_pylist()
        now = [{**row, **changed.to_pylist()[0]} if row["id"] == 5 else row for row in pinned]
        weak = [] if snapshot.strength == "Pinned" else [now]
        assert found in ("SnapshotExpired", pinned, *weak)

    def test_writing_the_same_rows_again_leaves_a_snapshot_valid(self, store):
        fill(store, "t", numbers(0, 20))
        snapshot = store.snapshot("t")
        store.write("t", numbers(0, 20), ["id"])
        assert _ids_or_expired(store, snapshot) == list(range(20))

    # writing

    def test_the_same_batch_twice_leaves_the_same_rows(self, store):
        fill(store, "t", numbers(0, 30))
        before = read(store, "t")
        report = store.write("t", numbers(0, 30), ["id"])
        assert (report.written, list(report.errors)) == (30, [])
        assert read(store, "t") == before

    def test_a_second_write_of_a_key_replaces_the_whole_row(self, store):
        fill(store, "every", rows.every_type())
        store.write(
            "every", pa.record_batch({"id": pa.array([1], pa.int64()), "text": ["new"]}), ["id"]
        )
        (row,) = store.get("every", [{"id": 1}])
        assert row == dict.fromkeys(rows.EVERY_TYPE.names) | {"id": 1, "text": "new"}

    def test_of_two_rows_with_one_key_in_a_batch_the_last_is_kept(self, store):
        batch = pa.record_batch({"id": pa.array([1, 2, 1], pa.int64()), "text": ["a", "b", "c"]})
        fill(store, "t", batch)
        assert sorted((row["id"], row["text"]) for row in read(store, "t")) == [(1, "c"), (2, "b")]

    def test_a_key_may_have_several_columns(self, store):
        batch = pa.record_batch({"a": ["x", "x", "y"], "b": [1, 2, 1], "value": [0.1, 0.2, 0.3]})
        fill(store, "t", batch, ("a", "b"))
        store.write("t", pa.record_batch({"a": ["x"], "b": [2], "value": [9.0]}), ["a", "b"])
        assert store.get("t", [{"b": 2, "a": "x"}, {"a": "y", "b": 2}]) == [
            {"a": "x", "b": 2, "value": 9.0},
            None,
        ]

    def test_merge_keeps_the_fields_that_the_batch_does_not_name(self, store):
        patch = pa.record_batch({"id": pa.array([1, 9], pa.int64()), "score": [0.5, 0.6]})
        fill(store, "t", numbers(0, 3))
        if not store.capabilities.documents:
            with pytest.raises(ConfigError) as caught:
                store.write("t", patch, ["id"], merge=True)
            assert caught.value.reason == "FieldNotSupportedInMode"
            return
        store.write("t", patch, ["id"], merge=True)
        found = store.get("t", [{"id": 1}, {"id": 0}, {"id": 9}])
        assert found == [
            {"id": 1, "text": "row 1", "score": 0.5},
            {"id": 0, "text": "row 0", "score": None},
            {"id": 9, "text": None, "score": 0.6},
        ]

    def test_F46_rows_that_are_refused_are_named_and_all_others_are_written(self, store):
        store.ensure_table("t", numbers(0, 1).schema, ["id"])
        batch = pa.record_batch(
            {"id": pa.array(["1", None, "three", "4"]), "text": ["a", "b", "c", "d"]}
        )
        report = store.write("t", batch, ["id"])
        assert report.written == 2
        assert [(error.index, error.reason) for error in report.errors] == [
            (1, "SchemaMismatch"),
            (2, "SchemaMismatch"),
        ]
        assert "null" in report.errors[0].message
        assert "three" in report.errors[1].message
        assert report.errors[1].key == {"id": "three"}
        assert sorted(row["id"] for row in read(store, "t")) == [1, 4]

    def test_an_empty_key_is_a_row_like_others_or_refused_by_name(self, store):
        batch = pa.record_batch({"id": ["", "b"], "value": [1, 2]})
        store.ensure_table("t", batch.schema, ["id"])
        report = store.write("t", batch, ["id"])
        refused = [(error.index, error.key) for error in report.errors]
        assert refused in ([], [(0, {"id": ""})])
        assert report.written == 2 - len(refused)
        found = store.get("t", [{"id": ""}, {"id": "b"}], ["value"])
        assert found == [None if refused else {"value": 1}, {"value": 2}]

    def test_rows_are_gone_some_time_after_their_last_write_with_a_ttl(self, store):
        fill(store, "t", numbers(0, 1))
        if not store.capabilities.ttl:
            with pytest.raises(ConfigError) as caught:
                store.write("t", numbers(1, 4), ["id"], ttl=1.0)
            assert caught.value.reason == "FieldNotSupportedInMode"
            return
        store.write("t", numbers(1, 5), ["id"], ttl=1.0)
        store.write("t", numbers(2, 3), ["id"], ttl=3600.0)  # renewed
        store.write("t", numbers(3, 4), ["id"])  # for good again
        left = [row for row in numbers(0, 4).to_pylist() if row["id"] != 1]
        eventually(lambda: sorted(read(store, "t"), key=lambda row: row["id"]) == left)
        assert store.get("t", [{"id": n} for n in (1, 2, 4)], timeout=10.0) == [None, left[1], None]
        assert store.schema("t").equals(numbers(0, 1).schema)

    def test_rows_that_were_kept_for_good_end_too(self, store):
        if not store.capabilities.ttl:
            return
        fill(store, "t", numbers(0, 3))
        store.write("t", numbers(1, 3), ["id"], ttl=1.0)
        eventually(lambda: read(store, "t") == numbers(0, 1).to_pylist())

    def test_a_merge_makes_and_renews_rows_that_end(self, store):
        if not (store.capabilities.ttl and store.capabilities.documents):
            return
        patch = pa.record_batch({"id": pa.array([1, 9], pa.int64()), "score": [0.5, 0.6]})
        store.ensure_table("t", numbers(0, 1).schema, ["id"])
        store.write("t", numbers(0, 2), ["id"], ttl=1.0)
        store.write("t", patch, ["id"], merge=True, ttl=2.0)
        eventually(lambda: not read(store, "t"))
        assert store.get("t", [{"id": 1}, {"id": 9}], timeout=10.0) == [None, None]

    def test_a_row_that_ended_comes_back_with_its_next_write(self, store):
        if not store.capabilities.ttl:
            return
        store.ensure_table("t", numbers(0, 1).schema, ["id"])
        store.write("t", numbers(0, 2), ["id"], ttl=1.0)
        eventually(lambda: not read(store, "t"))
        store.write("t", numbers(1, 3), ["id"], ttl=3600.0)
        assert sorted(read(store, "t"), key=lambda row: row["id"]) == numbers(1, 3).to_pylist()

    def test_a_column_that_the_table_lacks_is_named(self, store):
        fill(store, "t", numbers(0, 1))
        with pytest.raises(DataError, match="'extra'") as caught:
            store.write("t", pa.record_batch({"id": pa.array([1]), "extra": [1]}), ["id"])
        assert caught.value.reason == "SchemaMismatch"

    def test_a_batch_without_rows_is_written_as_nothing(self, store):
        fill(store, "t", numbers(0, 2))
        assert store.write("t", numbers(0, 0), ["id"]).written == 0
        assert len(read(store, "t")) == 2

    def test_dictionary_columns_are_written_as_their_values(self, store):
        batch = pa.record_batch({"id": pa.array([1, 2, 3]), "kind": pa.array(["a", "b", "a"])})
        coded = batch.set_column(1, "kind", batch.column("kind").dictionary_encode())
        fill(store, "t", coded)
        found = sorted(read(store, "t"), key=lambda row: row["id"])
        assert [row["kind"] for row in found] == ["a", "b", "a"]

    def test_two_writers_lose_nothing(self, store, adapter):
        store.ensure_table("t", numbers(0, 1).schema, ["id"])

        def write(start: int) -> None:
            with adapter.open() as own:
                for first in range(start, start + 50, 10):
                    own.write("t", numbers(first, first + 10), ["id"])

        threads = [threading.Thread(target=write, args=(start,)) for start in (0, 50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(row["id"] for row in read(store, "t")) == list(range(100))

    # tables

    def test_ensuring_a_table_that_is_there_changes_nothing(self, store):
        fill(store, "t", numbers(0, 5))
        store.ensure_table("t", numbers(0, 1).schema, ["id"])
        assert len(read(store, "t")) == 5

    @pytest.mark.parametrize(
        ("schema", "key", "says"),
        [
            ({"id": pa.string(), "text": pa.string()}, ["id"], r"type string.*int64"),
            (
                {"id": pa.int64(), "more": pa.string()},
                ["id"],
                r"more string.*id int64, text string",
            ),
            (
                {"id": pa.int64(), "text": pa.string()},
                ["id", "text"],
                r"\['id', 'text'\].*\['id'\]",
            ),
        ],
    )
    def test_F47_another_table_of_that_name_is_refused_naming_expected_and_actual(
        self, store, schema, key, says
    ):
        fill(store, "t", numbers(0, 5))
        with pytest.raises(DataError, match=f"expected .*{says}") as caught:
            store.ensure_table("t", pa.schema(list(schema.items())), key)
        assert caught.value.reason == "SchemaMismatch"

    def test_a_key_that_is_no_column_is_refused(self, store):
        with pytest.raises(ConfigError, match="'nope'"):
            store.ensure_table("t", numbers(0, 1).schema, ["nope"])
        with pytest.raises(ConfigError, match="key"):
            store.ensure_table("t", numbers(0, 1).schema, [])

    def test_F59_S17_reserved_words_quotes_and_spaces_are_names_like_others(self, store):
        names = [
            "select",
            "order by",
            'a"b',
            "c'd; drop table t",
            "ключ",
            "a.b",
            "rowid",
            "%s",
            "?",
        ]
        batch = pa.record_batch({name: [f"{name} 1", f"{name} 2"] for name in names})
        fill(store, "group", batch, ("order by",))
        found = sorted(read(store, "group"), key=lambda row: row["select"])
        assert found == batch.to_pylist()
        assert store.get("group", [{"order by": "order by 2"}], ["select", 'a"b']) == [
            {"select": "select 2", 'a"b': 'a"b 2'}
        ]

    # online reads

    def test_an_online_read_answers_each_key_in_order_and_none_for_a_miss(self, store):
        fill(store, "t", numbers(0, 10))
        found = store.get("t", [{"id": 7}, {"id": 99}, {"id": 0}, {"id": 7}], ["text"])
        assert found == [{"text": "row 7"}, None, {"text": "row 0"}, {"text": "row 7"}]
        assert store.get("t", []) == []

    def test_an_online_read_does_not_take_longer_than_asked(self, store):
        fill(store, "t", numbers(0, 10))
        with pytest.raises(RetryableError) as caught:
            store.get("t", [{"id": 7}] * 10, timeout=0.0)
        assert caught.value.reason == "DeadlineExceeded"
        assert store.get("t", [{"id": 7}])[0] is not None

    def test_a_key_of_another_type_is_refused_by_name(self, store):
        fill(store, "t", numbers(0, 10))
        with pytest.raises(DataError, match="'id' is int64") as caught:
            store.get("t", [{"id": "seven"}])
        assert caught.value.reason == "SchemaMismatch"


def _ids_or_expired(store: Store, snapshot) -> list[int] | str:
    try:
        parts = store.splits(snapshot, 2)
        return sorted(row["id"] for p in parts for b in store.scan(p) for row in b.to_pylist())
    except DataError as error:
        return error.reason
