"""Pages of CQL cells: found whatever their form, decoded as they were encoded, refused when damaged."""

from __future__ import annotations

import struct
import uuid
from decimal import Decimal

import pyarrow as pa
import pytest
from cassandra import cqltypes
from hypothesis import given, settings

from forebay_workloads.errors import DataError
from forebay_workloads.stores import cassandra_types as types
from forebay_workloads.stores.cassandra_codecs import Refused
from forebay_workloads.stores.cassandra_page import Page
from tests.contract import rows

DRIVER = {
    "ascii": cqltypes.AsciiType,
    "bigint": cqltypes.LongType,
    "blob": cqltypes.BytesType,
    "boolean": cqltypes.BooleanType,
    "date": cqltypes.SimpleDateType,
    "decimal": cqltypes.DecimalType,
    "double": cqltypes.DoubleType,
    "float": cqltypes.FloatType,
    "inet": cqltypes.InetAddressType,
    "int": cqltypes.Int32Type,
    "smallint": cqltypes.ShortType,
    "text": cqltypes.UTF8Type,
    "time": cqltypes.TimeType,
    "timestamp": cqltypes.DateType,
    "tinyint": cqltypes.ByteType,
    "uuid": cqltypes.UUIDType,
    "varint": cqltypes.IntegerType,
    "list<int>": cqltypes.ListType.apply_parameters([cqltypes.Int32Type]),
    "set<uuid>": cqltypes.SetType.apply_parameters([cqltypes.UUIDType]),
    "map<text, int>": cqltypes.MapType.apply_parameters([cqltypes.UTF8Type, cqltypes.Int32Type]),
}


def page_of(columns, kinds):
    """What a server sends."""
    cells = (value for row in zip(*columns, strict=True) for value in row)
    body = b"".join(
        struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
        for value in cells
    )
    return Page(body, len(columns[0]), kinds, 5)


def sent(batch):
    """The batch as a table of ours would send it, and back."""
    cql = [types.cql_type(field.type) for field in batch.schema]
    codecs = [types.codec(one, f.type) for one, f in zip(cql, batch.schema, strict=True)]
    columns = [c.encode(a, DRIVER[q]) for c, a, q in zip(codecs, batch.columns, cql, strict=True)]
    page = page_of(columns, [DRIVER[one] for one in cql])
    arrays = [c.decode(cells) for c, cells in zip(codecs, page.columns(), strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def test_every_type_comes_back_as_it_was_written():
    assert sent(rows.every_type()).to_pylist() == rows.ROWS


@given(batch=rows.tables())
@settings(max_examples=60)
def test_any_table_comes_back_as_it_was_written(batch):
    for one, other in zip(batch.to_pylist(), sent(batch).to_pylist(), strict=True):
        assert rows.same(one, other)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.uint64(), [0, 2**63 - 1, None]),
        (pa.uint8(), [0, 255]),
        (pa.float16(), [0.5, None]),
        (pa.null(), [None, None]),
        (pa.large_string(), ["é", None]),
        (pa.binary(2), [b"ab", None]),
        (pa.timestamp("s"), [0, 2**33, None]),
        (pa.timestamp("ns", "UTC"), [1, -1, None]),
        (pa.date64(), [86_400_000, None]),
        (pa.time32("ms"), [1, 86_399_999]),
        (pa.time64("us"), [1, None]),
        (pa.duration("s"), [-5, None]),
        (pa.decimal256(60, 2), [Decimal(10**50), None]),
        (pa.list_(pa.float32(), 2), [[1.0, 2.0], None]),
    ],
    ids=str,
)
def test_types_that_cql_lacks_come_back_too(kind, values):
    batch = pa.record_batch({"id": pa.array(range(len(values))), "value": pa.array(values, kind)})
    assert sent(batch).equals(batch)


def test_texts_among_numbers_are_found_in_rows_of_any_length():
    batch = pa.record_batch(
        {
            "a": pa.array(range(100), pa.int32()),
            "text": ["x" * (i % 7) for i in range(100)],
            "b": pa.array(range(100), pa.float64()),
            "more": [None if i % 3 else "é" * i for i in range(100)],
            "c": pa.array(range(100), pa.int16()),
        }
    )
    assert sent(batch).equals(batch)
    gaps = batch.set_column(
        2, "b", pa.array([None if i == 7 else i for i in range(100)], pa.float64())
    )
    assert sent(gaps).equals(gaps)


