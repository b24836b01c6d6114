"""Records of Avro: framed by a schema registry, or bare."""

import io
from datetime import UTC, datetime
from decimal import Decimal

import fastavro
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.codecs.avro_records import HEADER, AvroRecords

from .laws import holds

ONE = {
    "type": "record",
    "name": "Rating",
    "fields": [
        {"name": "user", "type": "string"},
        {"name": "item", "type": "long"},
        {"name": "rating", "type": ["null", "double"], "default": None},
    ],
}
TWO = {
    **ONE,
    "fields": [*ONE["fields"], {"name": "tags", "type": {"type": "array", "items": "string"}}],
}
EVERY = {
    "type": "record",
    "name": "Every",
    "namespace": "x.y",
    "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["on", "off"]}},
        {"name": "before", "type": ["null", "State"]},
        {"name": "marks", "type": {"type": "map", "values": "int"}},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 4}},
        {"name": "at_place", "type": {"type": "record", "name": "Place", "fields": [{"name": "x", "type": "float"}]}},
        {"name": "number", "type": ["int", "long", "null"]},
    ],
}  # fmt: skip
TREE = {
    "type": "record",
    "name": "Node",
    "fields": [{"name": "next", "type": ["null", "Node"]}],
}
NAN = {"type": "record", "name": "N", "fields": [{"name": "x", "type": "double"}]}
SCHEMAS = {1: ONE, 2: TWO, 3: EVERY, 4: TREE, 5: "string", 6: {"type": "nothing"}, 7: NAN}

ratings = st.fixed_dictionaries(
    {
        "user": st.text(),
        "item": st.integers(-(1 << 63), (1 << 63) - 1),
        "rating": st.none() | st.floats(allow_nan=False),
    }
)


def packed(number, row, schema=None):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema or SCHEMAS[number]), row)
    return HEADER.pack(0, number) + out.getvalue()


@pytest.fixture
def codec():
    return AvroRecords(SCHEMAS.__getitem__)


GOOD = {"user": "u", "item": 1, "rating": 0.5}
FRAME = packed(1, GOOD)
POISON = {
    b"": "empty",
    b"{}": "does not begin with 0",
    b"\0\0": "does not begin with 0",
    b"\1" + FRAME[1:]: "does not begin with 0",
    FRAME[:-1]: "no Avro",
    FRAME + b"x": "1 bytes are left",
    HEADER.pack(0, 99) + b"x": "has no schema 99",
    HEADER.pack(0, 1) + b"\x04\xff\xff\x02\x00": "no Avro",  # not UTF-8
    HEADER.pack(0, 1) + b"\x02u\x02\x08": "no Avro",  # a branch of the union that is not there
    HEADER.pack(0, 1) + b"\xff" * 30: "no Avro",
    HEADER.pack(0, 1) + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f": "no Avro",  # a text of 2**62 bytes
    HEADER.pack(0, 4) + b"\x02" * 900_000: "contains itself",
    HEADER.pack(0, 5) + b"\x02u": "is no record",
    HEADER.pack(0, 6) + b"\x02u": "cannot be used",
}


@pytest.mark.parametrize(("record", "why"), POISON.items(), ids=range(len(POISON)))
def test_poison_is_named_and_costs_no_other_record_its_place(codec, record, why):
    records = [FRAME, record, FRAME]
    for schema in (None, pa.schema([("user", pa.string()), ("item", pa.int64())])):
        decoded = holds(records, codec.decode(records, schema))
        assert decoded.kept == [0, 2]
        assert why in decoded.bad[0][1]


@given(st.lists(ratings, max_size=12))
def test_what_was_written_is_read(drawn):
    records = [packed(1, row) for row in drawn]
    decoded = holds(records, AvroRecords(SCHEMAS.__getitem__).decode(records))
    assert decoded.bad == []
    assert decoded.batch.to_pylist() == drawn


@given(
    st.lists(
        st.none()
        | st.binary(max_size=30)
        | st.binary(max_size=30).map(lambda data: HEADER.pack(0, 1) + data)
        | st.binary(max_size=30).map(lambda data: HEADER.pack(0, 3) + data)
        | ratings.map(lambda row: packed(1, row)),
        max_size=10,
    )
)
def test_any_bytes_leave_every_record_in_one_place(records):
    codec = AvroRecords(SCHEMAS.__getitem__)
    for schema in (None, pa.schema([("user", pa.string()), ("rating", pa.float32())])):
        holds(records, codec.decode(records, schema))


def test_every_type_has_its_column(codec):
    row = {
        "at": datetime(2024, 2, 29, 12, tzinfo=UTC),
        "price": Decimal("1.25"),
        "state": "on",
        "before": "off",
        "marks": {"a": 1},
        "hash": b"abcd",
        "at_place": {"x": 0.5},
        "number": 5,
    }
    decoded = holds([packed(3, row)], codec.decode([packed(3, row)]))
    assert decoded.bad == []
    assert decoded.batch.to_pylist() == [{**row, "marks": [("a", 1)]}]
    assert decoded.batch.schema.field("number").type == pa.int64()


def test_records_of_two_schemas_share_a_batch(codec):
    records = [FRAME, packed(2, {**GOOD, "tags": ["x"]}), FRAME]
    decoded = holds(records, codec.decode(records))
    assert decoded.batch.column("tags").to_pylist() == [None, ["x"], None]
    schema = pa.schema([("user", pa.string())])
    assert codec.decode(records, schema).unknown["tags"] == [1]


def test_bare_records_have_one_schema():
    codec = AvroRecords(schema=ONE)
    records = [FRAME[5:], None, FRAME, FRAME[5:]]
    decoded = holds(records, codec.decode(records))
    assert decoded.kept == [0, 3]


def test_a_value_that_the_table_cannot_hold_is_named(codec):
    schema = pa.schema([("item", pa.int8())])
    records = [packed(1, {**GOOD, "item": 300}), FRAME]
    decoded = holds(records, codec.decode(records, schema))
    assert "column 'item'" in decoded.bad[0][1]


def test_F37_a_registry_that_is_down_ends_the_decode_and_no_record_is_called_bad():
    def down(number):
        raise ConnectionError(number)

    with pytest.raises(ConnectionError):
        AvroRecords(down).decode([FRAME])


def test_a_schema_is_looked_up_once(codec):
    asked = []
    counting = AvroRecords(lambda number: asked.append(number) or SCHEMAS[number])
    counting.decode([FRAME] * 3)
    counting.decode([FRAME] * 3)
    assert asked == [1]
