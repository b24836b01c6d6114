"""Judging objects: what is said about a wrong field, and which defaults are applied."""

import pytest

from forebay.api.schema import validate, with_defaults
from forebay.errors import Cause
from tests.unit.api.good import good, pipeline


def messages(obj, field):
    return [cause.message for cause in validate(obj) if cause.field == field]


def test_all_errors_of_an_object_are_reported_at_once():
    obj = pipeline(suspend="no", train__nodes=0, train__lr="1", deploy__policy="Canarie")
    assert [cause.field for cause in validate(obj)] == [
        "spec.suspend",
        "spec.train.nodes",
        "spec.train.lr",
        "spec.deploy.policy",
    ]


@pytest.mark.parametrize(
    ("obj", "field", "cure"),
    [
        (pipeline(schedual="0 3 * * *"), "spec.schedual", "did you mean schedule?"),
        (pipeline(train__epochs="5"), "spec.train.epochs", 'params: {epochs: "…"}'),
        (pipeline(train__evaluate={}), "spec.train.evaluate", "evaluate belongs to spec"),
        (
            pipeline(publish__storeRef={"name": "a", "namespace": "b"}),
            "spec.publish.storeRef.namespace",
            "own namespace",
        ),
        (pipeline(zzzzzz=1), "spec.zzzzzz", "take one of suspend"),
        (good("DataStore") | {"spce": {}}, "spce", "did you mean spec?"),
        (good("DataStore") | {"data": {}}, "data", "unknown field"),
    ],
)
def test_an_unknown_field_is_an_error_that_names_the_cure(obj, field, cure):
    (message,) = messages(obj, field)
    assert cure in message


def test_a_misspelt_field_of_the_metadata_is_found():
    obj = good("DataStore")
    obj["metadata"]["lables"] = {}
    assert validate(obj) == [Cause("metadata.lables", "unknown field; did you mean labels?")]


@pytest.mark.parametrize(
    ("obj", "field", "piece"),
    [
        (pipeline(train__params={"epochs": 5}), "spec.train.params.epochs", 'write "5" in quotes'),
        (pipeline(train__params={"f": True}), "spec.train.params.f", "YAML reads bare yes"),
        (pipeline(train__params={"f": []}), "spec.train.params.f", "is a list, must be a string"),
        (pipeline(train__nodes="2"), "spec.train.nodes", "whole number without quotes"),
        (pipeline(train__nodes=True), "spec.train.nodes", "is true or false"),
        (pipeline(train__params=["a"]), "spec.train.params", "a mapping"),
        (pipeline(ingest__to__key="id"), "spec.ingest.to.key", "put it in [ ]"),
        (good("DataStore", embedded=None), "spec.embedded", "write {} for all defaults"),
        (pipeline(ingest__to=None), "spec.ingest.to", "is empty: give storeRef, table"),
        (pipeline(schedule=None), "spec.schedule", "give a value or remove the line"),
        (pipeline(deploy__policy="immediate"), "spec.deploy.policy", "did you mean Immediate?"),
        (pipeline(deploy__policy=3), "spec.deploy.policy", "allowed: Manual"),
        (pipeline(publish__keep=0), "spec.publish.keep", "must be at least 1"),
        (pipeline(publish__keep=9999), "spec.publish.keep", "must be at most 1000"),
        (pipeline(publish__model="Movies"), "spec.publish.model", "does not match"),
        (pipeline(publish__model="movies\n"), "spec.publish.model", "does not match"),
        (pipeline(publish__model=""), "spec.publish.model", "too short"),
        (pipeline(publish__model="m" * 53), "spec.publish.model", "has 53 characters, at most 52"),
        (pipeline(ingest__to__key=[]), "spec.ingest.to.key", "has 0 items, at least 1"),
        (pipeline(ingest__to__key=["a"] * 17), "spec.ingest.to.key", "at most 16"),
        (
            pipeline(train__params={str(i): "" for i in range(65)}),
            "spec.train.params",
            "65 entries, at most 64",
        ),
        (pipeline(schedule="daily"), "spec.schedule", "0 3 * * *"),
        (
            pipeline(train__podTemplate={"resources": {"limits": {"cpu": 1.5}}}),
            "spec.train.podTemplate.resources.limits.cpu",
            "must be integer or string",
        ),
        (
            pipeline(train__podTemplate={"labels": {"a.b/c": 5}}),
            "spec.train.podTemplate.labels[a.b/c]",
            'write "5" in quotes',
        ),
    ],
)
def test_F67_a_wrong_value_is_named_with_what_to_write(obj, field, piece):
    assert any(piece in message for message in messages(obj, field)), validate(obj)


@pytest.mark.parametrize(
    ("obj", "field"),
    [
        (pipeline(train__accelerator={"count": 10**9}), "spec.train.accelerator.count"),
        (pipeline(train__nodes=-1), "spec.train.nodes"),
        (pipeline(publish__keep=float("nan")), "spec.publish.keep"),
        (
            pipeline(evaluate__gates=[{"metric": "rmse", "operator": "<=", "value": "NaN"}]),
            "spec.evaluate.gates[0].value",
        ),
        (
            pipeline(train__podTemplate={"resources": {"limits": {"cpu": "abc"}}}),
            "spec.train.podTemplate.resources.limits.cpu",
        ),
        (good("ModelDeployment", replicas={"min": -1, "max": 2}), "spec.replicas.min"),
        (good("ModelDeployment", replicas={"min": 3, "max": 2}), "spec.replicas.min"),
        (good("ModelDeployment", rest={"enabled": True, "port": 70_000}), "spec.rest.port"),
    ],
)
def test_F67_a_number_that_makes_no_sense_is_refused_by_its_path(obj, field):
    assert [cause.field for cause in validate(obj)] == [field]


