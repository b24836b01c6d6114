from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.manifests.job import stage_config_map, stage_job
from forebay.manifests.labels import is_paused
from forebay.manifests.modelversion import model_version, staged
from forebay.manifests.run import pipeline_run
from forebay.manifests.stage_document import stage_document, store_names, workspace_name
from forebay.manifests.stores import absolute_url, secret_names, secret_volumes, store_ref
from forebay.settings import Settings
from forebay_workloads.contract import EXIT_CONFIG, EXIT_DATA, StageDocument, StoreRef
from tests.component.reconcile.cluster import DIGEST, SPEC, own
from tests.unit.manifests.test_podspec import restricted

SETTINGS = Settings(labels={"team": "a"})
FILES = own("DataStore", "downloads", {"type": "files", "files": {"url": "data/"}}, uid="f")
LOCAL = own("DataStore", "local", {"type": "embedded", "embedded": {}}, uid="e")
SHOP = own(
    "DataStore",
    "shop",
    {
        "type": "cassandra",
        "cassandra": {"keyspace": "shop"},
        "auth": {"secretRef": {"name": "user"}},
        "tls": {
            "caSecretRef": {"name": "ca", "key": "root.pem"},
            "clientSecretRef": {"name": "client"},
        },
        "limits": {"rowsPerSecond": 10},
    },
)


def a_run(**template):
    pipeline = own("NoSQLPipeline", "movies", {**SPEC, **template}, uid="p-1", generation=4)
    run = pipeline_run(pipeline, "spec", "4", SETTINGS)
    run["metadata"]["uid"] = "r-1"
    return run


