import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pytest
import torch  # noqa: F401 - seconds of import that no single test should answer for

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.recipes.base import Data, Preempted
from forebay_workloads.recipes.matrix_factorization import RECIPE

from .ratings import COLUMNS, Recorder, dataset, tastes

QUICK = {**COLUMNS, "epochs": "6", "members": "4", "factors": "4", "batch_size": "64"}
IMPLICIT = {"user": "who", "item": "what", "feedback": "implicit", "factors": "8", "epochs": "4"}
KINDS = pytest.mark.parametrize("params", [QUICK, IMPLICIT], ids=["explicit", "implicit"])


def data(**parts) -> Data:
    return Data(dataset(tastes()), **parts)


def test_data() -> Data:
    return data(test=dataset(tastes(seed=5), "test"))


test_data.__test__ = False


def trained(params=QUICK, context=None, source=None):
    return RECIPE.fit(source or data(), params, context or Recorder())


def same(one, other) -> bool:
    return one.meta == other.meta and all(
        one.arrays[name].tobytes() == other.arrays[name].tobytes() for name in one.arrays
    )


def test_ratings_are_learned():
    model = trained({**QUICK, "epochs": "20", "lr": "0.05"})
    assert RECIPE.evaluate(model, test_data(), QUICK)["rmse"] < 0.6  # the mean alone gives 1.5


def test_metrics_have_the_names_of_the_api():
    found = RECIPE.evaluate(trained(), test_data(), QUICK)
    assert set(found) == {"rmse", "mae", "ndcg_at_10", "recall_at_10"}
    implicit = RECIPE.evaluate(trained(IMPLICIT), test_data(), IMPLICIT)
    assert set(implicit) == {"ndcg_at_10", "recall_at_10"}


def test_implicit_feedback_prefers_what_alike_users_touched():
    rows = tastes(each=10).filter(pa.compute.greater(tastes(each=10)["stars"], 3))
    params = {"user": "who", "item": "what", "feedback": "implicit", "factors": "8"}
    model = RECIPE.fit(Data(dataset(rows)), params, Recorder())
    first = [
        r for b in RECIPE.predict(model, Data(dataset(rows)), {"top": 3}) for r in b.to_pylist()
    ]
    alike = [int(r["who"][5:]) % 2 == int(r["what"][5:]) % 2 for r in first]
    assert np.mean(alike) > 0.9


@KINDS
def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(params):
    one, again = trained(params), trained(params)
    assert same(one, again)
    assert RECIPE.export(one).files == RECIPE.export(again).files
    assert not same(one, trained({**params, "seed": "1"}))


