import pytest

from forebay_workloads.errors import ConfigError
from forebay_workloads.recipes.matrix_factorization.params import parse


def test_an_empty_block_gives_the_defaults():
    params = parse({})
    assert (params.user, params.item, params.rating) == ("user", "item", "rating")
    assert params.feedback == "explicit"
    assert params.used()["batch_size"] == "auto"


def test_values_are_parsed_from_text():
    params = parse({"epochs": "3", "lr": "1e-2", "batch_size": "64", "user": "who"})
    assert (params.epochs, params.lr, params.batch_size, params.user) == (3, 0.01, 64, "who")


def test_implicit_feedback_has_defaults_of_its_own():
    assert parse({"feedback": "implicit"}).factors == 64
    assert "lr" not in parse({"feedback": "implicit"}).used()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"epoch": "3"}, ["epoch", "known", "epochs"]),
        ({"epochs": "0"}, ["epochs", "from 1 to"]),
        ({"epochs": "many"}, ["epochs", "many"]),
        ({"lr": "nan"}, ["lr", "nan"]),
        ({"l2": "-1"}, ["l2", "-1"]),
        ({"optimizer": "lion"}, ["optimizer", "adam"]),
        ({"feedback": "both"}, ["feedback", "explicit"]),
        ({"user": ""}, ["user", "column"]),
        ({"user": "rating"}, ["three columns"]),
        ({"feedback": "implicit", "lr": "0.1"}, ["lr", "implicit"]),
        ({"alpha": "0.1"}, ["alpha", "explicit"]),
        ({"batch_size": "0"}, ["batch_size", "from 1 to"]),
    ],
)
def test_a_param_that_will_not_do_is_named_with_what_would(raw, words):
    with pytest.raises(ConfigError) as caught:
        parse(raw)
    assert caught.value.reason == "FieldNotSupportedInMode"
    assert all(word in caught.value.message for word in words)
