import sys
import threading
import types

import numpy as np
import pyarrow as pa
import pytest
import torch  # noqa: F401 - seconds of import that no single test should answer for

from forebay_workloads import train
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.recipes.base import Artifact, Model, Preempted
from forebay_workloads.stage import Stage
from forebay_workloads.train.weights import load_model
from tests.unit.recipes.ratings import tastes


def test_a_model_and_its_curve_are_left(kit):
    result = kit.run("train")
    assert result.rows == {"train": 600}
    assert result.metrics["rmse"] > 0
    document = kit.document("train")
    assert [point["epoch"] for point in document["curve"]] == [1, 2, 3]
    assert set(document["curve"][0]["metrics"]) >= {
        "loss",
        "rmse",
        "mae",
        "ndcg_at_10",
        "recall_at_10",
    }
    assert document["params"]["epochs"] == "3"
    assert document["params"]["optimizer"] == "adam"
    assert document["versions"]["torch"]
    assert document["seconds"] > 0
    with kit.stage("train") as stage:
        assert load_model(stage.workspace).recipe == "matrix-factorization"


def test_training_again_leaves_the_same_model(kit):
    def weights():
        kit.run("train")
        with kit.stage("train") as stage:
            return stage.workspace.get("model/weights.safetensors")

    assert weights() == weights()
    assert kit.document("train")["resumed_from"] == 3


def test_resume_never_starts_anew_and_ends_in_the_same_model(kit):
    first = kit.run("train").metrics
    kit.change(train={**kit.doc.spec["train"], "checkpoint": {"interval": "0s", "resume": "Never"}})
    assert kit.run("train").metrics == first
    assert kit.document("train")["resumed_from"] is None


def test_F25_a_stop_leaves_a_checkpoint_and_the_next_attempt_ends_in_the_same_model(kit):
    stopping = threading.Event()
    stopping.set()
    with Stage(kit.doc, stopping) as stage, pytest.raises(Preempted):
        train.run(stage)
    result = kit.run("train")
    assert kit.document("train")["resumed_from"] == 0
    kit.change(train={**kit.doc.spec["train"], "checkpoint": {"resume": "Never"}})
    assert kit.run("train").metrics == result.metrics


def test_without_preprocess_the_ingested_table_is_trained_on(kit):
    kit.change(preprocess=None, ingest={"to": {"storeRef": {"name": "local"}, "table": "other"}})
    rows = tastes(users=10)
    with kit.stage("train") as stage:
        stage.workspace.remove_dataset("train")
        store = stage.store("local")
        store.ensure_table("other", rows.schema, ["who", "what"])
        for batch in rows.to_batches():
            store.write("other", batch, ["who", "what"])
    assert kit.run("train").rows == {"train": 150}


def failing(kit) -> ConfigError | DataError:
    with pytest.raises((ConfigError, DataError)) as caught:
        kit.run("train")
    assert kit.document("train") is None
    return caught.value


@pytest.mark.parametrize(
    ("block", "word"),
    [
        ({"algorithm": "magic"}, "matrix-factorization"),
        ({"runtime": "tensorflow"}, "pytorch"),
        ({"nodes": 4}, "nodes"),
        ({"checkpoint": {"interval": "soon"}}, "train.checkpoint.interval"),
        ({"params": {"epoch": "3"}}, "train.params.epoch"),
        ({"from": {"storeRef": {"name": "local"}, "table": "x"}}, "preprocess.from"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_by_the_name_of_its_field(kit, block, word):
    kit.change(train={**kit.doc.spec["train"], **block})
    error = failing(kit)
    assert error.reason == "FieldNotSupportedInMode"
    assert word in error.message


def test_nan_ratings_end_the_stage_and_name_their_number(kit):
    rows = tastes()
    stars = rows["stars"].to_pylist()
    stars[41] = float("nan")
    kit.prepare(rows.set_column(2, "stars", pa.array(stars)))
    error = failing(kit)
    assert error.reason == "SchemaMismatch"
    assert "1 missing or non-finite 'stars' (the first in row 42)" in error.message


def test_one_user_only_ends_the_stage_with_a_cure(kit):
    rows = tastes().filter(pa.compute.equal(tastes()["who"], "user-0"))
    kit.prepare(rows)
    error = failing(kit)
    assert error.reason == "EmptyDataset"
    assert "one user" in error.message


def test_without_data_the_stage_says_what_comes_first(kit):
    with kit.stage("train") as stage:
        stage.workspace.remove_dataset("train")
    assert failing(kit).reason == "ReferenceMissing"


class Mean:
    """A user's own recipe: the mean."""

    name, runtime = "mean", "sklearn"

    def fit(self, data, params, context):
        column = params["rating"]
        values = np.concatenate([b.column(column).to_numpy() for b in data.train.batches()])
        context.report(1, 1, {"loss": float(values.std())})
        context.checkpoint({"mean": values.mean(keepdims=True)}, {"epoch": 1})
        return Model(self.name, {"mean": values.mean(keepdims=True)}, {"column": column})

    def evaluate(self, model, data, params):
        assert params["rating"] == model.meta["column"]
        return {"mae": 0.5, "test_rows": data.test.rows}

    def export(self, model):
        return Artifact(
            {"model.onnx": model.arrays["mean"].tobytes()}, {"inputs": [], "outputs": []}
        )

    def load(self, files):
        mean = np.frombuffer(files["model.onnx"])
        return Model(self.name, {"mean": mean}, {"column": "stars"})

    def predict(self, model, data, spec):
        assert data.train.rows
        yield pa.record_batch({"id": [spec["to"]["table"]], "mean": model.arrays["mean"]})

    def key(self, model):
        return ["id"] if model.recipe == self.name else []


def test_an_entrypoint_goes_through_all_stages(kit, monkeypatch):
    module = types.ModuleType("acme_models")
    module.Mean = Mean
    monkeypatch.setitem(sys.modules, "acme_models", module)
    block = {"entrypoint": "acme_models:Mean", "runtime": "sklearn", "params": {"rating": "stars"}}
    kit.change(train=block)
    kit.run("train", "evaluate", "publish", "predict")
    assert kit.document("evaluate")["metrics"] == {"mae": 0.5, "test_rows": 600}
    assert kit.document("publish")["recipe"] == "acme_models:Mean"
    (row,) = kit.table("lists")
    assert row["model_version"] == "movies-v1"
