import math

import pyarrow as pa
import pytest

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.recipes.base import Preempted
from tests.contract.rows import eventually


def ratings(count=100):
    return pa.table(
        {
            "taster": [f"t{i % 7}" for i in range(count)],
            "points": [float(i % 5) for i in range(count)],
            "at": pa.array([1_000_000 + i // 3 for i in range(count)], pa.int64()),
        }
    )


def test_without_a_split_every_row_trains_in_the_order_of_the_store(kit):
    done = kit.fill(ratings()).run({})
    assert list(done.tables) == ["train"]
    assert done.column("id") == list(range(100))
    assert done.result.rows == {"read": 100, "result": 100, "train": 100}


def test_a_random_split_is_exact_and_loses_and_doubles_no_row(kit):
    split = {"by": "random", "test": "0.2", "validation": "0.15", "seed": 7}
    done = kit.fill(ratings(103)).run({"split": split})
    sizes = {name: table.num_rows for name, table in done.tables.items()}
    assert sizes == {"train": 103 - 20 - 15, "validation": 15, "test": 20}
    every = [i for name in done.tables for i in done.column("id", name)]
    assert sorted(every) == list(range(103))
    for name in done.tables:
        assert done.column("id", name) == sorted(done.column("id", name))
    assert done.document["split"]["seed"] == 7
    assert done.result.detail["digests"] == done.digests


def test_the_split_depends_on_the_seed_and_on_nothing_else(kit, tmp_path_factory):
    from .kit import Kit

    other = Kit(tmp_path_factory.mktemp("other")).fill(ratings(), batch_rows=7)
    split = {"by": "random", "test": "0.2", "seed": 7}
    one = kit.fill(ratings()).run({"split": split})
    assert one.digests == other.run({"split": split}).digests
    assert one.digests == kit.run({"split": split}).digests
    assert one.digests != kit.run({"split": {**split, "seed": 8}}).digests


def test_a_group_is_on_one_side_only(kit):
    split = {"by": "group", "column": "taster", "test": "0.3", "validation": "0.2", "seed": 1}
    done = kit.fill(ratings()).run({"split": split})
    groups = {name: set(done.column("taster", name)) for name in done.tables}
    assert groups["train"] | groups["validation"] | groups["test"] == {f"t{i}" for i in range(7)}
    assert not groups["train"] & groups["test"]
    assert not groups["validation"] & (groups["train"] | groups["test"])
    assert len(groups["test"]) == 2  # floor(0.3 * 7)
    assert done.document["split"]["groups"] == 7


def test_a_split_by_time_trains_on_the_past_and_keeps_equal_times_together(kit):
    split = {"by": "time", "column": "at", "test": "0.25", "validation": "0.2"}
    done = kit.fill(ratings()).run({"split": split})
    times = {name: done.column("at", name) for name in done.tables}
    assert max(times["train"]) < min(times["validation"])
    assert max(times["validation"]) < min(times["test"])
    assert len(times["test"]) in (25, 26, 27)


def test_a_split_by_time_reads_timestamps_and_texts_alike(kit):
    texts = [f"2024-01-{day:02}T00:00:00" for day in range(1, 21)]
    times = pa.array(texts).cast(pa.timestamp("us"))
    table = pa.table({"text": texts, "time": times})
    kit.fill(table)
    found = [
        kit.run({"split": {"by": "time", "column": name, "test": "0.2"}}).column("text", "test")
        for name in ("text", "time")
    ]
    assert found[0] == found[1] == texts[-4:]


@pytest.mark.parametrize(
    ("block", "reason", "words"),
    [
        ({"split": {"by": "group", "column": "user", "test": "0.2"}}, "SchemaMismatch",
         ["'user'", "taster, points, at, id"]),
        ({"split": {"by": "time", "column": "taster", "test": "0.2"}}, "SchemaMismatch", ["t0"]),
        ({"split": {"by": "random", "test": "0.6", "validation": "0.4"}}, "FieldNotSupportedInMode", ["train"]),
        ({"split": {"by": "random", "test": "much"}}, "FieldNotSupportedInMode", ["test", "much"]),
        ({"split": {"by": "group", "test": "0.2"}}, "FieldNotSupportedInMode", ["column"]),
        ({"split": {"by": "moon", "test": "0.2"}}, "FieldNotSupportedInMode", ["moon"]),
        ({"engine": "spark"}, "FieldNotSupportedInMode", ["spark", "duckdb"]),
        ({"sql": "SELECT points / 0 AS x FROM nowhere"}, "ReferenceMissing", ["nowhere", "ratings"]),
        ({"sql": "SELECT stars FROM input"}, "SchemaMismatch", ["stars"]),
        ({"from": {"storeRef": {"name": "local"}, "topic": "tx"}}, "FieldNotSupportedInMode", ["topic"]),
        ({"to": {"storeRef": {"name": "local"}, "table": "x"}}, "SchemaMismatch", ["key"]),
        ({"to": {"storeRef": {"name": "files"}, "table": "x", "key": ["id"], "ttl": "1d"}}, "FieldNotSupportedInMode",
         ["preprocess.to.ttl", "files"]),
        ({"to": {"storeRef": {"name": "local"}, "table": "x", "key": ["no"]}}, "SchemaMismatch", ["'no'"]),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_by_name(kit, block, reason, words):
    with pytest.raises((ConfigError, DataError)) as caught:
        kit.fill(ratings()).run(block)
    assert caught.value.reason == reason
    for word in words:
        assert word in caught.value.message


@pytest.mark.parametrize(
    ("rows", "block", "words"),
    [
        (0, {}, ["ratings", "no rows"]),
        (4, {"split": {"by": "random", "test": "0.2"}}, ["test", "larger share"]),
        (30, {"sql": "SELECT * FROM input WHERE points > 99"}, ["30"]),
        (3, {"split": {"by": "time", "column": "at", "test": "0.4"}}, ["train", "same value"]),
        (1, {"split": {"by": "group", "column": "taster", "test": "0.2"}}, ["test", "1 different"]),
    ],
)
def test_an_empty_side_is_an_empty_dataset_with_a_cure(kit, rows, block, words):
    with pytest.raises(DataError) as caught:
        kit.fill(ratings(rows)).run(block)
    assert caught.value.reason == "EmptyDataset"
    for word in words:
        assert word in caught.value.message


def test_rows_without_a_time_are_counted_and_the_first_is_named(kit):
    table = pa.table({"at": [1.0, None, float("nan"), 4.0]})
    with pytest.raises(DataError, match=r"2 rows have no time in column 'at'.*row 2"):
        kit.fill(table).run({"split": {"by": "time", "column": "at", "test": "0.5"}})


def test_the_profile_counts_what_is_missing_and_never_shows_a_text(kit):
    table = pa.table(
        {
            "x": [1.0, float("nan"), None, math.inf],
            "who": ["ann", "bert", None, "ann"],
            "when": pa.array([0, 1, 2, None], pa.timestamp("us")),
        }
    )
    done = kit.fill(table).run({})
    x, who, when, _ = done.document["columns"]
    assert (x["nulls"], x["nan"], x["min"], x["max"], x["mean"]) == (1, 1, 1.0, 1.0, 1.0)
    assert (who["nulls"], who["minLength"], who["maxLength"], who["distinct"]) == (1, 3, 4, 2)
    assert "ann" not in str(who)
    assert when["min"] == "1970-01-01T00:00:00"
    assert done.result.detail["nan"] == {"x": 1}


def test_the_document_says_what_was_read_and_written(kit):
    done = kit.fill(ratings()).run({"split": {"by": "random", "test": "0.2"}})
    document = done.document
    assert document["source"]["table"] == "ratings"
    assert document["source"]["snapshot"]["table"] == "ratings"
    assert document["datasets"]["test"]["rows"] == 20
    assert document["datasets"]["test"]["digest"] == done.digests["test"]
    assert set(document["seconds"]) >= {"read", "transform", "split", "profile", "write"}


def test_a_second_attempt_overwrites_and_forgets_what_it_no_longer_writes(kit):
    kit.fill(ratings()).run({"split": {"by": "random", "test": "0.2"}})
    done = kit.run({})
    assert list(done.tables) == ["train"]


def test_a_stage_that_must_stop_stops_and_publishes_nothing(kit):
    kit.fill(ratings())
    with kit.stage({}) as stage:
        stage.stopping.set()
        from forebay_workloads import preprocess

        with pytest.raises(Preempted):
            preprocess.run(stage)
        assert stage.workspace.dataset("train") is None


def test_the_prepared_rows_are_written_to_the_store_that_the_spec_names(kit):
    kit.fill(ratings())
    place = {"storeRef": {"name": "local"}, "table": "prepared", "key": ["id"]}
    done = kit.run({"sql": "SELECT id, points * 2 AS twice FROM input WHERE id < 5", "to": place})
    assert done.result.rows["written"] == 5
    with kit.stage({}) as stage:
        assert stage.store("local").get("prepared", [{"id": 4}]) == [{"id": 4, "twice": 8.0}]


def test_prepared_rows_end_after_their_ttl(kit):
    place = {"storeRef": {"name": "local"}, "table": "prepared", "key": ["id"], "ttl": "100ms"}
    assert kit.fill(ratings()).run({"to": place}).result.rows["written"] > 0
    with kit.stage({}) as stage:
        eventually(lambda: stage.store("local").snapshot("prepared").rows == 0)


def test_rows_that_the_store_refuses_are_counted_and_shown_and_the_others_written(kit):
    kit.fill(pa.table({"who": ["a", None, "b", None], "x": [1, 2, 3, 4]}))
    place = {"storeRef": {"name": "local"}, "table": "prepared", "key": ["who"]}
    with pytest.raises(DataError, match="refused 2 rows for 'prepared'"):
        kit.run({"to": place})
    with kit.stage({}) as stage:
        assert stage.store("local").get("prepared", [{"who": "b"}])[0]["x"] == 3


def test_F59_S17_any_column_name_works_also_those_that_look_like_sql(kit):
    odd = 'a"; DROP TABLE input; --'
    table = pa.table({odd: [f"g{i}" for i in range(10)], "rowid": range(10), "select": range(10)})
    done = kit.fill(table).run({"split": {"by": "group", "column": odd, "test": "0.5"}})
    assert done.tables["train"].column_names == [odd, "rowid", "select", "id"]
    assert sum(one.num_rows for one in done.tables.values()) == 10
