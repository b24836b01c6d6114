"""Names of tables, documents and fields: what cannot be one is refused, and no two things share one."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.errors import ConfigError
from forebay_workloads.stores import couchbase_names as names
from forebay_workloads.stores.couchbase_names import Place

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


def test_a_table_is_a_collection_of_the_datastores_scope_or_of_one_that_it_names():
    assert names.split("tweets", "shop") == ("shop", "tweets")
    assert names.split("other.tweets", "shop") == ("other", "tweets")
    assert names.split("_default._default", "shop") == ("_default", "_default")


@pytest.mark.parametrize(
    "bad", ["", "a b", "a`b", "_x", "%x", "a.b.c", ".a", "a.", "x" * 252, "a\0"]
)
def test_what_cannot_be_a_collection_is_refused(bad):
    with pytest.raises(ConfigError, match="no name for a collection"):
        names.split(bad, "_default")


def test_without_collections_a_tables_documents_begin_with_its_name():
    assert names.without_collections("_default", "_default") == Place()
    places = {
        names.without_collections(*one).prefix for one in (("a", "b"), ("a", "c"), ("b", "b"))
    }
    assert len(places) == 3


@given(st.lists(st.tuples(TEXT, TEXT, st.integers(-(2**63), 2**63 - 1)), unique=True, max_size=8))
def test_no_two_keys_share_a_name(rows):
    columns = [
        pa.array([row[i] for row in rows], kind)
        for i, kind in enumerate((pa.string(), pa.string(), pa.int64()))
    ]
    found, bad = names.names_of(Place(), columns)
    assert len(set(found)) == len(rows)
    assert not bad


@given(st.lists(st.text("a%025\0", min_size=1, max_size=6), unique=True, max_size=30))
def test_names_have_no_zero_character_and_no_two_keys_of_one_column_share_one(keys):
    found, bad = names.names_of(Place(), [pa.array(keys, pa.string())])
    assert len(set(found)) == len(keys)
    assert not bad
    assert not any("\0" in name for name in found)


def test_the_name_of_somebody_elses_document_is_taken_as_it_is():
    found, bad = names.names_of(Place(), [pa.array(["%25", "a\0"])], own=False)
    assert (found[0], list(bad)) == ("%25", [1])


def test_a_key_of_one_column_is_the_name_as_it_is():
    for column, expected in (
        (pa.array(["a::b %"]), "a::b %"),
        (pa.array([7]), "7"),
        (pa.array([-0.0]), "0.0"),
        (pa.array([True]), "true"),
        (pa.array([b"\xff\xfe"]), "__4="),
    ):
        assert names.names_of(Place(), [column])[0] == [expected]


def test_keys_that_are_empty_or_too_long_are_refused_by_row():
    column = pa.array(["", "x" * 246, "x" * 247])
    assert names.names_of(Place(), [column])[1].keys() == {0, 2}
    assert names.names_of(Place(prefix="p:"), [column])[1].keys() == {0, 1, 2}


def test_a_columns_name_is_one_field_whatever_is_in_it():
    assert names.path("a.b[0]") == "`a.b[0]`"
    assert names.path("a`.`b") == "`a``.``b`"


@pytest.mark.parametrize(
    ("kind", "key", "says"),
    [
        (pa.map_(pa.string(), pa.int64()), [], "cannot hold"),
        (pa.list_(pa.int64()), ["x"], "cannot be a key"),
        (pa.struct([("", pa.int64())]), [], "without a name"),
    ],
)
def test_columns_that_a_document_cannot_have_are_refused(kind, key, says):
    with pytest.raises(ConfigError, match=says):
        names.checked_columns("t", pa.schema([("x", kind)]), key)