def test_the_job_of_a_stage_carries_labels_owner_exit_codes_and_a_restricted_pod():
    run = a_run(runPolicy={"backoffLimit": 1})
    job = stage_job(run, "train", [LOCAL, SHOP], SETTINGS, deadline=60, backoff_limit=1)
    assert job["metadata"]["name"] == f"{run['metadata']['name']}-train"
    assert job["metadata"]["ownerReferences"][0]["uid"] == "r-1"
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels["forebay.dev/owner-uid"] == "r-1"
    assert labels["forebay.dev/stage-name"] == "train"
    assert labels["team"] == "a"
    ignored, failed = job["spec"]["podFailurePolicy"]["rules"]
    assert ignored["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert failed["onExitCodes"]["values"] == [EXIT_DATA, EXIT_CONFIG]
    restricted(job["spec"]["template"])
    mounts = job["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert {m["mountPath"] for m in mounts} == {
        "/tmp",
        "/etc/forebay/stage",
        "/etc/forebay/secrets/shop",
        "/var/lib/forebay/forebay-data",
    }


@pytest.mark.parametrize("stage", ["ingest", "train", "publish"])
def test_F21_a_pod_that_was_disrupted_is_ignored_before_exit_codes_are_looked_at(stage):
    job = stage_job(a_run(), stage, [LOCAL], SETTINGS, deadline=60, backoff_limit=1)
    first = job["spec"]["podFailurePolicy"]["rules"][0]
    assert first["action"] == "Ignore"
    assert first["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]


def test_the_stage_reads_back_the_document_that_the_config_map_holds():
    run = a_run()
    document = stage_document(run, "train", {"downloads": FILES, "local": LOCAL}, SETTINGS)
    config = stage_config_map(run, document, SETTINGS)
    read = StageDocument.from_json(config["data"]["stage.json"])
    assert read.run.pipeline == "movies"
    assert read.workspace == "local"
    path = "/var/lib/forebay/forebay-data/stores/local.db"
    assert read.stores["local"].settings["path"] == path
    assert read.spec["publish"]["model"] == "movies"
    assert config["immutable"] is True


def test_the_workspace_is_the_specs_then_the_planes_own_then_that_of_publish():
    own_store = Settings(workspace=StoreRef("workspace", "files", {"url": "/w"}))
    assert workspace_name({**SPEC, "workspace": {"storeRef": {"name": "w"}}}, own_store) == "w"
    assert workspace_name(SPEC, own_store) == "workspace"
    assert workspace_name(SPEC, SETTINGS) == "local"
    assert workspace_name({"train": {"from": {"storeRef": {"name": "t"}}}}, SETTINGS) == "t"
    assert (
        workspace_name({"x": [{"storeRef": {"name": "b"}}, {"storeRef": {"name": "a"}}]}, SETTINGS)
        == "a"
    )
    assert workspace_name({}, SETTINGS) is None
    assert store_names(SPEC) == ("downloads", "local")
    document = stage_document(a_run(), "train", {}, own_store)
    assert document.stores["workspace"].settings == {"url": "/w"}


def test_a_run_without_any_store_has_no_document():
    run = {**a_run(), "spec": {"pipelineRef": {"name": "p"}, "template": {}}}
    with pytest.raises(ValueError, match="names no DataStore"):
        stage_document(run, "train", {}, SETTINGS)


def test_a_relative_url_starts_from_the_folder_of_its_file():
    here = Settings(plane="embedded")
    store = own("DataStore", "d", FILES["spec"], annotations={"forebay.dev/base-dir": "/home/a"})
    assert store_ref(store, here).settings["url"] == "/home/a/data"
    assert store_ref(FILES, here).settings["url"] == "/var/lib/forebay/data"
    assert absolute_url("s3://bucket/x", "/home") == "s3://bucket/x"
    assert absolute_url("/abs", "/home") == "/abs"


def test_S05_secrets_are_files_in_one_folder_per_store_and_never_values():
    ref = store_ref(SHOP, SETTINGS)
    assert ref.secrets == "/etc/forebay/secrets/shop"
    assert ref.limits == {"rowsPerSecond": 10}
    assert ref.settings["tls"]["caSecretRef"]["name"] == "ca"
    assert secret_names(SHOP) == ["user", "client", "ca"]
    assert store_ref(LOCAL, SETTINGS).secrets is None
    (volume,), (mount,) = secret_volumes([LOCAL, SHOP])
    assert [s["secret"]["name"] for s in volume["projected"]["sources"]] == ["user", "client", "ca"]
    assert mount["readOnly"] is True
    ca_only = own("DataStore", "c", {"type": "cassandra", "tls": {"caSecretRef": {"name": "ca"}}})
    (volume,), _ = secret_volumes([ca_only])
    assert volume["secret"] == {"secretName": "ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    user_only = own(
        "DataStore", "u", {"type": "cassandra", "auth": {"secretRef": {"name": "user"}}}
    )
    (volume,), _ = secret_volumes([user_only])
    assert volume["secret"] == {"secretName": "user"}


def test_a_train_image_of_the_users_own_is_used_for_train():
    run = a_run(train={"entrypoint": "a:b", "runtime": "pytorch", "image": "acme/train:1"})
    job = stage_job(run, "train", [], SETTINGS, deadline=1, backoff_limit=0)
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "acme/train:1"


def test_a_run_of_the_same_trigger_has_the_same_name_and_its_own_copy_of_the_spec():
    first, second = a_run(), a_run()
    assert first["metadata"]["name"] == second["metadata"]["name"]
    assert first["spec"]["template"] is not SPEC
    notes = {"forebay.dev/base-dir": "/x"}
    pipeline = own("NoSQLPipeline", "m", SPEC, uid="u", annotations=notes)
    assert pipeline_run(pipeline, "spec", "1", SETTINGS)["metadata"]["annotations"] == notes


def test_a_model_version_records_what_publish_left_and_outlives_its_run():
    detail = {
        "digest": DIGEST, "key": "k", "params": {"epochs": 5}, "snapshot": {"rows": 3}, "code": "0.1",
        "signature": {"inputs": []}, "recipe": "matrix-factorization",
    }  # fmt: skip
    made = model_version(a_run(), 3, detail, {"rmse": "0.9"}, SETTINGS)
    assert made["metadata"]["name"] == "movies-v3"
    assert "ownerReferences" not in made["metadata"]
    assert made["spec"]["params"] == {"epochs": "5"}
    assert made["spec"]["lineage"]["snapshot"] == {"rows": 3}
    assert made["spec"]["artifact"] == {"storeRef": {"name": "local"}, "key": "k"}


def test_a_change_of_stage_applies_the_whole_version():
    made = model_version(a_run(), 1, {"digest": DIGEST, "key": "k"}, {}, SETTINGS)
    made["metadata"] |= {"uid": "v", "annotations": {"forebay.dev/replaced-by": "x", "a": "b"}}
    applied = staged(made, "Production")
    assert applied["spec"] == made["spec"]
    assert applied["metadata"]["labels"]["forebay.dev/stage"] == "Production"
    assert "annotations" not in applied["metadata"]
    noted = staged(made, "Archived", replaced_by="movies-v2")
    assert noted["metadata"]["annotations"] == {"forebay.dev/replaced-by": "movies-v2"}


def test_only_the_word_paused_pauses():
    assert is_paused({"metadata": {"annotations": {"forebay.dev/reconcile": "paused"}}})
    assert not is_paused({"metadata": {"annotations": {"forebay.dev/reconcile": "no"}}})
    assert not is_paused({"metadata": {"creationTimestamp": datetime.now(UTC).isoformat()}})


INJECTIONS = st.one_of(
    st.sampled_from(
        [
            "$(id)",
            "`id`",
            "; rm -rf /",
            "a\nb",
            "$(FOREBAY)",
            "{{ 7 * 7 }}",
            "--help",
            "'\"",
            "a && b",
        ]
    ),
    st.text(max_size=20),
)


@given(INJECTIONS, INJECTIONS, INJECTIONS)
def test_F58_F60_texts_of_a_spec_reach_a_pod_as_data_only(table, param, query):
    spec = {
        "ingest": {**SPEC["ingest"], "from": {"storeRef": {"name": "downloads"}, "table": table}},
        "preprocess": {**SPEC["preprocess"], "sql": query},
        "train": {**SPEC["train"], "params": {"odd": param}},
    }
    run, plain = a_run(**spec), a_run()
    for stage in ("ingest", "preprocess", "train"):
        job, usual = (
            stage_job(one, stage, [LOCAL], SETTINGS, deadline=60, backoff_limit=1)
            for one in (run, plain)
        )
        assert job["spec"]["template"] == usual["spec"]["template"]
        document = stage_document(run, stage, {"downloads": FILES, "local": LOCAL}, SETTINGS)
        config = stage_config_map(run, document, SETTINGS)
        assert StageDocument.from_json(config["data"]["stage.json"]).spec == document.spec
        assert document.spec == {**SPEC, **spec}
