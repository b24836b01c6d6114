import datetime as dt
from dataclasses import replace

import pyarrow as pa
import pytest
import torch  # noqa: F401 - seconds of import that no single test should answer for

from forebay_workloads.contract import Result
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.registry import artifact
from tests.contract.rows import eventually
from tests.unit.recipes.ratings import tastes


def as_baseline(kit, **changed):
    """The model just published becomes the Production version of the next evaluation."""
    place = {"version": "movies-v1", **kit.doc.artifact, **changed}
    kit.doc = replace(kit.doc, baseline=place)


def damage(kit):
    with kit.stage("publish") as stage:
        store = stage.store("local")
        store.delete_blob(f"{kit.doc.artifact['key']}/model.onnx")


def test_metrics_of_the_test_data_are_left(kit):
    result = kit.run("train", "evaluate")
    assert set(result.metrics) == {"rmse", "mae", "ndcg_at_10", "recall_at_10"}
    assert result.rows == {"test": 600}
    assert "baseline" not in result.detail
    assert kit.document("evaluate")["metrics"] == result.metrics


def test_production_is_measured_on_the_same_rows(kit):
    kit.run("train", "publish")
    as_baseline(kit)
    kit.params(epochs="1")
    result = kit.run("train", "evaluate")
    assert result.detail["baseline"]["version"] == "movies-v1"
    assert set(result.detail["baseline"]["metrics"]) == set(result.metrics)
    assert result.detail["baseline"]["metrics"] != result.metrics


def test_the_same_model_as_baseline_has_the_same_metrics(kit):
    kit.run("train", "publish")
    as_baseline(kit)
    result = kit.run("evaluate")
    assert result.detail["baseline"]["metrics"] == pytest.approx(result.metrics)


def test_a_damaged_production_version_does_not_stop_its_successor(kit):
    kit.run("train", "publish")
    as_baseline(kit)
    damage(kit)
    result = kit.run("evaluate")
    assert "metrics" not in result.detail["baseline"]
    assert "not in the store" in result.detail["baseline"]["error"]


def test_a_damaged_production_version_stops_a_comparison_with_it(kit):
    kit.run("train", "publish")
    as_baseline(kit)
    damage(kit)
    kit.change(evaluate={"gates": [{"metric": "rmse", "compareTo": "Production", "maxDrop": "0"}]})
    with pytest.raises(DataError) as caught:
        kit.run("evaluate")
    assert caught.value.reason == "DigestMismatch"
    assert "movies-v1" in caught.value.message


def test_F51_S10_the_name_of_a_recipe_in_a_store_runs_no_code_of_its_choosing(kit):
    kit.run("train", "publish")
    as_baseline(kit)
    with kit.stage("publish") as stage:
        store, place = stage.store("local"), kit.doc.artifact
        files = artifact.load(store, place["key"], place["digest"])
        artifact.save(store, "movies", files, {"recipe": "os:system"})
    assert "os:system" in kit.run("evaluate").detail["baseline"]["error"]


def test_without_test_data_there_is_nothing_to_evaluate(kit):
    kit.run("train")
    with kit.stage("train") as stage:
        stage.workspace.remove_dataset("test")
    with pytest.raises(DataError) as caught:
        kit.run("evaluate")
    assert caught.value.reason == "EmptyDataset"


def test_the_published_artefact_loads_by_its_digest(kit):
    result = kit.run("train", "evaluate", "publish")
    with kit.stage("publish") as stage:
        store = stage.store("local")
        files = artifact.load(store, result.detail["key"], result.detail["digest"])
        card = artifact.load_card(store, result.detail["key"])
    assert set(files) == {
        "model.onnx",
        "signature.json",
        "recipe.json",
        "seen.arrow",
        "popular.json",
    }
    assert card["metrics"] == kit.document("evaluate")["metrics"]
    assert card["lineage"]["run"] == "movies-1"
    assert card["lineage"]["snapshot"]["train"]["rows"] == 600
    assert result.detail["signature"]["outputs"][0]["name"] == "rating"


def test_publishing_again_gives_the_same_digest(kit):
    first = kit.run("train", "publish").detail
    kit.doc = replace(kit.doc, run=replace(kit.doc.run, name="movies-2"))
    assert kit.run("publish").detail["digest"] == first["digest"]


