"""Ranges of ids cover every document once, also where ids are of several kinds; a split travels as JSON."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
from bson import Int64
from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.stores.mongodb_split import (
    borders,
    bracket,
    filter_of,
    ranges,
    text_of,
    value_of,
)


@given(st.lists(st.integers(), unique=True, max_size=60), st.integers(1, 70))
def test_borders_part_the_ids_into_at_most_as_many_parts_as_asked(ids, count):
    ids.sort()
    found = borders(ids, count)
    assert len(found) <= max(0, count - 1)
    assert found == sorted(set(found))
    assert not ids or ids[0] not in found
    parts = [sum(a <= one < b for one in ids) for a, b in pairwise([-math.inf, *found, math.inf])]
    assert sum(parts) == len(ids)
    assert not ids or all(parts)


def test_ids_that_are_all_the_same_are_one_part():
    assert borders([5] * 10, 4) == []


@pytest.mark.parametrize(
    "value",
    [
        ObjectId(b"x" * 12), "text", 5, Int64(2**62), 0.1, -math.inf, DatetimeMS(253402300800000), b"\x00\xff",
        Binary(b"x" * 16, 4), Decimal128("1.10"), {"b": 1, "a": {"c": DatetimeMS(1)}}, True, None,
    ],
    ids=str,
)  # fmt: skip
def test_a_border_travels_as_json_and_stays_the_value_it_was(value):
    (_, second) = ranges([value], mixed=False)
    again = json.loads(json.dumps(second))
    found = value_of(again["from"])
    assert found == value
    assert text_of(found) == text_of(value)


def test_outer_ranges_are_open():
    first, middle, last = (filter_of(at) for at in ranges([10, 20], mixed=False))
    assert first == {"_id": {"$lt": 10}}
    assert middle == {"_id": {"$gte": 10, "$lt": 20}}
    assert last == {"_id": {"$gte": 20}}
    assert [filter_of(at) for at in ranges([], mixed=False)] == [{}]


def test_ids_of_several_kinds_are_compared_in_the_order_of_all_values():
    first, last = (filter_of(at) for at in ranges(["a"], mixed=True))
    assert first == {"$expr": {"$and": [{"$lt": ["$_id", {"$literal": "a"}]}]}}
    assert last == {"$expr": {"$and": [{"$gte": ["$_id", {"$literal": "a"}]}]}}


def test_a_lost_cursor_goes_on_behind_the_last_id_it_gave():
    (_, middle, _) = ranges([10, 20], mixed=False)
    assert filter_of(middle, after=15) == {"_id": {"$gt": 15, "$lt": 20}}
    assert filter_of({}, after=15) == {"_id": {"$gt": 15}}


def test_rows_that_ended_before_the_snapshot_are_in_no_range():
    left = {"_forebay_expires": {"$not": {"$lte": DatetimeMS(5)}}}
    assert filter_of({"now": 5}) == left
    for mixed in (False, True):
        for at in ranges([10], mixed=mixed):
            assert filter_of({**at, "now": 5}) == {**filter_of(at), **left}


def test_kinds_that_a_plain_comparison_does_not_see_together():
    assert bracket(1) == bracket(2.5) == bracket(Int64(3)) == bracket(Decimal128("1"))
    kinds = [1, math.nan, "a", b"a", {"a": 1}, DatetimeMS(1), ObjectId(), True, None]
    assert len({bracket(one) for one in kinds}) == len(kinds)
