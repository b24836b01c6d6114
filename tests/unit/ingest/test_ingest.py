"""Rows go from a file into a table: all of them, each once, or the run says which and why."""

from __future__ import annotations

import json

import pytest

from forebay_workloads import ingest as package
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.recipes.base import Preempted
from forebay_workloads.stores.base import RowError, WriteReport
from tests.contract.rows import eventually

from .stages import ingest

CSV = "user,item,rating\n" + "".join(f"u{i % 10},{i},{i % 5}.5\n" for i in range(100))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ratings.csv").write_text(CSV)
    return tmp_path


def rows(stage, table="ratings"):
    store = stage.store("local")
    parts = store.splits(store.snapshot(table), 1)
    return [row for part in parts for batch in store.scan(part) for row in batch.to_pylist()]


def test_all_rows_arrive_with_counts_digest_and_profile(folder):
    with ingest(folder) as stage:
        result = package.run(stage)
        found = rows(stage)
        kept = stage.workspace.read_json("results/ingest")
    assert len(found) == 100
    assert found[3] == {"user": "u3", "item": 3, "rating": 3.5}
    assert result.rows == {"read": 100, "written": 100, "failed": 0} == kept["rows"]
    assert result.detail["digest"] == kept["digest"]
    assert result.detail["snapshot"]["strength"] == "Pinned"
    assert [column["name"] for column in kept["columns"]] == ["user", "item", "rating"]
    assert kept["columns"][2] == {
        "name": "rating",
        "type": "double",
        "nulls": 0,
        "nan": 0,
        "distinct": 5,
        "min": 0.5,
        "max": 4.5,
        "mean": 2.5,
    }
    assert kept["source"]["table"] == "ratings.csv"
    assert kept["target"] == {
        "store": "local",
        "table": "ratings",
        "key": ["user", "item"],
        "rows": 100,
    }
    json.loads(result.encode())


def test_a_second_run_changes_nothing(folder):
    with ingest(folder) as stage:
        first = package.run(stage)
        snapshot = stage.store("local").snapshot("ratings")
        second = package.run(stage)
        assert stage.store("local").snapshot("ratings") == snapshot
    assert first == second


def test_a_changed_row_replaces_the_old_one(folder):
    with ingest(folder) as stage:
        package.run(stage)
        (folder / "in" / "ratings.csv").write_text(CSV.replace("u3,3,3.5", "u3,3,1.5"))
        package.run(stage)
        found = rows(stage)
    assert len(found) == 100
    assert found[3]["rating"] == 1.5


def test_a_table_without_a_key_is_numbered_in_the_order_of_the_file(folder):
    with ingest(folder, key=()) as stage:
        package.run(stage)
        package.run(stage)
        found = rows(stage)
    assert [row["_row"] for row in found] == list(range(100))


def test_an_empty_source_is_no_success_and_makes_no_table(folder):
    for text in ("", "user,item,rating\n"):
        (folder / "in" / "ratings.csv").write_text(text)
        with ingest(folder) as stage:
            with pytest.raises(DataError, match=r"ratings\.csv in source has no rows") as caught:
                package.run(stage)
            with pytest.raises(ConfigError):
                stage.store("local").schema("ratings")
        assert caught.value.reason == "EmptyDataset"


def test_a_missing_key_column_is_named_with_those_there_are(folder):
    with ingest(folder, key=("user", "movie")) as stage, pytest.raises(ConfigError) as caught:
        package.run(stage)
    assert caught.value.reason == "SchemaMismatch"
    assert "'movie'; it has user string, item int64, rating double" in caught.value.message


def test_a_wrong_value_is_named_before_anything_is_written(folder):
    bad = CSV + "".join(f"u,{i},1\n" for i in range(100, 2000))
    (folder / "in" / "ratings.csv").write_text(bad.replace("u,999,1\n", "u,999,oops\n"))
    with ingest(folder) as stage:
        with pytest.raises(DataError, match="row 1000, column 'rating': 'oops'"):
            package.run(stage)
        with pytest.raises(ConfigError):
            stage.store("local").schema("ratings")


def test_rows_without_a_key_end_the_run_naming_the_first_ones(folder):
    (folder / "in" / "ratings.csv").write_text(
        CSV.replace("u3,3,3.5", ",3,3.5").replace("u4,4,", ",4,")
    )
    with ingest(folder) as stage, pytest.raises(DataError) as caught:
        package.run(stage)
    assert caught.value.reason == "SchemaMismatch"
    assert (
        "ratings refuses 2 of its rows: row 4: key column 'user' is null; row 5: "
        in caught.value.message
    )


def test_rows_that_do_not_fit_the_table_that_is_there_are_named(folder):
    with ingest(folder) as stage:
        package.run(stage)
        (folder / "in" / "ratings.csv").write_text("user,item,rating\nu1,1,good\nu1,2,2.5\n")
        with pytest.raises(DataError, match=r"row 1: column 'rating': 'good' is not a number"):
            package.run(stage)


