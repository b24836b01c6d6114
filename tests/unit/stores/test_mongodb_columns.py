"""A page of documents read by columns gives the rows that reading it by documents gives."""

from __future__ import annotations

import bson
import numpy as np
import pyarrow as pa
import pytest
from bson.datetime_ms import DatetimeMS
from bson.errors import InvalidBSON
from bson.objectid import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay_workloads.errors import DataError
from forebay_workloads.stores.mongodb_catalog import TableInfo
from forebay_workloads.stores.mongodb_columns import Pages
from forebay_workloads.stores.mongodb_connection import CODEC
from forebay_workloads.stores.mongodb_infer import inferred
from forebay_workloads.stores.mongodb_layout import Layout, layouts, padded, starts_of, template_of
from forebay_workloads.stores.mongodb_rows import changes_of, documents_of
from tests.contract import rows


def page(documents):
    raw = b"".join(bson.encode(one, codec_options=CODEC) for one in documents)
    return raw, starts_of(raw)


def read(documents, schema, *, own=True):
    return Pages(schema, "t", own=own).batch(*page(documents))


def written(batch, *, merge=False):
    info = TableInfo("t", batch.schema, ["id"], own=True)
    found, _ = changes_of(info, batch) if merge else documents_of(info, batch)
    return found


def by_columns(documents, schema):
    """How many rows went the fast way."""
    raw, starts = page(documents)
    pages = Pages(schema, "t", own=True)
    found = [one for one in layouts(raw, padded(raw), starts, 8) if isinstance(one, Layout)]
    return sum(len(one.rows) for one in found if pages._fast(raw, padded(raw), one) is not None)


def test_every_type_is_read_by_columns_as_it_was_written():
    batch = rows.every_type()
    for merge in (False, True):
        assert read(written(batch, merge=merge), batch.schema).to_pylist() == rows.ROWS
        assert by_columns(written(batch, merge=merge), batch.schema) == 3


@given(batch=rows.tables(), merge=st.booleans())
@settings(max_examples=100)
def test_any_content_is_read_as_it_was_written(batch, merge):
    found = read(written(batch, merge=merge), batch.schema)
    found.validate(full=True)
    assert found.schema.equals(batch.schema)
    assert all(rows.same(*pair) for pair in zip(batch.to_pylist(), found.to_pylist(), strict=True))


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), rows.TEXTS,
    st.binary(max_size=20), st.builds(ObjectId), st.integers(-(2**45), 2**45).map(DatetimeMS),
    st.lists(st.integers(0, 9), max_size=2), st.fixed_dictionaries({"x": rows.TEXTS}),
)  # fmt: skip


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4), max_size=12))
@settings(max_examples=200)
def test_documents_of_any_shape_give_the_same_rows_both_ways(documents):
    schema = inferred([{"a": None}, *documents]).schema
    pages = Pages(schema, "t", own=False)
    raw, starts = page(documents)
    try:
        expected = pages._slow(raw, starts, np.arange(len(documents)))
    except DataError as error:
        with pytest.raises(DataError, match="SchemaMismatch"):
            pages.batch(raw, starts)
        assert error.reason == "SchemaMismatch"  # noqa: PT017 - either way the same
        return
    found = pages.batch(raw, starts)
    assert found.num_rows == len(documents)
    assert all(
        rows.same(*pair) for pair in zip(expected.to_pylist(), found.to_pylist(), strict=True)
    )


def test_long_and_short_texts_and_bytes_keep_their_places():
    texts = ["", "twelve bytes", "thirteen byte", "日本語日本語日本語", None, "x" * 5000]
    batch = pa.record_batch(
        {
            "id": range(6),
            "text": texts,
            "raw": pa.array([None, b"", b"\0" * 13, b"a", b"b" * 40, b""]),
        }
    )
    found = read(written(batch), batch.schema)
    assert found.to_pylist() == batch.to_pylist()


def test_a_part_of_a_page_is_read_as_it_stands():
    raw, starts = page([{"_id": i, "text": f"row {i}" * 5} for i in range(10)])
    schema = pa.schema([("text", pa.string())])
    found = Pages(schema, "t", own=True).batch(raw, starts[3:6])
    assert found.to_pylist() == [{"text": f"row {i}" * 5} for i in (3, 4)]


def test_a_value_that_does_not_fit_is_named_also_among_many():
    documents = [{"_id": i, "n": i} for i in range(100)]
    documents[57]["n"] = 2**40
    with pytest.raises(DataError, match=r"document '57', column 'n': '1099511627776'"):
        read(documents, pa.schema([("n", pa.int32())]))


def test_text_that_is_no_utf8_is_refused():
    raw, starts = page([{"_id": 1, "text": "abc"}, {"_id": 2, "text": "abc"}])
    broken = raw[: raw.rindex(b"abc")] + b"\xff\xfe\xfd" + raw[raw.rindex(b"abc") + 3 :]
    with pytest.raises(InvalidBSON):
        Pages(pa.schema([("text", pa.string())]), "t", own=True).batch(broken, starts)


@given(st.binary(max_size=80))
def test_bytes_that_are_no_documents_never_lead_outside(junk):
    raw = bson.encode({"a": "text", "b": 1}) + (len(junk) + 5).to_bytes(4, "little") + junk + b"\0"
    starts = starts_of(raw)
    template_of(raw, int(starts[1]), int(starts[2]))
    list(layouts(raw, padded(raw), starts, 8))


@pytest.mark.parametrize("raw", [b"\x05", b"\x04\0\0\0", b"\xff\xff\xff\xff\0", b"\x10\0\0\0\0"])
def test_a_page_that_ends_inside_a_document_is_refused(raw):
    with pytest.raises(InvalidBSON):
        starts_of(raw)


def test_no_column_at_all_still_counts_its_rows():
    assert read([{"_id": 1}, {"_id": 2}], pa.schema([])).num_rows == 2
