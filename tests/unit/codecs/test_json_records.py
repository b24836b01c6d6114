"""Records of JSON: what is right is kept as it is, what is wrong is named."""

import json
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.codecs.json_records import DEPTH, JsonRecords

from .laws import holds

SCHEMA = pa.schema(
    [("id", pa.int64()), ("name", pa.string()), ("score", pa.float64()), ("ok", pa.bool_())]
)
GOOD = {"id": 1, "name": "a:b", "score": 0.5, "ok": True}
POISON = {
    b"": "empty",
    b"{": "no JSON",
    b"nonsense": "no JSON",
    b'{"id": NaN}': "no JSON",
    b'{"id": Infinity}': "no JSON",
    b'{"score": 1e999}': "no JSON",
    b'{"name": "\xff"}': "not UTF-8",
    b'{"name": "\\ud800"}': "no JSON",
    b"[1]": "a JSON object is needed",
    b"null": "a JSON object is needed",
    b'{"id": 1, "id": 2}': "one name twice",
    b'{"name": {"x": 1, "y": {"x": 1, "x": 1}}}': "one name twice",
    b'{"id" : 1,"na:me":"x\\"", "id"\n:1}': "one name twice",
    b"[" * 10_000 + b"]" * 10_000: "nested deeper",
    b'{"x":' * 10_000 + b"1" + b"}" * 10_000: "nested deeper",
    b'{"id": 1.5}': "column 'id'",
    b'{"id": true}': "column 'id'",
    b'{"id": "1"}': "column 'id'",
    b'{"id": 9223372036854775808}': "column 'id'",
    b'{"id": 123456789012345678901234567890}': "column 'id'",
    b'{"score": true}': "column 'score'",
    b'{"name": 5}': "column 'name'",
    b'{"ok": 1}': "column 'ok'",
}

leaf = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
rows = st.fixed_dictionaries(
    {},
    optional={
        "id": st.none() | st.integers(-(1 << 63), (1 << 63) - 1),
        "name": st.none() | st.text(),
        "score": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "ok": st.none() | st.booleans(),
    },
)
documents = st.dictionaries(
    st.text(max_size=3),
    st.recursive(
        leaf,
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=3), x, max_size=3),
    ),
    max_size=4,
)
written = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : "), ("\n,", "\t:\n")])


def dumped(value, separators=(",", ":"), ascii_only=False):
    return json.dumps(value, separators=separators, ensure_ascii=ascii_only).encode()


@pytest.mark.parametrize(("record", "why"), POISON.items(), ids=range(len(POISON)))
def test_poison_is_named_and_costs_no_other_record_its_place(record, why):
    records = [dumped(GOOD), record, dumped(GOOD)]
    decoded = holds(records, JsonRecords().decode(records, SCHEMA))
    assert decoded.batch.to_pylist() == [GOOD, GOOD]
    ((index, reason),) = decoded.bad
    assert index == 1
    assert why in reason


def test_a_record_of_900_kib_is_read_and_its_reason_is_short():
    records = [dumped({"name": "x" * 900_000}), dumped({"id": "x" * 900_000}), b"x" * 900_000]
    decoded = holds(records, JsonRecords().decode(records, SCHEMA))
    assert list(decoded.kept) == [0]


@given(st.lists(st.tuples(rows, written, st.booleans()), max_size=20))
def test_rows_that_fit_are_kept_as_they_are(drawn):
    records = [dumped(*one) for one in drawn]
    decoded = holds(records, JsonRecords().decode(records, SCHEMA))
    assert decoded.bad == []
    empty = dict.fromkeys(SCHEMA.names)
    assert decoded.batch.to_pylist() == [empty | row for row, *_ in drawn]


@given(st.lists(st.tuples(documents, written), max_size=12))
def test_no_object_is_said_to_have_a_name_twice_that_has_not(drawn):
    records = [dumped(document, separators) for document, separators in drawn]
    for schema in (None, SCHEMA):
        decoded = holds(records, JsonRecords().decode(records, schema))
        assert not [why for _, why in decoded.bad if "twice" in why]


