"""The law of the content digest: it depends on the values, in order, and on nothing else."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay_workloads.content import ContentDigest
from forebay_workloads.errors import ConfigError

COLUMNS = {
    "bool": (pa.bool_(), st.booleans()),
    "int": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "float": (pa.float32(), st.floats(width=32)),
    "text": (pa.string(), st.text("aé😀", max_size=5)),
    "raw": (pa.binary(), st.binary(max_size=5)),
    "time": (pa.timestamp("us"), st.datetimes()),
    "money": (pa.decimal128(9, 2), st.integers(0, 999).map(lambda n: Decimal(n) / 100)),
    "list": (pa.list_(pa.int8()), st.lists(st.integers(0, 9), max_size=3)),
    "record": (
        pa.struct([("a", pa.string())]),
        st.fixed_dictionaries({"a": st.text("aé", max_size=2)}),
    ),
    "map": (pa.map_(pa.string(), pa.int8()), st.just([("k", 1)])),
}
SCHEMA = pa.schema([(name, kind) for name, (kind, _) in COLUMNS.items()])
ROW = st.fixed_dictionaries({name: st.none() | values for name, (_, values) in COLUMNS.items()})


def digest(batches):
    running = ContentDigest(SCHEMA)
    for batch in batches:
        running.update(batch)
    return running.value()


@settings(max_examples=50)
@given(rows=st.lists(ROW, max_size=12), cut=st.integers(0, 12))
def test_batching_and_slicing_do_not_change_the_digest(rows, cut):
    whole = pa.RecordBatch.from_pylist(rows, SCHEMA)
    parts = [pa.RecordBatch.from_pylist(part, SCHEMA) for part in (rows[:cut], rows[cut:])]
    assert digest([whole]) == digest(parts) == digest([whole.slice(0, cut), whole.slice(cut)])


@pytest.mark.parametrize("name", COLUMNS)
def test_one_changed_value_changes_the_digest(name):
    values = {
        "bool": (False, True), "int": (0, 1), "float": (0.0, 1.0), "text": ("", "a"),
        "raw": (b"", b"a"), "time": (dt.datetime(1970, 1, 1), dt.datetime(1970, 1, 2)),  # noqa: DTZ001
        "money": (Decimal(0), Decimal(1)), "list": ([], [0]), "record": ({"a": ""}, {"a": "b"}),
        "map": ([], [("k", 1)]),
    }[name]  # fmt: skip
    seen = set()
    for value in (None, *values):
        seen.add(digest([pa.RecordBatch.from_pylist([{name: value}], SCHEMA)]))
    assert len(seen) == 3


def test_rows_in_another_order_and_moved_text_borders_have_other_digests():
    schema = pa.schema([("text", pa.string())])
    seen = set()
    for texts in (["ab", "c"], ["a", "bc"], ["c", "ab"]):
        running = ContentDigest(schema)
        running.update(pa.record_batch([texts], schema=schema))
        seen.add(running.value())
    assert len(seen) == 3


def test_a_type_without_plain_values_is_refused():
    encoded = pa.RunEndEncodedArray.from_arrays([2], [1])
    batch = pa.record_batch([encoded], names=["x"])
    with pytest.raises(ConfigError, match="cast"):
        ContentDigest(batch.schema).update(batch)
