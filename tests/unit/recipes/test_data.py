import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.errors import DataError
from forebay_workloads.recipes.matrix_factorization.data import check_trainable, read, seen_lists
from forebay_workloads.recipes.matrix_factorization.ids import UNKNOWN, Ids, pack, unpack
from forebay_workloads.recipes.matrix_factorization.params import parse

from .ratings import dataset

PARAMS = parse({})


def table(users, items, ratings, **more):
    return pa.table({"user": users, "item": items, "rating": ratings, **more})


def reading(rows: pa.Table, params=PARAMS, **batches):
    users, items = Ids(), Ids()
    found = read(dataset(rows, **batches), params, users, items, grow=True)
    named = zip(found.users, found.items, found.values.tolist(), strict=True)
    return [(users.names[u], items.names[i], v) for u, i, v in named]


def failing(rows: pa.Table, params=PARAMS, **batches) -> DataError:
    with pytest.raises(DataError) as caught:
        reading(rows, params, **batches)
    return caught.value


@pytest.mark.parametrize(
    "ids",
    [pa.array([1, 2]), pa.array([1.0, 2.0]), pa.array(["1", "2"]), pa.array([1, 2], pa.int8()),
     pa.array(["1", "2"]).dictionary_encode()],
)  # fmt: skip
def test_ids_of_any_type_become_the_same_strings(ids):
    assert reading(table(ids, ids, [3, 4])) == [("1", "1", 3.0), ("2", "2", 4.0)]


def test_batches_do_not_matter():
    rows = table([f"u{i % 7}" for i in range(50)], list(range(50)), [i % 5 for i in range(50)])
    assert reading(rows, size=3) == reading(rows, size=50)


def test_of_repeated_ratings_the_newest_counts():
    rows = table(["a", "a", "b"], ["x", "x", "x"], [1, 5, 3], timestamp=[20, 10, 5])
    assert reading(rows) == [("a", "x", 1.0), ("b", "x", 3.0)]


def test_without_a_timestamp_the_last_row_counts():
    assert reading(table(["a", "a"], ["x", "x"], [1, 5])) == [("a", "x", 5.0)]


@pytest.mark.parametrize(
    "times",
    [
        pa.array([dt.datetime(2024, 2, 1, tzinfo=dt.UTC), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)]),
        pa.array([dt.date(2024, 2, 1), dt.date(2024, 1, 1)]),
        pa.array(["2024-02-01T00:00:00Z", "2024-01-01T00:00:00Z"]),
        pa.array([2.5, 1.5]),
    ],
)
def test_times_of_any_kind_are_compared(times):
    assert reading(table(["a", "a"], ["x", "x"], [1, 5], timestamp=times)) == [("a", "x", 1.0)]


def test_nan_and_infinite_and_missing_ratings_are_counted_and_the_first_row_is_named():
    ratings = [3.0] * 20
    ratings[6], ratings[11], ratings[17] = float("nan"), float("inf"), None
    error = failing(table(["a"] * 20, list(range(20)), ratings), size=5)
    assert error.reason == "SchemaMismatch"
    assert "3 missing or non-finite 'rating' (the first in row 7)" in error.message


def test_missing_ids_are_counted_too():
    error = failing(table(["a", None, None], ["x", "y", "z"], [1, 2, 3]))
    assert "2 missing 'user' (the first in row 2)" in error.message


def test_a_missing_column_is_named_with_those_that_are_there():
    error = failing(pa.table({"who": ["a"], "item": ["x"], "rating": [1]}))
    assert error.reason == "SchemaMismatch"
    assert "'user'" in error.message
    assert "who, item, rating" in error.message


def test_a_timestamp_that_was_named_must_be_there():
    assert "'when'" in failing(table(["a"], ["x"], [1]), parse({"timestamp": "when"})).message


def test_a_rating_that_is_no_number_is_named_with_its_row():
    error = failing(table(["a"] * 4, [1, 2, 3, 4], ["1", "2", "good", "4"]), size=2)
    assert "row 3" in error.message


def test_lists_cannot_be_ids():
    assert "cannot be an id" in failing(table([[1]], ["x"], [1])).message


def test_unknown_ids_are_marked_and_none_of_their_rows_is_lost():
    users, items = Ids(["a"]), Ids(["x"])
    rows = table(["a", "b", "b", "a", "a"], ["x", "x", "x", "y", "y"], [1, 2, 3, 4, 5])
    found = read(dataset(rows), PARAMS, users, items, grow=False)
    assert found.users.tolist() == [0, UNKNOWN, UNKNOWN, 0, 0]
    assert found.items.tolist() == [0, 0, 0, UNKNOWN, UNKNOWN]
    assert len(found.known()) == 1
    assert len(users) == 1


def test_implicit_feedback_needs_no_rating_column():
    rows = pa.table({"user": ["a", "a", "b"], "item": ["x", "x", "y"]})
    assert reading(rows, parse({"feedback": "implicit"})) == [("a", "x", 1.0), ("b", "y", 1.0)]


def test_implicit_feedback_may_count_good_ratings_only():
    rows = table(["a", "a"], ["x", "y"], [2, 4])
    assert reading(rows, parse({"feedback": "implicit", "relevant": "4"})) == [("a", "y", 1.0)]


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (table([], [], pa.array([], pa.float64())), "no usable rows"),
        (table(["a", "a"], ["x", "y"], [1, 2]), "one user"),
        (table(["a", "b"], ["x", "x"], [1, 2]), "one item"),
    ],
)
def test_data_that_nothing_can_be_learned_from_is_refused_with_a_cure(rows, word):
    rows = rows.cast(pa.schema([("user", "string"), ("item", "string"), ("rating", "float64")]))
    source = dataset(rows)
    with pytest.raises(DataError) as caught:
        check_trainable(read(source, PARAMS, Ids(), Ids(), grow=True), source)
    assert caught.value.reason == "EmptyDataset"
    assert word in caught.value.message
    assert "check" in caught.value.message


@given(st.lists(st.text()))
def test_packed_ids_come_back_as_they_were(names):
    assert unpack(*pack(names)) == names


def test_seen_lists_hold_each_users_items_in_order():
    rows = table(["a", "b", "a"], ["x", "y", "z"], [1, 2, 3])
    users, items = Ids(), Ids()
    offsets, seen = seen_lists(read(dataset(rows), PARAMS, users, items, grow=True), 3)
    assert offsets.tolist() == [0, 2, 3, 3]
    assert seen.tolist() == [0, 2, 1]
    assert seen.dtype == np.int32
