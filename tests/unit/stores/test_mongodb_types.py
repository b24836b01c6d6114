"""Arrow columns travel through BSON and come back as they were; what does not fit is named."""

from __future__ import annotations

import datetime as dt

import bson
import pyarrow as pa
import pytest
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId
from hypothesis import given, settings

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores.mongodb_catalog import TableInfo
from forebay_workloads.stores.mongodb_connection import CODEC
from forebay_workloads.stores.mongodb_infer import inferred
from forebay_workloads.stores.mongodb_layout import BOOL, INT32, INT64, template_of
from forebay_workloads.stores.mongodb_names import checked_columns, checked_table, stored
from forebay_workloads.stores.mongodb_rows import (
    changes_of,
    documents_of,
    key_values,
    query_of,
    query_of_all,
)
from forebay_workloads.stores.mongodb_types import batch_of, check_types
from tests.contract import rows


def through(batch: pa.RecordBatch, *, merge: bool = False, key: tuple[str, ...] = ("id",)):
    """The batch as documents on the wire, and back."""
    info = TableInfo("t", batch.schema, list(key), own=True)
    documents, bad = changes_of(info, batch) if merge else documents_of(info, batch)
    assert bad == {}
    wire = b"".join(bson.encode(one, codec_options=CODEC) for one in documents)
    return bson.decode_all(wire, CODEC), batch.schema


def test_every_type_comes_back_as_it_was():
    documents, schema = through(rows.every_type())
    assert batch_of(documents, schema, "t").to_pylist() == rows.ROWS


@given(batch=rows.tables())
@settings(max_examples=60)
def test_any_content_comes_back_as_it_was(batch):
    for merge in (False, True):
        documents, schema = through(batch, merge=merge)
        found = batch_of(documents, schema, "t").to_pylist()
        assert all(rows.same(*pair) for pair in zip(batch.to_pylist(), found, strict=True))


@pytest.mark.parametrize(
    "column",
    [
        pa.array([0, 1, 2**63 - 1, None], pa.uint64()),
        pa.array([-1, 86_399_999_999_999], pa.duration("ns")),
        pa.array([0, 86_399_999_999], pa.time64("us")),
        pa.array([-1, 1, 1_700_000_000_123_456_789], pa.timestamp("ns", "UTC")),
        pa.array([-(2**40), 2**40], pa.timestamp("s")),
        pa.array([1.5, float("inf"), None], pa.float16()),
        pa.array([["a"], None, []], pa.large_list(pa.large_string())),
        pa.array([[1.0, 2.0]], pa.list_(pa.float32(), 2)),
        pa.array(
            [[{"at": 1_234_567}], [{"at": None}]], pa.list_(pa.struct([("at", pa.timestamp("us"))]))
        ),
        pa.array(
            [{"d": dt.date(2024, 2, 29), "p": None}],
            pa.struct([("d", pa.date32()), ("p", pa.decimal128(9, 2))]),
        ),
        pa.nulls(2),
    ],
    ids=lambda column: str(column.type),
)
def test_types_that_bson_has_no_word_for_come_back(column):
    batch = pa.record_batch({"id": pa.array(range(len(column))), "v": column})
    documents, schema = through(batch)
    assert batch_of(documents, schema, "t").equals(batch)


def test_a_time_is_a_bson_date_and_what_is_finer_stands_beside_it():
    at = pa.array([1_700_000_000_123_456, -1], pa.timestamp("us", "UTC"))
    documents, _ = through(pa.record_batch({"id": [1, 2], "at": at}))
    assert documents[0] == {
        "_id": 1,
        "id": 1,
        "at": DatetimeMS(1_700_000_000_123),
        "at%ns": 456_000,
    }
    assert documents[1]["at"] == DatetimeMS(-1)


def test_nulls_are_left_out_of_a_whole_document_and_set_by_a_merge():
    batch = pa.record_batch({"id": [1], "text": pa.array([None], pa.string())})
    assert through(batch)[0] == [{"_id": 1, "id": 1}]
    assert through(batch, merge=True)[0] == [{"id": 1, "text": None}]


@pytest.mark.parametrize(
    "kind", [pa.decimal128(38, 2), pa.month_day_nano_interval(), pa.map_(pa.string(), pa.int64())]
)
def test_a_type_that_bson_cannot_hold_is_refused_by_name(kind):
    with pytest.raises(ConfigError, match="'wrong'"):
        check_types("t", pa.schema([("id", pa.int64()), ("wrong", kind)]), ["id"])


def test_a_list_is_no_key():
    with pytest.raises(ConfigError, match="cannot be a key"):
        check_types("t", pa.schema([("id", pa.list_(pa.int64()))]), ["id"])


def test_a_value_of_another_type_is_named_with_document_and_column():
    schema = pa.schema([("id", pa.int64()), ("age", pa.int64())])
    with pytest.raises(DataError, match=r"'t'.*document '7', column 'age': 'old'") as caught:
        batch_of([{"_id": 6, "age": 1}, {"_id": 7, "age": "old"}], schema, "t")
    assert caught.value.reason == "SchemaMismatch"


# names


@pytest.mark.parametrize("name", ["$where", "$ne", "", "a\0b"])
def test_F59_S17_a_column_that_could_be_an_operator_is_refused_at_any_depth(name):
    inside = pa.list_(pa.struct([("fine", pa.struct([(name, pa.string())]))]))
    for kind, column in ((pa.string(), name), (inside, "outer")):
        with pytest.raises(ConfigError, match="no name for a field"):
            checked_columns("t", pa.schema([("id", pa.int64()), (column, kind)]), ["id"])


