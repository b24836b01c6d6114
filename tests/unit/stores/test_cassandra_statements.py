"""CQL texts: names are quoted or refused, values are bound."""

from __future__ import annotations

import pytest

from forebay_workloads.errors import ConfigError
from forebay_workloads.stores import cassandra_statements as cql


def test_F59_S17_names_of_columns_are_quoted_whatever_they_are():
    names = ["select", 'a"b', "c'd; DROP TABLE t", "ключ", "%s", "?"]
    text = cql.insert(cql.full("shop", "Ratings"), names)
    assert text == (
        'INSERT INTO "shop"."Ratings" ("select", "a""b", "c\'d; DROP TABLE t", "ключ", "%s", "?")'
        " VALUES (?, ?, ?, ?, ?, ?)"
    )


def test_the_time_that_a_row_is_kept_is_a_value_like_others():
    text = cql.insert(cql.full("shop", "r"), ["id"], ends=True)
    assert text == 'INSERT INTO "shop"."r" ("id") VALUES (?) USING TTL ?'


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_names_that_no_column_can_have_are_refused(name):
    with pytest.raises(ConfigError, match="column"):
        cql.column(name)


@pytest.mark.parametrize("name", ["", 'a"; DROP', "a.b", "ключ", "a" * 49, "a b", "a\n"])
def test_F59_S17_names_that_no_table_can_have_are_refused(name):
    with pytest.raises(ConfigError, match="table in Cassandra"):
        cql.full("shop", name)
    with pytest.raises(ConfigError, match="keyspace in Cassandra"):
        cql.create_keyspace(name, "dc1", 3)


def test_F59_S17_texts_that_cannot_be_bound_are_quoted():
    assert "'d''c': 2" in cql.create_keyspace("shop", "d'c", 2)
    made = cql.create_table('"k"."t"', {"a": "int", "b": "text"}, ["a", "b"], "it's")
    assert made.endswith("""("a" int, "b" text, PRIMARY KEY ("a", "b")) WITH comment = 'it''s'""")


def test_a_range_is_read_by_the_tokens_of_the_whole_partition_key():
    text = cql.select_range('"k"."t"', ["x"], ["a", "b"])
    assert text.endswith('WHERE token("a", "b") > ? AND token("a", "b") <= ?')
