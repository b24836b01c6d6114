"""Objects of the e2e tests: stores on the namespace's claim, small pipelines, and their changes in one line."""

import copy
from typing import Any

Obj = dict[str, Any]
DATA = "ratings.csv"
TABLE = {"storeRef": {"name": "local"}, "table": "ratings"}
INGEST = {
    "from": {"storeRef": {"name": "files"}, "table": DATA},
    "to": {**TABLE, "key": ["user", "item"]},
}
TRAIN = {
    "runtime": "pytorch",
    "algorithm": "matrix-factorization",
    "params": {"user": "user", "item": "item", "rating": "rating", "epochs": "5", "seed": "3"},
}
LONG = {**TRAIN["params"], "epochs": "10000", "patience": "10000", "batch_size": "32"}  # minutes
SMALL = {"resources": {"requests": {"cpu": "10m", "memory": "64Mi"}}}


def of(kind: str, name: str, spec: Obj) -> Obj:
    """An object of ours."""
    return {
        "apiVersion": "forebay.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def stores() -> list[Obj]:
    """`files` with the ratings and `local` for everything else, both on the default claim."""
    return [
        of("DataStore", "files", {"type": "files", "files": {"url": "data/"}}),
        of("DataStore", "local", {"type": "embedded", "embedded": {}}),
    ]


def ingest_only(name: str = "rows", **more: Any) -> Obj:
    """The smallest pipeline: one stage and its report, some seconds."""
    spec = {"workspace": {"storeRef": {"name": "local"}}, "ingest": copy.deepcopy(INGEST), **more}
    return of("NoSQLPipeline", name, spec)


def train_only(name: str = "taste", **train: Any) -> Obj:
    """Ingest, split, train; fields of `train` are merged in."""
    spec = {
        "workspace": {"storeRef": {"name": "local"}},
        "runPolicy": {"backoffLimit": 0},
        "ingest": copy.deepcopy(INGEST),
        "preprocess": {"split": {"by": "random", "test": "0.2", "seed": 7}},
        "train": {**copy.deepcopy(TRAIN), **train},
    }
    return of("NoSQLPipeline", name, spec)


def full(name: str = "taste", **more: Any) -> Obj:
    """Every stage: ingest to a served model's version."""
    spec = {
        "ingest": copy.deepcopy(INGEST),
        "preprocess": {"split": {"by": "random", "test": "0.2", "seed": 7}},
        "train": copy.deepcopy(TRAIN),
        "evaluate": {"gates": [{"metric": "rmse", "operator": "<=", "value": "9"}]},
        "publish": {"model": name, "storeRef": {"name": "local"}, "keep": 3},
        "predict": {"to": {"storeRef": {"name": "local"}, "table": "lists"}, "top": 3},
        "deploy": {"deploymentRef": {"name": name}, "policy": "Immediate"},
        **more,
    }
    return of("NoSQLPipeline", name, spec)


def served(name: str = "taste", **more: Any) -> Obj:
    """The Production version of a model over REST."""
    return of("ModelDeployment", name, {"model": {"name": name, "stage": "Production"}, **more})
