import pyarrow as pa
import pytest

from forebay_workloads.errors import DataError

FEATURES = {
    "entity": "card",
    "timestamp": "ts",
    "windows": ["1h"],
    "aggregates": [{"count": "*"}, {"sum": "amount"}],
}


def payments(count=60):
    return pa.table(
        {
            "card": [f"c{i % 3}" for i in range(count)],
            "ts": pa.array(
                [60 * 10**6 * (i * 7 % count) for i in range(count)], pa.timestamp("us")
            ),
            "amount": [float(i) for i in range(count)],
        }
    )


def test_features_stand_behind_the_columns_and_the_split_takes_their_time(kit):
    kit.fill(payments())
    done = kit.run({"features": FEATURES, "split": {"by": "time", "test": "0.25"}})
    assert done.tables["train"].column_names == [
        "card",
        "ts",
        "amount",
        "id",
        "count_1h",
        "sum_amount_1h",
    ]
    assert done.document["features"] == ["count_1h", "sum_amount_1h"]
    assert max(done.column("ts", "train")) < min(done.column("ts", "test"))
    assert min(done.column("count_1h")) == 0
    assert done.column("id") == sorted(done.column("id"))


def test_without_a_key_the_store_holds_the_newest_row_of_each_entity(kit):
    kit.fill(payments())
    place = {"storeRef": {"name": "local"}, "table": "card_features"}
    done = kit.run({"features": FEATURES, "to": place})
    assert done.result.rows["written"] == 3
    rows = {row["id"]: row for row in done.tables["train"].to_pylist()}
    newest = {}
    for row in sorted(rows.values(), key=lambda row: row["ts"]):
        newest[row["card"]] = row
    with kit.stage({}) as stage:
        for card, row in newest.items():
            assert stage.store("local").get("card_features", [{"card": card}]) == [row]


@pytest.mark.parametrize("column", ["card", "ts"])
def test_an_event_without_entity_or_time_is_counted_and_named(kit, column):
    table = payments(6)
    values = table[column].to_pylist()
    values[2] = None
    index = table.column_names.index(column)
    table = table.set_column(index, column, pa.array(values, table.schema.field(column).type))
    with pytest.raises(DataError, match=f"1 rows have no '{column}'.*row 3"):
        kit.fill(table).run({"features": FEATURES})


def test_features_have_one_digest(kit):
    kit.fill(payments())
    assert kit.run({"features": FEATURES}).digests == kit.run({"features": FEATURES}).digests