@given(documents.filter(bool), st.data(), written)
def test_a_name_that_comes_twice_is_always_found(document, data, separators):
    name = data.draw(st.sampled_from(sorted(document)))
    again = dumped({name: data.draw(leaf)}, separators)[1:-1]
    comma = separators[0].encode()
    whole = dumped(document, separators)
    record = whole[:-1] + comma + again + b"}"
    ((_, why),) = JsonRecords().decode([record], None).bad
    assert "one name twice" in why


@given(st.lists(st.none() | st.binary(max_size=40) | documents.map(dumped), max_size=12))
def test_any_bytes_leave_every_record_in_one_place(records):
    for schema in (None, SCHEMA):
        holds(records, JsonRecords().decode(records, schema))


def test_tombstones_are_neither_kept_nor_bad():
    decoded = JsonRecords().decode([None, b'{"id":1}', None], SCHEMA)
    assert (decoded.tombstones, decoded.kept, decoded.bad) == ([0, 2], [1], [])


def test_fields_that_the_schema_lacks_are_named_with_their_records():
    records = [b'{"id":1}', b'{"id":2,"new":1}', b'{"id":"bad","new":1}', b'{"other":1,"new":2}']
    decoded = holds(records, JsonRecords().decode(records, SCHEMA))
    assert decoded.unknown == {"new": [1, 3], "other": [3]}


def test_nesting_ends_at_the_limit_and_not_before():
    fits = b'{"name":' + b"[" * (DEPTH - 1) + b"]" * (DEPTH - 1) + b"}"
    deeper = b'{"name":' + b"[" * DEPTH + b"]" * DEPTH + b"}"
    assert JsonRecords().decode([fits, deeper], SCHEMA).kept == [0]


def test_a_value_is_needed_where_the_schema_says_so():
    schema = pa.schema([pa.field("id", pa.int64(), nullable=False)])
    decoded = holds([b"{}", b'{"id":1}'], JsonRecords().decode([b"{}", b'{"id":1}'], schema))
    assert decoded.kept == [1]


def test_times_lists_objects_and_decimals_are_read_by_their_type():
    schema = pa.schema(
        [
            ("at", pa.timestamp("ms", "UTC")),
            ("day", pa.date32()),
            ("marks", pa.list_(pa.int32())),
            ("who", pa.struct([("name", pa.string())])),
            ("price", pa.decimal128(6, 2)),
            ("raw", pa.string()),
        ]
    )
    good = {
        "at": "2024-02-29T12:00:00.123Z",
        "day": "1969-07-20",
        "marks": [1, None],
        "who": {"name": "x"},
        "price": "1.25",
        "raw": {"a": [1]},
    }
    wrong = [
        {"at": "soon"},
        {"at": 5},
        {"marks": [1.5]},
        {"who": {"name": 1}},
        {"price": "1.255"},
        {"day": "1969-13-01"},
    ]
    records = [dumped(one) for one in (good, *wrong)]
    decoded = holds(records, JsonRecords().decode(records, schema))
    assert decoded.kept == [0]
    (row,) = decoded.batch.to_pylist()
    assert (row["day"], row["marks"], row["raw"]) == (date(1969, 7, 20), [1, None], '{"a":[1]}')
    assert row["at"].isoformat() == "2024-02-29T12:00:00.123000+00:00"


def test_without_a_schema_columns_come_from_the_records():
    records = [b'{"a":1,"b":"x","c":null}', b'{"a":2.5,"d":true}', b'{"b":null,"e":[1]}']
    decoded = holds(records, JsonRecords().decode(records))
    kinds = [pa.float64(), pa.string(), pa.string(), pa.bool_(), pa.list_(pa.int64())]
    assert decoded.batch.schema.types == kinds


def test_without_a_schema_one_odd_value_of_many_is_bad_and_many_make_a_text():
    many = [dumped({"a": index}) for index in range(200)]
    decoded = holds([*many, b'{"a":"x"}'], JsonRecords().decode([*many, b'{"a":"x"}']))
    assert [index for index, _ in decoded.bad] == [200]
    decoded = JsonRecords().decode([b'{"a":1}', b'{"a":"x"}'])
    assert decoded.batch.to_pylist() == [{"a": "1"}, {"a": "x"}]
