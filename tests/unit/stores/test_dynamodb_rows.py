"""Rows as items and keys: what DynamoDB cannot hold in a key is named, one key has one name, updates stay in limits."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from forebay_workloads.errors import ConfigError
from forebay_workloads.stores.dynamodb_catalog import TableInfo
from forebay_workloads.stores.dynamodb_names import RANGE, checked_columns, checked_table
from forebay_workloads.stores.dynamodb_rows import (
    items_of,
    key_types,
    keys_of,
    name_of,
    updates,
)


def info(schema: pa.Schema, *key: str, **changes) -> TableInfo:
    return TableInfo("t", "t", schema, list(key), key_types(schema, key), own=True, **changes)


def keyed(*columns: pa.Array, **changes):
    """The keys of rows whose key is these columns."""
    names = [f"k{number}" for number in range(len(columns))]
    schema = pa.schema([(n, c.type) for n, c in zip(names, columns, strict=True)])
    return keys_of(info(schema, *names, **changes), columns)


def test_keys_are_texts_numbers_or_bytes():
    found, bad = keyed(pa.array(["a"]), pa.array([dt.date(1970, 1, 3)]))
    assert (found, bad) == ([{"k0": {"S": "a"}, "k1": {"N": "2"}}], {})
    assert keyed(pa.array([b"\xff"]))[0] == [{"k0": {"B": "/w=="}}]
    assert keyed(pa.array([True, False]))[0] == [{"k0": {"N": "1"}}, {"k0": {"N": "0"}}]


def test_of_three_columns_the_last_two_share_an_attribute():
    columns = [pa.array(["a", "a", "a"]), pa.array(["b|c", "b", "b"]), pa.array(["d", "c|d", ""])]
    found, bad = keyed(*columns)
    assert bad == {}
    assert all(set(one) == {"k0", RANGE} for one in found)
    assert len({name_of(one) for one in found}) == 3


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (pa.array([""]), "is empty"),
        (pa.array([b""]), "is empty"),
        (pa.array(["é" * 1025]), "2,050 bytes, DynamoDB takes 2,048"),
        (pa.array([float("nan")]), "a number that DynamoDB holds"),
        (pa.array([1e300]), "a number that DynamoDB holds"),
    ],
)
def test_what_no_key_can_be_is_named(column, why):
    assert why in keyed(column)[1][0]


def test_what_sorts_items_is_shorter():
    assert keyed(pa.array(["x" * 2048]), pa.array(["x" * 1024]))[1] == {}
    assert "takes 1,024" in keyed(pa.array(["x"]), pa.array(["x" * 1025]))[1][0]


def test_numbers_that_are_equal_are_one_key():
    zeros, bad = keyed(pa.array([0.0, -0.0, 1.0, 1e5]))
    assert (zeros[0], bad) == (zeros[1], {})
    assert zeros[2] == {"k0": {"N": "1"}}
    assert name_of({"k0": {"N": "1.50"}}) == name_of({"k0": {"N": "1.5"}})
    assert name_of(zeros[3]) == name_of({"k0": {"N": "100000"}})


def test_a_text_finds_the_number_in_a_key_of_somebody_else():
    schema = pa.schema([("id", pa.string())])
    table = TableInfo("t", "t", schema, ["id"], {"id": "N"}, own=False)
    found, bad = keys_of(table, [pa.array(["0.10", "x"])])
    assert found[0] == {"id": {"N": "0.1"}}
    assert "number" in bad[1]


def test_sets_of_somebody_else_stay_sets():
    schema = pa.schema([("id", pa.int64()), ("tags", pa.list_(pa.string()))])
    table = info(schema, "id", sets=frozenset({"tags"}))
    batch = pa.RecordBatch.from_pylist(
        [{"id": i, "tags": tags} for i, tags in enumerate([["a", "b"], None, [], ["a", "a"]])],
        schema,
    )
    fields, bad = items_of(table, batch, [{}] * 4)
    assert fields[:2] == [{"tags": {"SS": ["a", "b"]}}, {"tags": None}]
    assert sorted(bad) == [2, 3]


def test_an_update_binds_names_and_values_and_takes_nulls_away():
    (found,) = updates({"select": {"S": "a"}, "#x": None})
    assert found == {
        "UpdateExpression": "SET #0 = :0 REMOVE #1",
        "ExpressionAttributeNames": {"#0": "select", "#1": "#x"},
        "ExpressionAttributeValues": {":0": {"S": "a"}},
    }
    assert list(updates({})) == [{}]


def test_a_wide_update_is_parted():
    parts = list(updates({f"c{i}": {"N": "1"} for i in range(450)}))
    assert [len(one["ExpressionAttributeNames"]) for one in parts] == [200, 200, 50]
    assert max(len(one["UpdateExpression"]) for one in parts) < 4096


def test_an_item_has_its_end_beside_its_fields():
    rows = pa.record_batch({"k": pa.array(["a", "b"]), "v": pa.array([1, None], pa.int64())})
    table = info(rows.schema, "k")
    keys, _ = keys_of(table, [rows.column("k")])
    found, _ = items_of(table, rows, keys, {"N": "62"})
    end = {"_forebay_expires": {"N": "62"}}
    assert found == [{"v": {"N": "1"}, **end}, {"v": None, **end}]


@pytest.mark.parametrize("name", ["ab", "", "a b", "ключ", "x" * 256])
def test_names_that_no_table_has_are_refused(name):
    with pytest.raises(ConfigError, match="3 to 255"):
        checked_table("", name)


def test_the_prefix_counts_for_the_name():
    assert checked_table("shop-", "t") == "shop-t"


@pytest.mark.parametrize(
    "field",
    [
        pa.field("", pa.string()),
        pa.field("_forebay_range", pa.string()),
        pa.field("c", pa.struct([("", pa.string())])),
        pa.field("c", pa.map_(pa.string(), pa.string())),
    ],
)
def test_columns_that_no_item_can_have_are_refused(field):
    with pytest.raises(ConfigError) as caught:
        checked_columns("t", pa.schema([("id", pa.int64()), field]), ["id"])
    assert caught.value.reason == "SchemaMismatch"


def test_a_list_cannot_be_a_key():
    with pytest.raises(ConfigError, match="cannot be a key"):
        checked_columns("t", pa.schema([("id", pa.list_(pa.int64()))]), ["id"])