@pytest.mark.parametrize(
    ("obj", "field"),
    [
        (pipeline(train__params={"a": "x" * (1 << 20)}), "spec.train.params.a"),
        (pipeline(preprocess__sql="x" * (1 << 20)), "spec.preprocess.sql"),
        (pipeline(ingest__to__key=["a"] * 10_000), "spec.ingest.to.key"),
    ],
)
def test_F61_what_is_far_too_large_is_refused_in_a_short_message(obj, field):
    (message,) = messages(obj, field)
    assert len(message) < 300


def test_a_missing_field_says_what_it_is():
    obj = pipeline(publish={"model": "movies"})
    (cause,) = validate(obj)
    assert cause.field == "spec.publish.storeRef"
    assert cause.message.startswith("is required (Store of the artefact.")


def test_names_that_must_differ_are_told_when_they_do_not():
    trigger = {"name": "rows", "newData": {"minRecords": 1}}
    (cause,) = validate(pipeline(triggers=[trigger, trigger]))
    assert cause == Cause("spec.triggers[1]", "name rows is there twice: give each its own")


def test_a_long_value_is_not_repeated_in_full():
    (message,) = messages(pipeline(deploy__policy="s3cret" * 20), "spec.deploy.policy")
    assert "s3cret" * 7 not in message


@pytest.mark.parametrize(
    ("obj", "fields"),
    [
        (None, [""]),
        ([], [""]),
        ({}, ["apiVersion", "kind", "metadata.name"]),
        ({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "x"}}, ["apiVersion", "kind"]),
        ({"kind": ["x"]}, ["apiVersion", "kind", "metadata.name"]),
        (good("DataStore") | {"metadata": {}}, ["metadata.name"]),
        (good("DataStore") | {"metadata": "x"}, ["metadata"]),
        (good("DataStore") | {"spec": None}, ["spec"]),
    ],
)
def test_things_that_are_no_object_of_ours_are_refused_without_a_crash(obj, fields):
    assert [cause.field for cause in validate(obj)] == fields


def test_a_kind_that_is_almost_ours_is_recognised():
    causes = validate(good("DataStore") | {"kind": "Datastore"})
    assert causes[0].field == "kind"
    assert "did you mean DataStore?" in causes[0].message


def test_a_name_may_be_left_to_the_server():
    assert validate(good("PipelineRun") | {"metadata": {"generateName": "movies-"}}) == []


@pytest.mark.parametrize("name", ["Movies", "a_b", "-a", "a\n"])
def test_a_name_that_no_api_server_takes_is_refused(name):
    (message,) = messages(good("PipelineRun", name=name), "metadata.name")
    assert "does not match" in message


def test_a_spec_that_is_missing_is_required():
    obj = good("DataStore")
    del obj["spec"]
    assert [cause.field for cause in validate(obj)] == ["spec"]


def test_defaults_are_applied_as_by_an_api_server():
    spec = with_defaults(pipeline())["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["runPolicy"] == {
        "activeDeadlineSeconds": 86400,
        "pendingDeadlineSeconds": 1800,
        "backoffLimit": 2,
    }
    assert spec["train"]["checkpoint"] == {"interval": "1m", "resume": "LastCheckpoint"}
    assert spec["preprocess"]["engine"] == "duckdb"
    assert "params" not in with_defaults(pipeline(train={"algorithm": "vader"}))["spec"]["train"]
    assert "queue" not in spec


def test_defaults_of_a_deployment_open_the_rest_service():
    spec = with_defaults(good("ModelDeployment"))["spec"]
    assert spec["rest"] == {
        "enabled": True,
        "port": 3000,
        "batching": {"maxSize": 64, "maxLatencyMs": 10},
    }
    assert spec["replicas"] == {"min": 1}
    assert spec["rollout"]["strategy"] == "Rolling"


def test_a_null_where_a_default_exists_counts_as_left_out():
    obj = pipeline(runPolicy=None, train__nodes=None)
    assert with_defaults(obj)["spec"]["train"]["nodes"] == 1
    assert validate(obj) == []


def test_defaults_change_neither_the_given_object_nor_one_of_another_kind():
    obj = pipeline()
    with_defaults(obj)["spec"]["train"]["params"]["epochs"] = "9"
    assert obj == pipeline()
    assert with_defaults({"kind": "Secret", "data": {}}) == {"kind": "Secret", "data": {}}


def test_defaults_applied_twice_change_nothing():
    once = with_defaults(pipeline())
    assert with_defaults(once) == once


def test_a_status_is_judged_too():
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Ready",
        "message": "",
        "lastTransitionTime": "2026-01-31T12:00:00Z",
    }
    obj = good("DataStore") | {"status": {"conditions": [condition], "serverVersion": "5"}}
    assert validate(obj) == []
    obj["status"]["fase"] = "x"
    assert [cause.field for cause in validate(obj)] == ["status.fase"]
