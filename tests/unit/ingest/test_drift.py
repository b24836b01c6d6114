"""What becomes of records whose fields are not the table's, for each policy."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay_workloads.codecs.json_records import JsonRecords
from forebay_workloads.ingest.drift import Drift, Policy, settle, table_schema

TABLE = pa.schema([("id", pa.int64()), ("amount", pa.float64()), ("city", pa.string())])


def settled(*values, policy=None, table=TABLE, key=("id",)):
    raw = [v if v is None or isinstance(v, bytes) else json.dumps(v).encode() for v in values]
    return settle(JsonRecords(), raw, table, list(key), policy or Policy())


def test_records_of_the_table_become_its_rows():
    found = settled({"id": 1, "amount": 2, "city": "Ulm"}, {"city": "Bonn", "id": 2, "amount": 1.5})
    assert found.batch.schema.equals(TABLE)
    assert found.batch.to_pylist() == [
        {"id": 1, "amount": 2.0, "city": "Ulm"},
        {"id": 2, "amount": 1.5, "city": "Bonn"},
    ]
    assert (found.places, found.refused, found.drift.text()) == ([0, 1], [], "")


@pytest.mark.parametrize(
    ("policy", "columns", "places", "why"),
    [
        ("Ignore", TABLE.names, [0, 1], None),
        ("Evolve", [*TABLE.names, "tags"], [0, 1], None),
        ("DeadLetter", TABLE.names, [0], "the table has no column 'tags'"),
    ],
)
def test_F36_a_new_field_is_left_out_added_or_refused(policy, columns, places, why):
    full = {"id": 1, "amount": 1.0, "city": "x"}
    found = settled(full, {**full, "tags": ["a"]}, policy=Policy(new_field=policy))
    assert found.batch.schema.names == columns
    assert found.places == places
    assert [one.message for one in found.refused] == ([why] if why else [])
    assert found.drift.new["tags"] >= 1
    assert found.wider(TABLE) == (policy == "Evolve")
    if policy == "Evolve":
        assert found.batch.column("tags").to_pylist() == [None, ["a"]]


def test_F36_a_missing_field_is_null_or_refused():
    values = [{"id": 1, "amount": 1.0}, {"id": 2, "amount": 2.0, "city": None}]
    found = settled(*values)
    assert found.batch.column("city").to_pylist() == [None, None]
    assert found.drift.missing == {"city": 2}
    found = settled(
        *values, {"id": 3, "amount": 3.0, "city": "x"}, policy=Policy(missing_field="DeadLetter")
    )
    assert found.places == [2]
    assert [one.place for one in found.refused] == [0, 1]
    assert "'city'" in found.refused[0].message
    assert found.drift.missing == {"city": 2}


def test_F36_a_changed_type_is_refused_or_null():
    values = [{"id": 1, "amount": "much", "city": "x"}, {"id": 2, "amount": 1.0, "city": "y"}]
    found = settled(*values)
    assert [(one.place, one.reason) for one in found.refused] == [(0, "SchemaMismatch")]
    assert "column 'amount': 'much' is not a number" in found.refused[0].message
    found = settled(*values, policy=Policy(type_change="Ignore"))
    assert found.refused == []
    assert found.places == [0, 1]
    assert found.batch.column("amount").to_pylist() == [None, 1.0]
    assert found.drift.changed == {"amount": 1}
    assert "type changed: amount (1)" in found.drift.text()


def test_a_key_is_never_made_up():
    lenient = Policy(type_change="Ignore", missing_field="Ignore")
    found = settled({"id": "one"}, {"amount": 1.0}, {"id": None}, {"id": 4}, policy=lenient)
    assert found.places == [3]
    assert {one.reason for one in found.refused} == {"SchemaMismatch"}


def test_what_cannot_be_read_is_not_called_a_change_of_type():
    found = settled(b"{", {"id": "x"}, policy=Policy(type_change="Ignore"))
    assert [(one.place, one.reason) for one in found.refused] == [
        (0, "Unreadable"),
        (1, "SchemaMismatch"),
    ]


def test_a_tombstone_is_counted_and_where_it_is_wished_refused():
    found = settled(None, {"id": 1})
    assert (found.tombstones, found.places, found.refused) == (1, [1], [])
    found = settled(None, {"id": 1}, policy=Policy(tombstone="DeadLetter"))
    assert [one.place for one in found.refused] == [0]


def test_the_order_of_records_is_kept_where_one_is_mended():
    found = settled(
        {"id": 1, "amount": 1.0}, {"id": 1, "amount": "x"}, {"id": 1, "amount": 3.0},
        policy=Policy(type_change="Ignore"),
    )  # fmt: skip
    assert found.batch.column("amount").to_pylist() == [1.0, None, 3.0]


def test_by_default_a_new_field_is_a_column_where_the_store_keeps_documents():
    assert Policy.of({}, evolves=True).new_field == "Evolve"
    assert Policy.of({}, evolves=False).new_field == "Ignore"
    assert Policy.of({"newField": "DeadLetter"}, evolves=True).new_field == "DeadLetter"


def test_a_new_table_has_the_fields_that_were_set():
    values = [b'{"id": 1, "note": null, "x": 1.5}', b"rubbish"]
    assert table_schema(JsonRecords(), values).names == ["id", "x"]
    assert table_schema(JsonRecords(), [b"rubbish", None]) is None


def test_one_odd_record_among_the_first_decides_no_type():
    values = [b'{"id": "one", "n": 1, "t": "a"}', *[b'{"id": 2, "n": 1.5, "t": "b"}'] * 3]
    schema = table_schema(JsonRecords(), values)
    assert [str(one.type) for one in schema] == ["int64", "double", "string"]


def test_an_account_names_the_most_frequent_fields():
    drift = Drift()
    for index in range(12):
        drift.new[f"f{index:02}"] = 100 - index
    assert drift.text().startswith("new: f00 (100), f01 (99)")
    assert drift.text().endswith("4 more")


VALUE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.lists(st.integers(), max_size=2)
)
RECORD = (
    st.none()
    | st.binary(max_size=6)
    | st.dictionaries(st.sampled_from(["id", "amount", "city", "new", "more"]), VALUE, max_size=5)
)
CHOICE = st.sampled_from(["Ignore", "DeadLetter"])


@settings(max_examples=60)
@given(
    st.lists(RECORD, max_size=12),
    st.builds(Policy, st.sampled_from(["Ignore", "Evolve", "DeadLetter"]), CHOICE, CHOICE, CHOICE),
)
def test_each_record_becomes_exactly_one_thing(values, policy):
    found = settled(*values, policy=policy)
    refused = [one.place for one in found.refused]
    nothing = [i for i, v in enumerate(values) if v is None] if policy.tombstone == "Ignore" else []
    assert sorted([*found.places, *refused, *nothing]) == list(range(len(values)))
    assert found.places == sorted(found.places)
    assert found.batch.num_rows == len(found.places)
    assert found.batch.column("id").null_count == 0