@KINDS
@pytest.mark.parametrize("stop_after", [3, 11, 25])
def test_training_that_was_stopped_anywhere_resumes_to_the_same_weights(params, stop_after):
    stopped = Recorder(stop_after=stop_after if params is QUICK else stop_after // 4)
    with pytest.raises(Preempted):
        trained(params, stopped)
    resumed = trained(params, Recorder(resume=stopped.saved))
    assert same(resumed, trained(params))


@pytest.mark.parametrize("optimizer", ["adam", "adagrad", "sgd"])
def test_every_optimizer_resumes_to_the_same_weights(optimizer):
    params = {**QUICK, "epochs": "3", "optimizer": optimizer}
    stopped = Recorder(stop_after=12)
    with pytest.raises(Preempted):
        trained(params, stopped)
    assert same(trained(params, Recorder(resume=stopped.saved)), trained(params))


def test_a_checkpoint_of_other_params_is_not_resumed():
    first = Recorder()
    trained({**QUICK, "l2": "0.5"}, first)
    assert same(trained(QUICK, Recorder(resume=first.saved)), trained(QUICK))


def test_the_best_epoch_is_kept_and_training_ends_early():
    params = {**QUICK, "epochs": "200", "lr": "0.2", "l2": "0", "patience": "3"}
    context = Recorder()
    model = trained(params, context)
    rmse = [metrics["rmse"] for _, metrics in context.reports]
    assert len(rmse) < 200
    assert model.meta["best_epoch"] == int(np.argmin(rmse)) + 1
    assert len(rmse) == model.meta["best_epoch"] + 3
    assert model.metrics["rmse"] == min(rmse)


def test_a_validation_data_set_is_used_instead_of_a_slice():
    context = Recorder()
    source = data(validation=dataset(tastes(seed=9), "validation"))
    model = trained(QUICK, context, source)
    assert model.metrics["rmse"] == context.reports[model.meta["best_epoch"] - 1][1]["rmse"]


def test_without_validation_the_last_epoch_is_kept():
    model = trained({**QUICK, "validation": "0"})
    assert model.meta["best_epoch"] == 6
    assert set(model.metrics) == {"loss"}


def test_F50_a_learning_rate_that_blows_up_is_named():
    params = {**QUICK, "lr": "10", "optimizer": "sgd", "l2": "1000"}
    with pytest.raises(DataError) as caught:
        trained(params)
    assert caught.value.reason == "NonFiniteLoss"
    assert "train.params.lr" in caught.value.message


def test_scales_of_ratings_do_not_matter():
    rows = tastes()
    larger = rows.set_column(2, "stars", pa.compute.multiply(rows["stars"], 20.0))
    small, large = trained(QUICK), trained(QUICK, source=Data(dataset(larger)))
    ratio = large.metrics["rmse"] / small.metrics["rmse"]
    assert ratio == pytest.approx(20, rel=0.01)


def test_equal_ratings_are_predicted_as_they_are():
    rows = tastes()
    flat = rows.set_column(2, "stars", pa.array([3.0] * rows.num_rows))
    model = trained(QUICK, source=Data(dataset(flat)))
    found = RECIPE.evaluate(model, Data(dataset(flat), test=dataset(flat, "test")), QUICK)
    assert found["rmse"] == pytest.approx(0, abs=1e-6)


@KINDS
def test_what_was_exported_loads_as_the_same_model(params):
    model = trained(params)
    files = RECIPE.export(model).files
    back = RECIPE.load(files)
    assert {n: a.tobytes() for n, a in back.arrays.items()} == {
        n: a.tobytes() for n, a in model.arrays.items()
    }
    assert RECIPE.evaluate(back, test_data(), params) == RECIPE.evaluate(model, test_data(), params)
    assert RECIPE.export(back).files == files


def test_F51_a_graph_whose_numbers_lie_in_a_file_of_the_pod_does_not_load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = dict(RECIPE.export(trained()).files)
    graph = onnx.load_from_string(files["model.onnx"])
    users = next(one for one in graph.graph.initializer if one.name == "users")
    (tmp_path / "weights.bin").write_bytes(users.raw_data)
    users.ClearField("raw_data")
    users.data_location = onnx.TensorProto.EXTERNAL
    users.external_data.add(key="location", value="weights.bin")
    files["model.onnx"] = graph.SerializeToString()
    with pytest.raises(DataError) as caught:
        RECIPE.load(files)
    assert caught.value.reason == "ModelLoadFailed"


def test_files_of_another_recipe_do_not_load():
    files = {**RECIPE.export(trained()).files}
    del files["recipe.json"]
    with pytest.raises(DataError) as caught:
        RECIPE.load(files)
    assert caught.value.reason == "ModelLoadFailed"


def session(model):
    graph = RECIPE.export(model).files["model.onnx"]
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


def test_the_graph_answers_for_ids_it_has_never_seen():
    feeds = {
        "user": np.array(["user-0", "nobody"], object),
        "item": np.array(["nothing"] * 2, object),
    }
    rating, vectors, matrix, ids = session(trained()).run(
        ["rating", "user_vector", "item_matrix", "item_ids"], feeds
    )
    assert np.isfinite(rating).all()
    assert (rating >= 1).all()
    assert (rating <= 5).all()
    assert vectors.shape == (2, matrix.shape[1])
    assert sorted(ids.tolist()) == sorted(f"item-{i}" for i in range(30))


def test_the_signature_is_that_of_the_graph():
    artifact = RECIPE.export(trained())
    inputs = [i.name for i in session(trained()).get_inputs()]
    assert [i["name"] for i in artifact.signature["inputs"]] == inputs
    assert [o["name"] for o in artifact.signature["outputs"]] == ["rating"]


def lists(model, top=4):
    rows = [r for b in RECIPE.predict(model, data(), {"top": top}) for r in b.to_pylist()]
    found = {}
    for row in rows:
        found.setdefault(row["who"], []).append(row)
    return found


def test_lists_hold_the_best_unseen_items_of_every_user():
    model, seen = trained(), {}
    for row in tastes().to_pylist():
        seen.setdefault(row["who"], set()).add(row["what"])
    found = lists(model)
    assert len(found) == 40
    for user, rows in found.items():
        assert [r["rank"] for r in rows] == [1, 2, 3, 4]
        assert not seen[user] & {r["what"] for r in rows}
        scores = [r["score"] for r in rows]
        assert scores == sorted(scores, reverse=True)


def test_lists_end_where_the_items_do():
    assert {len(rows) for rows in lists(trained(), top=100).values()} == {15}


def test_pairs_of_the_test_data_count_as_seen_but_are_not_learned():
    extra = pa.table({"who": ["user-0"], "what": ["item-1"], "stars": [1.0]})
    with_test = trained(QUICK, source=data(test=dataset(extra, "test")))
    plain = trained()
    assert with_test.arrays["users"].tobytes() == plain.arrays["users"].tobytes()
    assert "item-1" not in {r["what"] for r in lists(with_test, 30)["user-0"]}


def test_a_column_that_collides_with_the_lists_own_is_refused():
    rows = tastes().rename_columns(["rank", "what", "stars"])
    model = trained({**QUICK, "user": "rank"}, source=Data(dataset(rows)))
    with pytest.raises(ConfigError) as caught:
        list(RECIPE.predict(model, Data(dataset(rows)), {}))
    assert caught.value.reason == "NameConflict"


def test_a_model_without_test_data_is_not_measured():
    with pytest.raises(DataError) as caught:
        RECIPE.evaluate(trained(), data(), QUICK)
    assert caught.value.reason == "EmptyDataset"


def test_two_ratings_are_enough_to_train():
    rows = pa.table({"who": ["a", "b"], "what": ["x", "y"], "stars": [1.0, 5.0]})
    model = trained(QUICK, source=Data(dataset(rows)))
    assert RECIPE.export(model).files["model.onnx"]