@pytest.mark.parametrize("cut", [slice(0, -1), slice(0, 5), slice(1, None)])
@pytest.mark.parametrize("column", [[1, 2, 3], ["a", "bc", ""], ["ab", "ab", "ab"]])
def test_a_page_that_is_not_whole_is_refused(column, cut):
    array = pa.array(column)
    codec = types.codec(types.cql_type(array.type), array.type)
    kind = DRIVER[types.cql_type(array.type)]
    page = page_of([codec.encode(array, kind)], [kind])
    with pytest.raises(DataError) as caught:
        Page(page.body[cut], page.rows, page.types, 5).columns()
    assert caught.value.reason == "SchemaMismatch"


@pytest.mark.parametrize(
    ("cql", "values", "kind"),
    [
        ("timestamp", [0, None, -1], pa.timestamp("ms", "UTC")),
        ("time", [1, None], pa.time64("ns")),
        ("uuid", [str(uuid.UUID(int=5)), None], pa.string()),
        ("inet", ["10.0.0.1", "::1"], pa.string()),
        ("decimal", [0.25, None], pa.float64()),
        ("varint", [Decimal(10**30), Decimal(-1)], pa.decimal128(38, 0)),
        ("ascii", ["a", ""], pa.string()),
        ("list<int>", [[1, 2], []], pa.list_(pa.int32())),
        ("frozen<list<int>>", [[1, 2], None], pa.list_(pa.int32())),
        ("set<uuid>", [[str(uuid.UUID(int=1)), str(uuid.UUID(int=2))]], pa.list_(pa.string())),
    ],
)
def test_columns_of_other_tables_are_read_and_written(cql, values, kind):
    assert types.natural(cql) == kind
    codec, driver, array = types.codec(cql, kind), DRIVER[types.bare(cql)], pa.array(values, kind)
    (cells,) = page_of([codec.encode(array, driver)], [driver]).columns()
    assert codec.decode(cells).equals(array)


def test_maps_are_texts_that_can_only_be_read():
    kind = DRIVER["map<text, int>"]
    codec = types.codec("map<text, int>", types.natural("map<text, int>"))
    (cells,) = page_of([[kind.serialize({"b": 1, "a": 2}, 5), None]], [kind]).columns()
    assert codec.decode(cells).to_pylist() == ['{"a": 2, "b": 1}', None]
    (refused,) = codec.encode(pa.array(["{}"]), kind)
    assert isinstance(refused, Refused)
    assert "read" in refused.message


def test_a_value_that_a_type_cannot_hold_is_refused_alone():
    codec = types.codec("uuid", pa.string())
    good, bad = codec.encode(pa.array([str(uuid.UUID(int=1)), "no uuid"]), DRIVER["uuid"])
    assert good == uuid.UUID(int=1).bytes
    assert bad == Refused("'no uuid' is not of type uuid")


def test_an_empty_value_of_a_number_is_a_null():
    codec = types.codec("int", pa.int32())
    (cells,) = page_of([[b"", b"\0\0\0\7", None]], [DRIVER["int"]]).columns()
    assert codec.decode(cells).to_pylist() == [None, 7, None]


def test_a_number_of_another_width_is_refused():
    (cells,) = page_of([[b"\0\7"]], [DRIVER["int"]]).columns()
    with pytest.raises(DataError, match="4 bytes"):
        types.codec("int", pa.int32()).decode(cells)


def test_intervals_cannot_be_held():
    with pytest.raises(TypeError, match="interval"):
        types.cql_type(pa.list_(pa.month_day_nano_interval()))


def test_a_table_of_ours_tells_its_types_in_its_comment():
    assert types.commented(types.comment(rows.EVERY_TYPE)).equals(rows.EVERY_TYPE)
    for other in ("", "ratings of films", types.COMMENT + "?", types.COMMENT + "AAAA"):
        assert types.commented(other) is None


def test_small_results_are_python_values():
    page = page_of([[b"a", None], [b"\0\0\0\1", b"\0\0\0\2"]], [DRIVER["text"], DRIVER["int"]])
    assert page.tuples() == [("a", 1), (None, 2)]
