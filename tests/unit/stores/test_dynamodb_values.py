"""Arrow columns travel through items and come back as they were; numbers are exact; what does not fit is named."""

from __future__ import annotations

from decimal import Context, Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay_workloads.codecs.nested import holds
from forebay_workloads.errors import DataError
from forebay_workloads.stores import dynamodb_values as values
from forebay_workloads.stores.dynamodb_infer import WHOLE, inferred
from tests.contract import rows

SERVICE = Context(prec=38)


def served(value):
    """A value as the service gives it back: numbers are decimals of 38 digits, without a sign at zero."""
    ((kind, content),) = value.items()
    if kind == "N":
        number = Decimal(content)
        assert number == SERVICE.plus(number), f"{content} has more than 38 digits"
        assert not number or -130 <= number.adjusted() <= 125
        return {"N": f"{SERVICE.normalize(number):f}" if number else "0"}
    if kind == "M":
        return {"M": {name: served(one) for name, one in reversed(content.items())}}
    return {"L": [served(one) for one in content]} if kind == "L" else value


def through(column: pa.Array) -> pa.Array:
    """To attribute values, through the service, and back."""
    there = [None if one is None else served(one) for one in values.encoded(column)]
    return values.decoded(there, column.type)


def test_every_type_comes_back_as_it_was():
    for column in rows.every_type().columns:
        assert through(column).equals(column)


@given(batch=rows.tables())
@settings(max_examples=60)
def test_any_content_comes_back_as_it_was(batch):
    for column in batch.columns:
        found = through(column).to_pylist()
        assert all(rows.same(*pair) for pair in zip(column.to_pylist(), found, strict=True))


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_whole_numbers_are_exact(numbers):
    column = pa.array(numbers, pa.int64())
    assert through(column).equals(column)


@given(st.lists(st.floats(allow_nan=False)))
def test_floats_are_exact_to_the_last_bit(numbers):
    found = through(pa.array(numbers, pa.float64())).to_pylist()
    assert [one.hex() for one in found] == [one.hex() for one in numbers]


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=20, max_value=10**50)))
def test_decimals_are_exact_also_where_the_service_has_fewer_digits(numbers):
    column = pa.array([n for n in numbers if abs(n) < 10**50], pa.decimal256(76, 20))
    assert through(column).equals(column)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([0, 1, 2**64 - 1, None], pa.uint64()),
        pa.array([-1, 86_399_999_999_999], pa.duration("ns")),
        pa.array([0, 86_399_999_999], pa.time64("us")),
        pa.array([0, 86_399], pa.time32("s")),
        pa.array([-1, 1, 1_700_000_000_123_456_789], pa.timestamp("ns", "UTC")),
        pa.array([1.5, float("inf"), None], pa.float16()),
        pa.array(["a", None, ""], pa.string_view()),
        pa.array([b"ab", b"cd"], pa.binary(2)),
        pa.array([["a"], None, []], pa.large_list(pa.large_string())),
        pa.array([[1.0, -0.0]], pa.list_(pa.float32(), 2)),
        pa.array([[{"at": 1}, None]], pa.list_(pa.struct([("at", pa.timestamp("ns"))]))),
        pa.array([{"a": None, "b": [True]}, None]),
        pa.nulls(2),
    ],
    ids=lambda column: str(column.type),
)
def test_types_that_items_have_no_word_for_come_back(column):
    assert through(column).equals(column)


@pytest.mark.parametrize("kind", [pa.month_day_nano_interval(), pa.map_(pa.string(), pa.int64())])
def test_types_that_cannot_be_kept_are_known(kind):
    assert not holds(kind)
    assert not holds(pa.list_(kind))


def test_a_value_that_does_not_fit_is_named_with_its_item():
    items = [{"id": {"S": "a"}, "n": {"N": "1"}}, {"id": {"S": "b"}, "n": {"S": "many"}}]
    schema = pa.schema([("id", pa.string()), ("n", pa.int64())])
    with pytest.raises(DataError, match=r"'n'.*many.*int64.*'b'") as caught:
        values.batch_of(items, schema, "t", own=False)
    assert caught.value.reason == "SchemaMismatch"


# tables of somebody else


def column_of(*found, kind=None):
    """The column that such values make in a table that is not ours."""
    items = [{"id": {"S": str(i)}, "c": one} for i, one in enumerate(found)]
    schema = inferred(items, {"id": "S"}).schema
    made = values.batch_of(items, schema, "t", own=False)
    assert kind is None or schema.field("c").type == kind
    return made.column("c").to_pylist()


def test_numbers_meet_in_the_type_that_holds_them():
    assert column_of({"N": "1"}, {"N": "-9223372036854775808"}, kind=pa.int64()) == [1, -(2**63)]
    assert column_of({"N": "1"}, {"N": "9223372036854775808"}, kind=WHOLE) == [1, 2**63]
    assert column_of({"N": "1"}, {"N": "0.5"}, kind=pa.float64()) == [1.0, 0.5]
    assert column_of({"N": "1"}, {"S": "x"}, {"BOOL": True}) == ["1", "x", "true"]


def test_sets_are_lists_and_documents_are_structs():
    assert column_of({"SS": ["b", "a"]}, {"NULL": True}) == [["a", "b"], None]
    assert column_of({"NS": ["2", "1"]}) == [[1, 2]]
    assert column_of({"M": {"a": {"N": "1"}}}, {"M": {"b": {"S": "x"}}}) == [
        {"a": 1, "b": None},
        {"a": None, "b": "x"},
    ]
    assert column_of({"L": [{"N": "1"}, {"S": "a"}]}, {"S": "x"}) == ['[1,"a"]', "x"]


def test_only_what_is_a_set_in_every_item_is_one():
    items = [
        {"id": {"N": "1"}, "a": {"SS": ["x"]}, "b": {"SS": ["x"]}},
        {"id": {"N": "2"}, "a": {"SS": ["y"]}, "b": {"L": []}},
    ]
    found = inferred(items, {"id": "N"})
    assert (found.schema.names, found.sets) == (["id", "a", "b"], {"a"})


def test_a_number_in_a_key_is_whole_or_a_text_that_finds_its_item_again():
    assert inferred([{"id": {"N": "1"}}], {"id": "N"}).schema.field("id").type == pa.int64()
    broken = inferred([{"id": {"N": "1"}}, {"id": {"N": "0.1"}}], {"id": "N"}).schema
    assert broken.field("id").type == pa.string()


def test_an_empty_table_has_the_columns_of_its_key():
    schema = inferred([], {"id": "S", "at": "N"}).schema
    assert schema == pa.schema([("id", pa.string()), ("at", pa.int64())])
