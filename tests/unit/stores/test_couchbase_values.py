"""Arrow columns travel through documents of JSON and come back as they were; what does not fit is named."""

from __future__ import annotations

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings

from forebay_workloads.errors import DataError
from forebay_workloads.stores import couchbase_values as values
from tests.contract import rows


def through(batch: pa.RecordBatch) -> pa.RecordBatch:
    """To documents and back."""
    columns = values.columns_of(batch, own=True)
    found = [
        (str(row), values.parsed(str(row), values.body(columns, row), "t"))
        for row in range(batch.num_rows)
    ]
    return values.batch_of(found, batch.schema, "t")


def test_every_type_comes_back_as_it_was():
    assert through(rows.every_type()).equals(rows.every_type())


@given(batch=rows.tables())
@settings(max_examples=60)
def test_any_content_comes_back_as_it_was(batch):
    pairs = zip(batch.to_pylist(), through(batch).to_pylist(), strict=True)
    assert all(rows.same(*pair) for pair in pairs)


def test_a_null_is_a_field_that_the_document_does_not_have():
    columns = values.columns_of(pa.record_batch({"a": [1, None], "b": [None, "x"]}), own=True)
    assert [values.body(columns, row) for row in range(2)] == [b'{"a":1}', b'{"b":"x"}']


def test_the_name_of_somebody_elses_document_is_no_field_of_it():
    columns = values.columns_of(pa.record_batch({"_id": ["x"], "a": [1]}), own=False)
    assert list(columns) == ["a"]


def test_columns_of_somebody_elses_documents_are_those_that_they_show():
    found = [
        {
            "n": 1,
            "mixed": 1,
            "place": {"lat": 1},
            "tags": [],
            "big": 2**63,
            "_id": 3,
            "nothing": None,
        },
        {"n": 2.5, "mixed": "x", "place": {"lat": 1.5, "name": "y"}, "tags": ["a", 1]},
    ]
    schema = values.inferred(found)
    assert schema == pa.schema(
        [
            ("_id", pa.string()),
            ("n", pa.float64()),
            ("mixed", pa.string()),
            ("place", pa.struct([("lat", pa.float64()), ("name", pa.string())])),
            ("tags", pa.list_(pa.string())),
            ("big", pa.float64()),
            ("nothing", pa.null()),
        ]
    )
    named = list(zip("ab", found, strict=True))
    assert values.batch_of(named, schema, "t", own=False).to_pylist() == [
        {
            "_id": "a", "n": 1.0, "mixed": "1", "place": {"lat": 1.0, "name": None}, "tags": [],
            "big": 2.0**63, "nothing": None,
        },
        {
            "_id": "b", "n": 2.5, "mixed": "x", "place": {"lat": 1.5, "name": "y"}, "tags": ["a", "1"],
            "big": None, "nothing": None,
        },
    ]  # fmt: skip


@pytest.mark.parametrize("data", [b"\xff", b"[1]", b"", b"{"])
def test_a_document_that_is_no_object_is_named(data):
    with pytest.raises(DataError, match="'x'") as caught:
        values.parsed("x", data, "t")
    assert caught.value.reason == "SchemaMismatch"


def test_a_value_that_does_not_fit_is_named_with_its_document():
    found = [("a", {"n": 1}), ("b", {"n": "two"})]
    with pytest.raises(DataError, match="document 'b', column 'n': 'two' is not int64"):
        values.batch_of(found, pa.schema([("n", pa.int64())]), "t")


def test_numbers_of_64_bits_are_exact():
    column = pa.record_batch({"n": pa.array([2**64 - 1, 0], pa.uint64())})
    assert through(column).equals(column)
    assert orjson.loads(values.body(values.columns_of(column, own=True), 0)) == {"n": 2**64 - 1}
