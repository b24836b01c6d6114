"""Arrow columns travel through cells and come back as they were; names of rows sort as their keys do."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores import hbase_cells as cells
from forebay_workloads.stores.hbase_keys import ROW_BYTES, names_of
from forebay_workloads.stores.hbase_names import checked_columns, checked_table
from tests.contract import rows


def through(column: pa.Array) -> pa.Array:
    """To cells and back."""
    return cells.decoded(cells.encoded(column), column.type)


def test_every_type_comes_back_as_it_was():
    for column in rows.every_type().columns:
        assert through(column).equals(column)


@given(batch=rows.tables())
@settings(max_examples=60)
def test_any_content_comes_back_as_it_was(batch):
    for column in batch.columns:
        found = through(column).to_pylist()
        assert all(rows.same(*pair) for pair in zip(column.to_pylist(), found, strict=True))


@pytest.mark.parametrize(
    "column",
    [
        pa.array([0, 1, 2**64 - 1, None], pa.uint64()),
        pa.array([-1, 86_399_999_999_999], pa.duration("ns")),
        pa.array([0, 86_399], pa.time32("s")),
        pa.array([-1, 1_700_000_000_123_456_789], pa.timestamp("ns", "UTC")),
        pa.array([1.5, float("inf"), -0.0, None], pa.float16()),
        pa.array(["", None, "\0", "\0a", "a\0"], pa.large_string()),
        pa.array([b"", None, b"\0", b"\0\0", b"\xff"]),
        pa.array([b"ab", b"\0\0"], pa.binary(2)),
        pa.array([[None, "a"], None, []], pa.large_list(pa.string())),
        pa.array([{"a": None, "b": [True]}, None]),
        pa.nulls(2),
    ],
    ids=lambda column: str(column.type),
)
def test_values_at_the_edge_come_back(column):
    assert through(column).equals(column)


def test_cells_are_as_the_servers_own_tools_write_them():
    assert cells.encoded(pa.array([1])) == [b"\0\0\0\0\0\0\0\1"]
    assert cells.encoded(pa.array([1.0])) == [b"\x3f\xf0" + bytes(6)]
    assert cells.encoded(pa.array(["schön"])) == ["schön".encode()]
    assert cells.encoded(pa.array([True, False, None])) == [b"\xff", b"\0", b""]


def test_a_cell_that_is_not_there_is_a_null():
    assert cells.decoded([None, b""], pa.int64()).to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("cell", "kind"), [(b"12", pa.int64()), (b"\xff", pa.string()), (b"x", pa.list_(pa.int64()))]
)
def test_a_cell_that_does_not_fit_is_named_with_its_row(cell, kind):
    schema = pa.schema([("c", kind)])
    with pytest.raises(DataError, match=r"b'r2'.*'c'") as caught:
        cells.batch_of([(b"r1", [None]), (b"r2", [cell])], schema, "t", own=True)
    assert caught.value.reason == "SchemaMismatch"


# names of rows

PAIRS = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.string(): rows.TEXTS | st.sampled_from(["a\0", "a\0\1", "a\0\0", "a"]),
    pa.binary(): st.binary(max_size=4),
    pa.date32(): st.dates(),
}


@pytest.mark.parametrize("kind", PAIRS, ids=str)
@given(data=st.data())
@settings(max_examples=60)
def test_names_sort_as_their_keys_and_two_keys_have_two_names(kind, data):
    keys = data.draw(st.lists(st.tuples(PAIRS[kind], PAIRS[kind]), min_size=2, max_size=8))
    columns = [pa.array([key[part] for key in keys], kind) for part in (0, 1)]
    names, _ = names_of(columns)
    if kind == pa.string():
        keys = [(one.encode(), other.encode()) for one, other in keys]
    order = sorted(range(len(keys)), key=lambda row: keys[row])
    assert [names[row] for row in order] == sorted(names)
    assert len(set(names)) == len(set(keys))


def test_keys_that_the_server_refuses_are_named():
    _, bad = names_of([pa.array(["", "a", "x" * (ROW_BYTES + 1)])])
    assert sorted(bad) == [0, 2]
    assert "empty" in bad[0]
    assert "32,768 bytes" in bad[2]


def test_zeros_are_one_key():
    (one, other), _ = names_of([pa.array([0.0, -0.0])])
    assert one == other


@pytest.mark.parametrize("name", ["", "a b", ".a", "-a", "a:b:c", "ключ", "a/b"])
def test_names_that_no_table_has_are_refused(name):
    with pytest.raises(ConfigError, match="no name for a table"):
        checked_table("", name)


def test_a_prefix_may_be_a_namespace():
    assert checked_table("plant:", "t-1") == b"plant:t-1"


@pytest.mark.parametrize(
    "field", [pa.field("", pa.string()), pa.field("c", pa.map_(pa.string(), pa.string()))]
)
def test_columns_that_no_row_can_have_are_refused(field):
    with pytest.raises(ConfigError):
        checked_columns("t", pa.schema([("id", pa.int64()), field]), ["id"])
