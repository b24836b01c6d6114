"""Valid objects of every kind, and a way to say in one line what is different about one."""

import copy

DIGEST = "sha256:" + "8c" * 32

_STORE = {"type": "embedded", "embedded": {}}
_PIPELINE = {
    "ingest": {
        "from": {"storeRef": {"name": "downloads"}, "table": "ratings.csv"},
        "to": {"storeRef": {"name": "local"}, "table": "ratings", "key": ["user_id", "movie_id"]},
    },
    "preprocess": {"split": {"by": "random", "test": "0.2", "seed": 7}},
    "train": {"algorithm": "matrix-factorization", "params": {"epochs": "5"}},
    "evaluate": {"gates": [{"metric": "rmse", "operator": "<=", "value": "0.92"}]},
    "publish": {"model": "movies", "storeRef": {"name": "local"}},
    "predict": {"to": {"storeRef": {"name": "local"}, "table": "recommendations"}},
    "deploy": {"deploymentRef": {"name": "movies"}},
}
SPECS = {
    "DataStore": _STORE,
    "NoSQLPipeline": _PIPELINE,
    "PipelineRun": {
        "pipelineRef": {"name": "movies"},
        "trigger": {"type": "spec", "key": "1"},
        "template": _PIPELINE,
    },
    "ModelVersion": {
        "model": "movies",
        "version": "v1",
        "digest": DIGEST,
        "artifact": {"storeRef": {"name": "local"}, "key": "models/movies/8c8c"},
        "signature": {"inputs": [{"name": "user", "dtype": "string", "shape": [-1]}]},
        "lineage": {"snapshot": {"table": "ratings", "at": {"rowid": 12}}},
    },
    "ModelDeployment": {"model": {"name": "movies", "stage": "Production"}},
}
GONE = object()


def good(kind, name="movies", **fields):
    """A valid object; fields of the spec by path: `good("NoSQLPipeline", train__nodes=2)`; GONE removes."""
    obj = {
        "apiVersion": "forebay.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": copy.deepcopy(SPECS[kind]),
    }
    for path, value in fields.items():
        *parents, last = path.split("__")
        node = obj["spec"]
        for part in parents:
            node = node.setdefault(part, {})
        if value is GONE:
            del node[last]
        else:
            node[last] = value
    return obj


def pipeline(**fields):
    """A valid pipeline with fields changed."""
    return good("NoSQLPipeline", **fields)


def deployment(**fields):
    """A valid model deployment with fields changed."""
    return good("ModelDeployment", **fields)


def store(kind, **block):
    """A store of a type with its block."""
    return good("DataStore", type=kind, embedded=GONE, **{kind: block})
