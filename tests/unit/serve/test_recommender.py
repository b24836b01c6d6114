import numpy as np
import pytest

from forebay_workloads.serve.errors import RequestError
from forebay_workloads.serve.model import OnnxModel
from forebay_workloads.serve.recommender import Recommender
from tests.unit.serve import graphs
from tests.unit.serve.graphs import factors


@pytest.fixture
def recommender():
    return Recommender(OnnxModel(factors()), factors())


def items(answer):
    return [i["item"] for i in answer["items"]]


def test_the_best_items_come_first_and_seen_ones_are_left_out(recommender):
    answer = recommender.recommend("ann", 2)
    assert answer["known"] is True
    assert answer["items"] == [
        {"rank": 1, "item": "b", "score": 3.0},
        {"rank": 2, "item": "c", "score": 2.0},
    ]


def test_asking_for_more_than_there_is_gives_all_unseen_items(recommender):
    assert items(recommender.recommend("ann", 100)) == ["b", "c", "d"]
    assert items(recommender.recommend("bob", 100)) == ["d", "c", "b", "a"]


def test_an_unknown_user_gets_the_popular_items(recommender):
    answer = recommender.recommend("zoe", 10)
    assert answer["known"] is False
    assert items(answer) == ["c", "a"]


def test_the_popular_items_come_in_the_order_of_their_scores(monkeypatch):
    monkeypatch.setattr(graphs, "USER_MATRIX", np.array([[1, 0], [0, 1], [1, 0]], np.float32))
    answer = Recommender(OnnxModel(factors()), factors()).recommend("zoe", 10)
    assert [(one["rank"], one["item"], one["score"]) for one in answer["items"]] == [
        (1, "a", 4.0),
        (2, "c", 2.0),
    ]


@pytest.mark.parametrize(
    ("user", "top", "field"),
    [(None, 3, "user"), (["ann"], 3, "user"), (True, 3, "user"), ("ann", 0, "top"), ("ann", "3", "top"),
     ("ann", 10**9, "top"), ("ann", True, "top")],
)  # fmt: skip
def test_a_bad_request_names_its_field(recommender, user, top, field):
    with pytest.raises(RequestError) as caught:
        recommender.recommend(user, top)
    assert caught.value.field == field