def test_refused_rows_go_to_the_dead_letters_once_and_the_run_goes_on(folder):
    (folder / "in" / "ratings.csv").write_text(CSV.replace("u3,3,3.5", ",3,3.5"))
    letters = {"deadLetter": {"storeRef": {"name": "local"}, "table": "dead"}}
    with ingest(folder, delivery=letters) as stage:
        package.run(stage)
        table = folder / "in" / "ratings.csv"
        head, first, *rest = table.read_text().splitlines(keepends=True)
        table.write_text("".join([head, first, "u900,900,1.0\n", *rest]))
        result = package.run(stage)
        (letter,) = rows(stage, "dead")
        assert len(rows(stage)) == 100
    assert result.rows == {"read": 101, "written": 100, "failed": 1}
    assert (letter["row"], letter["reason"], letter["source"]) == (
        5,  # of the newest run
        "SchemaMismatch",
        "source/ratings.csv",
    )
    assert json.loads(letter["record"]) == {"user": None, "item": 3, "rating": 3.5}


def test_a_letter_that_is_refused_too_ends_the_run_and_is_not_passed_in_silence(
    folder, monkeypatch
):
    (folder / "in" / "ratings.csv").write_text(CSV.replace("u3,3,3.5", ",3,3.5"))
    letters = {"deadLetter": {"storeRef": {"name": "local"}, "table": "dead"}}
    with ingest(folder, delivery=letters) as stage:
        store = stage.store("local")
        write = store.write

        def full(table, batch, key, **more):
            if table != "dead":
                return write(table, batch, key, **more)
            return WriteReport(0, [RowError(0, {"id": "1"}, "TooLarge", "400 KB at most")])

        monkeypatch.setattr(store, "write", full)
        with pytest.raises(DataError, match=r"'dead' refused a row: 400 KB"):
            package.run(stage)


def test_refused_rows_may_go_to_a_topic(folder):
    (folder / "in" / "ratings.csv").write_text(CSV.replace("u3,3,3.5", ",3,3.5"))
    letters = {"deadLetter": {"storeRef": {"name": "local"}, "topic": "dead"}}
    with ingest(folder, delivery=letters) as stage:
        package.run(stage)
        (record,) = stage.stream("local").consume(["dead"], "g", 10, 0.1).records
    assert json.loads(record.value)["item"] == 3
    assert record.headers["row"] == b"4"


def test_a_stop_between_batches_keeps_what_was_written_and_the_next_attempt_ends_the_same(
    folder, monkeypatch
):
    monkeypatch.setattr("forebay_workloads.ingest.whole.BATCH_ROWS", 10)
    with ingest(folder) as stage:
        stage.stopping.set()
        with pytest.raises(Preempted):
            package.run(stage)
        assert len(rows(stage)) == 10
    with ingest(folder) as stage:
        assert package.run(stage).rows["written"] == 100
        assert [row["item"] for row in rows(stage)] == list(range(100))


def test_progress_tells_rows_rate_and_time_left(folder, monkeypatch):
    monkeypatch.setattr("forebay_workloads.ingest.whole.BATCH_ROWS", 40)
    seen = []
    with ingest(folder) as stage:
        monkeypatch.setattr(stage, "progress", seen.append)
        package.run(stage)
    assert [(one.rows, one.total_rows, one.percent) for one in seen] == [
        (40, 100, 40.0),
        (80, 100, 80.0),
        (100, 100, 100.0),
    ]
    assert all(one.rows_per_second > 0 and one.eta_seconds >= 0 for one in seen)


def test_a_rate_limit_of_a_store_is_kept(folder, monkeypatch):
    with ingest(folder, limits={"rowsPerSecond": 400}) as stage:
        result = package.run(stage)
        document = stage.workspace.read_json("results/ingest")
    assert result.rows["written"] == 100
    assert document["seconds"] >= 0.2


def test_duplicate_keys_are_said(folder, capsys):
    (folder / "in" / "ratings.csv").write_text(CSV + "u1,1,5\n")
    with ingest(folder) as stage:
        package.run(stage)
        assert len(rows(stage)) == 100
    assert "1 of 101 rows repeat a key; the last of each is kept" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mode": "stream"}, "once per run"),
        (
            {"to": {"storeRef": {"name": "source"}, "table": "t", "key": ["item"], "ttl": "1d"}},
            r"ingest\.to\.ttl: DataStore source cannot forget rows by age",
        ),
        (
            {"to": {"storeRef": {"name": "local"}, "table": "t", "ttl": "0s"}},
            r"ingest\.to\.ttl: '0s' is not between",
        ),
        (
            {"to": {"storeRef": {"name": "local"}, "table": "t", "ttl": "7301d"}},
            r"ingest\.to\.ttl: '7301d' is not between 1ms and 20 years",
        ),
        ({"to": {"storeRef": {"name": "source"}, "table": "ratings.csv"}}, "both"),
        ({"to": {"storeRef": {"name": "nowhere"}, "table": "t"}}, "'nowhere'.*local, source"),
    ],
)
def test_what_cannot_be_honoured_is_refused(folder, change, says):
    with ingest(folder, **change) as stage, pytest.raises(ConfigError, match=says):
        package.run(stage)


def test_rows_end_by_themselves_after_their_ttl(folder):
    place = {"storeRef": {"name": "local"}, "table": "t", "key": ["item"], "ttl": "100ms"}
    with ingest(folder, to=place) as stage:
        assert package.run(stage).rows["written"] == 100
        eventually(lambda: rows(stage, "t") == [])


def test_a_file_whose_name_says_nothing_is_read_as_from_format_says(folder):
    (folder / "in" / "u.data").write_text("user\titem\trating\nu1\t1\t5\n")
    source = {"storeRef": {"name": "source"}, "table": "u.data", "format": "csv"}
    with ingest(folder, **{"from": source}) as stage:
        assert package.run(stage).rows["written"] == 1
