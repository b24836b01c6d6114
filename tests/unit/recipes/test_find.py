import sys
import types

import pytest

from forebay_workloads.errors import ConfigError
from forebay_workloads.recipes import RECIPES, find
from forebay_workloads.recipes.matrix_factorization import RECIPE


class Mine:
    name = "mine"
    runtime = "sklearn"

    def fit(self, data, params, context): ...
    def evaluate(self, model, data, params): ...
    def export(self, model): ...
    def load(self, files): ...
    def predict(self, model, data, spec): ...
    def key(self, model): ...


@pytest.fixture
def package(monkeypatch):
    module = types.ModuleType("acme_models")
    module.Mine, module.made, module.number = Mine, Mine(), 7
    module.train = lambda: None
    monkeypatch.setitem(sys.modules, "acme_models", module)


def refused(**train) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        find(train)
    return caught.value


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_of_the_table_is_there(name):
    assert find({"algorithm": name}).name == name


def test_a_runtime_that_fits_is_accepted():
    assert find({"algorithm": "matrix-factorization", "runtime": "pytorch"}) is RECIPE


def test_an_unknown_algorithm_is_refused_with_the_known_ones():
    error = refused(algorithm="magic")
    assert error.reason == "FieldNotSupportedInMode"
    assert "matrix-factorization" in error.message


def test_a_runtime_that_does_not_fit_is_refused():
    assert "pytorch" in refused(algorithm="matrix-factorization", runtime="sklearn").message


@pytest.mark.parametrize("target", ["acme_models:Mine", "acme_models:made"])
def test_an_entrypoint_names_a_class_or_an_object(package, target):
    assert find({"entrypoint": target, "runtime": "sklearn"}).name == "mine"


@pytest.mark.parametrize(
    ("target", "reason", "word"),
    [
        ("acme_models", "FieldNotSupportedInMode", "package.module:attribute"),
        ("acme_models:nothing", "ReferenceMissing", "nothing"),
        ("no_such_package:Mine", "ReferenceMissing", "image"),
        ("acme_models:number", "FieldNotSupportedInMode", "fit"),
        (
            "acme_models:train",
            "FieldNotSupportedInMode",
            "train is a function; it has to be an object",
        ),
    ],
)
def test_an_entrypoint_that_is_no_recipe_is_refused_with_what_is_missing(
    package, target, reason, word
):
    error = refused(entrypoint=target)
    assert error.reason == reason
    assert word in error.message
