import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.recipes.matrix_factorization.data import Ratings
from forebay_workloads.recipes.matrix_factorization.factors import Factors
from forebay_workloads.recipes.matrix_factorization.metrics import best, ranking, rating_errors

ITEMS = 12


def model(scores, seen=()):
    """Two users whose score of item i is scores[user][i]; `seen` are (user, item) pairs."""
    users = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    items = np.vstack([np.array(scores, np.float32).T, np.zeros((1, 2), np.float32)])
    lists = [sorted(i for u, i in seen if u == user) for user in (0, 1)]
    offsets = np.array([0, len(lists[0]), len(lists[0]) + len(lists[1])], np.int64)
    flat = np.array([i for one in lists for i in one], np.int32)
    names = [f"i{i}" for i in range(ITEMS)]
    blank = np.zeros(0, np.int32)
    return Factors(users, items, ["a", "b"], names, offsets, flat, blank, {"clip": None})


def ratings(*rows):
    users, items, values = zip(*rows, strict=True)
    return Ratings(
        np.array(users, np.int32), np.array(items, np.int32), np.array(values, np.float32)
    )


FALLING = [list(range(ITEMS, 0, -1)), list(range(ITEMS))]  # user 0 prefers item 0, user 1 item 11


def test_a_perfect_ranking_has_ndcg_and_recall_1():
    test = ratings((0, 0, 5), (0, 1, 5), (1, 11, 5))
    assert ranking(model(FALLING), test, None) == {"ndcg_at_10": 1.0, "recall_at_10": 1.0}


def test_a_hit_in_third_place_counts_by_its_place():
    assert ranking(model(FALLING), ratings((0, 2, 5)), None)["ndcg_at_10"] == 1 / math.log2(4)


def test_seen_items_take_no_place():
    seen = model(FALLING, seen=[(0, 0), (0, 1)])
    assert ranking(seen, ratings((0, 2, 5)), None)["ndcg_at_10"] == 1.0


def test_items_of_the_test_data_are_ranked_even_when_the_model_knows_them_as_seen():
    seen = model(FALLING, seen=[(0, 0), (0, 1), (0, 2)])
    assert ranking(seen, ratings((0, 2, 5)), None)["ndcg_at_10"] == 1.0


def test_only_relevant_ratings_are_hits():
    test = ratings((0, 0, 2), (0, 11, 5))
    assert ranking(model(FALLING), test, 4)["recall_at_10"] == 0.0


def test_an_item_that_training_never_met_is_a_miss_and_such_a_user_is_left_out():
    test = ratings((0, 0, 5), (0, -1, 5), (-1, 3, 5))
    assert ranking(model(FALLING), test, None)["recall_at_10"] == 0.5


def test_without_a_relevant_item_nothing_is_measured():
    assert ranking(model(FALLING), ratings((0, 0, 1)), 4) == {}


def test_rmse_and_mae_are_those_of_the_predictions():
    errors = rating_errors(model(FALLING), ratings((0, 0, 11), (1, 0, 3)))
    assert errors == {"rmse": math.sqrt(5), "mae": 2.0}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 12))
def test_the_best_are_those_of_a_full_stable_sort(scores, top):
    row = np.array([scores], np.float32)
    want = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:top]
    got = best(row, top)[0].tolist()
    assert [scores[i] for i in got] == [scores[i] for i in want]
    assert got == sorted(got, key=lambda i: (-scores[i], i))