@pytest.mark.parametrize(
    "name", ["", "$cmd", "system.users", "_forebay_tables", "a..b", ".a", "x" * 300]
)
def test_a_table_that_the_server_or_the_adapter_uses_is_refused(name):
    with pytest.raises(ConfigError, match="no name for a collection"):
        checked_table(name)


def test_two_columns_never_share_a_field():
    names = ["a.b", "a%2Eb", "a%252Eb", "%", "%s", "at", "at%ns", "at%25ns", "%2", "a..b", "a%2E.b"]
    fields = [stored(name) for name in names]
    assert len(set(fields)) == len(names)
    assert not any("." in field for field in fields)
    assert not any(stored(name).endswith("%ns") for name in names)
    assert stored("%s") == "%s"


# keys


def test_F59_S17_a_key_value_stands_in_a_query_as_a_value():
    info = TableInfo("t", pa.schema([("id", pa.string())]), ["id"], own=True)
    keys, _ = key_values(info, [pa.array(['{"$ne": 1}'])])
    assert query_of(info, keys[0]) == {"_id": '{"$ne": 1}'}


def test_a_key_of_several_columns_is_a_document_in_the_order_of_the_key():
    info = TableInfo(
        "t", pa.schema([("a.b", pa.string()), ("n", pa.int64())]), ["n", "a.b"], own=True
    )
    keys, _ = key_values(info, [pa.array([1]), pa.array(["x"])])
    assert list(query_of(info, keys[0])["_id"].items()) == [("n", 1), ("a%2Eb", "x")]


def test_a_document_is_found_by_the_query_of_its_key():
    batch = pa.record_batch({"n": [-0.0, 1.5], "a.b": ["x", "é"], "more": [None, b"1"]})
    info = TableInfo("t", batch.schema, ["n", "a.b"], own=True)
    keys, _ = key_values(info, [batch.column(name) for name in info.key])
    found = [bson.decode(one.raw, CODEC) for one in documents_of(info, batch)[0]]
    assert [{"_id": one["_id"]} for one in found] == [query_of(info, key) for key in keys]
    assert str(found[0]["_id"]["n"]) == "0.0"  # the server takes both for one key
    assert [list(one) for one in found] == [["_id", "n", "a%2Eb"], ["_id", "n", "a%2Eb", "more"]]


def test_a_whole_document_keeps_the_types_of_its_columns():
    columns = {"id": pa.array([1]), "small": pa.array([1], pa.int16()), "on": pa.array([True])}
    info = TableInfo("t", pa.record_batch(columns).schema, ["id"], own=True)
    (found,), _ = documents_of(info, pa.record_batch(columns))
    kinds = {name: kind for kind, name in template_of(found.raw, 0, len(found.raw))}
    assert kinds == {b"_id\0": INT64, b"id\0": INT64, b"small\0": INT32, b"on\0": BOOL}


def test_ids_that_were_read_as_texts_find_their_documents_again():
    one = ObjectId()
    found = inferred([{"_id": one, "text": "x"}, {"_id": ObjectId(), "text": None}])
    assert found.schema == pa.schema([("_id", pa.string()), ("text", pa.string())])
    info = TableInfo("t", found.schema, ["_id"], own=False, ids=found.ids)
    keys, bad = key_values(info, [pa.array([str(one), "not an id"])])
    assert query_of(info, keys[0]) == {"_id": {"$eq": one}}
    assert list(bad) == [1]
    assert query_of_all(info, keys[:1]) == {"_id": {"$in": [one]}}
    batch = pa.record_batch({"_id": [str(one)], "score": [0.5]})
    assert changes_of(info, batch) == ([{"score": 0.5}], {})
    (whole,), bad = documents_of(info, batch)
    assert (dict(whole), bad) == ({"_id": one, "score": 0.5}, {})


# collections of others


def test_columns_of_other_peoples_documents_meet_in_one_type():
    documents = [
        {"_id": ObjectId("0" * 24), "n": 1, "mixed": 1, "tags": ["a"], "place": {"x": 1}},
        {"_id": "text", "n": 2.5, "mixed": {"a": [1]}, "tags": [], "place": {"y": "z"}},
        {"_id": 3, "when": DatetimeMS(5), "price": Decimal128("1.10"), "n": None, "raw": b"\x00"},
    ]
    found = inferred(documents)
    assert found.schema == pa.schema(
        [
            ("_id", pa.string()),
            ("n", pa.float64()),
            ("mixed", pa.string()),
            ("tags", pa.list_(pa.string())),
            ("place", pa.struct([("x", pa.int64()), ("y", pa.string())])),
            ("when", pa.timestamp("ms", "UTC")),
            ("price", pa.string()),
            ("raw", pa.binary()),
        ]
    )
    assert found.ids == {}
    read = batch_of(documents, found.schema, "t", own=False).to_pylist()
    assert [row["_id"] for row in read] == ["0" * 24, "text", "3"]
    assert [row["mixed"] for row in read] == ["1", '{"a": [1]}', None]
    assert [row["n"] for row in read] == [1.0, 2.5, None]
    assert read[0]["place"] == {"x": 1, "y": None}
    assert read[2]["price"] == "1.10"


def test_a_field_that_no_sampled_document_filled_is_not_read_as_nothing():
    with pytest.raises(DataError, match="'later'"):
        batch_of([{"_id": 1, "later": 5}], pa.schema([("later", pa.null())]), "t", own=False)