def test_the_result_fits_into_a_termination_message(kit):
    with kit.stage("ingest") as stage:
        many = {f"data/part-{i}.parquet": [i, i] for i in range(5_000)}
        source = {"store": "s", "table": "data/*", "snapshot": {"strength": "Horizon", "at": many}}
        stage.workspace.write_json("results/ingest", {"source": source, "digest": "sha256:1"})
    result = kit.run("train", "publish")
    assert Result.decode(result.encode()).detail["snapshot"]["source"]["digest"] == "sha256:1"


def test_predictions_are_written_with_their_version_and_time(kit):
    result = kit.run("train", "publish", "predict")
    rows = kit.table("lists")
    assert result.rows == {"written": len(rows)} == {"written": 160}
    assert set(rows[0]) == {"who", "rank", "what", "score", "model_version", "scored_at"}
    assert {row["model_version"] for row in rows} == {"movies-v1"}
    (scored_at,) = {row["scored_at"] for row in rows}
    assert abs(scored_at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)


def test_predictions_end_after_their_ttl(kit):
    kit.change(predict={"to": {"storeRef": {"name": "local"}, "table": "lists", "ttl": "100ms"}})
    assert kit.run("train", "publish", "predict").rows["written"] > 0
    eventually(lambda: kit.table("lists") == [])


def test_predicting_again_overwrites_the_same_rows(kit):
    kit.run("train", "publish", "predict")
    kit.doc = replace(kit.doc, model_version="movies-v2")
    kit.run("predict")
    assert {row["model_version"] for row in kit.table("lists")} == {"movies-v2"}
    assert len(kit.table("lists")) == 160


def test_a_key_that_is_no_column_is_refused_before_anything_is_written(kit):
    place = {"storeRef": {"name": "local"}, "table": "lists", "key": ["customer"]}
    kit.change(predict={"to": place})
    with pytest.raises(ConfigError) as caught:
        kit.run("train", "publish", "predict")
    assert caught.value.reason == "SchemaMismatch"
    with pytest.raises(ConfigError):
        kit.table("lists")


def test_a_table_of_other_columns_is_refused(kit):
    rows = tastes()
    with kit.stage("predict") as stage:
        stage.store("local").ensure_table("lists", rows.schema, ["who"])
    with pytest.raises(DataError) as caught:
        kit.run("train", "publish", "predict")
    assert caught.value.reason == "SchemaMismatch"


def test_a_corrupt_artefact_writes_no_predictions(kit):
    kit.run("train", "publish")
    damage(kit)
    with pytest.raises(DataError) as caught:
        kit.run("predict")
    assert caught.value.reason == "DigestMismatch"


def test_predict_without_a_published_model_is_refused(kit):
    with pytest.raises(ConfigError) as caught:
        kit.run("train", "predict")
    assert caught.value.reason == "ReferenceMissing"


@pytest.mark.parametrize(
    ("policy", "strength"), [({"mode": "Pinned"}, "Pinned (copy)"), (None, "None")]
)
def test_the_lineage_says_how_strong_the_pin_of_a_trained_table_is(
    kit, policy, strength, monkeypatch
):
    taste = tastes()
    with kit.stage("train") as stage:
        stage.workspace.remove_dataset("train")
        store = stage.store("local")
        rows = taste.append_column("row", pa.array(range(len(taste))))
        store.ensure_table("ratings", rows.schema, ["row"])
        for batch in rows.to_batches():
            store.write("ratings", batch, ["row"])
        pins = type(store).snapshot
    monkeypatch.setattr(
        type(store), "snapshot", lambda *given: replace(pins(*given), strength="None")
    )
    place = {"storeRef": {"name": "local"}, "table": "ratings", "snapshot": policy}
    kit.change(preprocess=None, train={**kit.doc.spec["train"], "from": place})
    trained = kit.run("train")
    assert trained.message == (f"snapshot {strength}" if policy else None)
    found = kit.run("publish").detail["snapshot"]["source"]
    assert found["table"] == "ratings"
    assert found["snapshot"]["strength"] == strength
    assert (found["snapshot"]["digest"] is not None) == (policy is not None)
