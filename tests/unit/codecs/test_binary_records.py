"""Records of a fixed binary layout."""

import struct

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.codecs.binary_records import BinaryField, BinaryRecords
from forebay_workloads.errors import ConfigError

from .laws import holds

LAYOUT = [
    BinaryField("id", "int64"),
    BinaryField("flag", "bool"),
    BinaryField("gap", "pad(3)"),
    BinaryField("value", "float32"),
    BinaryField("name", "string(6)"),
    BinaryField("hash", "binary(2)"),
]
ORDERS = {"little": "<", "big": ">"}
rows = st.tuples(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.booleans(),
    st.floats(width=32, allow_nan=False),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6).filter(
        lambda text: len(text.encode()) <= 6
    ),
    st.binary(min_size=2, max_size=2),
)


def packed(row, order="little"):
    number, flag, value, name, tail = row
    return struct.pack(f"{ORDERS[order]}qb3xf6s2s", number, flag, value, name.encode(), tail)


@given(st.lists(rows, max_size=10), st.sampled_from(sorted(ORDERS)))
def test_what_was_written_is_read(drawn, order):
    codec = BinaryRecords(LAYOUT, order)
    records = [packed(row, order) for row in drawn]
    decoded = holds(records, codec.decode(records))
    assert [tuple(row.values()) for row in decoded.batch.to_pylist()] == drawn
    assert decoded.batch.schema.names == ["id", "flag", "value", "name", "hash"]


@given(st.lists(st.none() | st.binary(max_size=26) | rows.map(packed), max_size=10))
def test_any_bytes_leave_every_record_in_one_place(records):
    codec = BinaryRecords(LAYOUT)
    for schema in (None, pa.schema([("id", pa.int32()), ("name", pa.string())])):
        holds(records, codec.decode(records, schema))


def test_poison_is_named():
    good = packed((1, True, 0.5, "x", b"ab"))
    odd = good[:8] + b"\2" + good[9:]
    text = good[:16] + b"\xff" + good[17:]
    decoded = BinaryRecords(LAYOUT).decode([b"", good[:-1], odd, text, good])
    whys = ["empty", "23 bytes, the layout has 24", "field 'flag'", "field 'name': not UTF-8"]
    assert decoded.kept == [4]
    assert all(why in found for why, (_, found) in zip(whys, decoded.bad, strict=True))


def test_columns_of_another_type_are_converted_and_what_does_not_fit_is_bad():
    records = [packed((1, True, 0.5, "x", b"ab")), packed((1 << 40, True, 0.5, "x", b"ab"))]
    decoded = BinaryRecords(LAYOUT).decode(records, pa.schema([("id", pa.int32())]))
    assert decoded.batch.to_pylist() == [{"id": 1}]
    assert decoded.bad[0][0] == 1


@pytest.mark.parametrize("kind", ["int7", "string", "string(0)", "binary(x)", "pad(0)"])
def test_a_type_that_is_none_is_refused(kind):
    with pytest.raises(ConfigError, match="no type"):
        BinaryRecords([BinaryField("a", kind)])


def test_a_layout_needs_fields_with_names_of_their_own():
    for layout in ([], [BinaryField("a", "int8")] * 2):
        with pytest.raises(ConfigError):
            BinaryRecords(layout)
