"""From a wished version to a served one, with nothing in the way: plan/modeldeployment.py."""

from __future__ import annotations

import json

import pytest

from forebay.plan.modeldeployment import plan
from forebay.settings import Settings
from forebay_workloads.contract import ServeDocument
from tests.unit.plan_serving.world import (
    DIGEST,
    World,
    cassandra,
    condition,
    datastore,
    model_deployment,
    model_version,
    own,
    secret,
    words,
)


def a_world(*related, settings: Settings | None = None, **spec) -> World:
    found = related or (datastore(), model_version(1, "Production"))
    return World(model_deployment(**spec), list(found), plan, settings or Settings())


def test_at_first_sight_every_condition_is_there():
    world = a_world()
    world.step()
    assert [c["type"] for c in world.status["conditions"]] == [
        "Ready",
        "RolloutComplete",
        "StreamHealthy",
        "SinkHealthy",
        "DriftDetected",
        "Warning",
        "Reconciling",
        "Stalled",
    ]


def test_the_first_version_gets_document_deployment_and_service_at_once():
    world = a_world()
    world.step()
    assert world.names("Deployment") == ["movies-v1"]
    assert world.names("Service") == ["movies"]
    assert [name.rsplit("-", 1)[0] for name in world.names("ConfigMap")] == ["movies-v1"]
    assert words(world.status) == ("False", "Progressing")
    assert world.status["canary"]["version"] == "movies-v1"
    assert "stable" not in world.status


def test_the_document_names_artefact_digest_and_store():
    world = a_world()
    world.step()
    document = ServeDocument.from_json(world.child("ConfigMap")["data"]["serve.json"])
    assert (document.deployment, document.model_version) == ("movies", "movies-v1")
    assert document.digest == DIGEST
    assert document.store.settings["path"].endswith("local.db")
    assert "port" not in document.rest


def test_a_model_is_ready_when_all_its_replicas_answer():
    world = a_world(replicas={"min": 2})
    world.step()
    world.ready("movies-v1", 1)
    world.step()
    assert words(world.status) == ("False", "Progressing")
    assert "1 of 2" in condition(world.status, "Ready")["message"]
    world.ready("movies-v1", 2)
    last = world.step()
    assert words(world.status) == ("True", "Serving")
    assert words(world.status, "RolloutComplete") == ("True", "RolloutComplete")
    assert world.status["stable"] == {
        "version": "movies-v1",
        "weight": 100,
        "ready": 2,
        "digest": DIGEST,
    }
    assert "canary" not in world.status
    assert world.status["replicas"] == 2
    assert last.requeue_after is None


def test_a_rollout_says_each_thing_once():
    world = a_world()
    for _ in range(3):
        world.step()
    world.ready("movies-v1", 1)
    for _ in range(3):
        world.step()
    said = [(e.type, e.reason) for e in world.events]
    assert said == [("Normal", "Progressing"), ("Normal", "Serving"), ("Normal", "RolloutComplete")]


def test_a_settled_model_is_planned_the_same_way_for_ever():
    world = a_world()
    world.step()
    world.ready("movies-v1", 1)
    world.step()
    before = (dict(world.children), world.status)
    world.step(3600)
    assert (dict(world.children), world.status) == before


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"name": "movies", "stage": "Production"}, "movies-v2"),
        ({"name": "movies", "version": "v1"}, "movies-v1"),
        ({"name": "movies", "stage": "Staging"}, "movies-v3"),
    ],
)
def test_a_version_is_meant_by_its_number_or_by_its_stage(model, expected):
    versions = [
        model_version(1, "Archived"),
        model_version(2, "Production"),
        model_version(3, "Staging"),
    ]
    world = a_world(datastore(), *versions, model=model)
    world.step()
    assert world.status["canary"]["version"] == expected


def test_of_two_production_versions_the_newer_one_is_meant():
    world = a_world(datastore(), model_version(9, "Production"), model_version(10, "Production"))
    world.step()
    assert world.names("Deployment") == ["movies-v10"]


def test_F64_without_a_version_it_says_which_pipeline_publishes_one_and_goes_on_when_it_is_there():
    pipeline = own("NoSQLPipeline", "nightly", {"publish": {"model": "movies"}})
    other = own("NoSQLPipeline", "fraud", {"publish": {"model": "fraud"}})
    world = a_world(datastore(), pipeline, other)
    assert world.step().apply == ()
    assert words(world.status) == ("False", "ReferenceMissing")
    assert "NoSQLPipeline nightly publishes" in condition(world.status, "Ready")["message"]
    world.put(model_version(1, "Production"))
    world.step()
    assert world.names("Deployment") == ["movies-v1"]


def test_F64_a_version_that_does_not_exist_is_answered_with_those_that_do():
    world = a_world(datastore(), model_version(1), model={"name": "movies", "version": "v7"})
    world.step()
    message = condition(world.status, "Ready")["message"]
    assert "no version v7: there are v1" in message
    assert "publish.model: movies" in message


def test_F64_a_missing_store_is_named():
    world = a_world(model_version(1, "Production"))
    assert world.step().apply == ()
    assert words(world.status) == ("False", "ReferenceMissing")
    assert "DataStore local" in condition(world.status, "Ready")["message"]


def test_F64_a_missing_secret_of_the_store_holds_the_start_until_it_is_there():
    world = a_world(cassandra(), model_version(1, "Production", store="shop"))
    assert world.step().requeue_after <= 5
    assert words(world.status) == ("False", "SecretMissing")
    world.put(secret("shop-user"))
    world.step()
    assert world.names("Deployment") == ["movies-v1"]


def test_F64_the_secret_with_the_callers_keys_must_be_there_too():
    rest = {"auth": {"secretRef": {"name": "movie-keys"}}}
    world = a_world(rest=rest)
    world.step()
    assert words(world.status) == ("False", "SecretMissing")
    assert "'movie-keys'" in condition(world.status, "Ready")["message"]


def test_the_callers_keys_reach_the_pod_as_files_only():
    rest = {"auth": {"secretRef": {"name": "movie-keys"}}}
    world = a_world(
        datastore(), model_version(1, "Production"), secret("movie-keys", keys=("a",)), rest=rest
    )
    world.step()
    document = ServeDocument.from_json(world.child("ConfigMap")["data"]["serve.json"])
    pod = world.child("Deployment")["spec"]["template"]["spec"]
    mounted = {m["name"]: m["mountPath"] for m in pod["containers"][0]["volumeMounts"]}
    assert mounted["keys"] == document.rest["auth"]["keys"]
    assert "movie-keys" not in json.dumps(document.rest)


def test_F65_a_rotated_secret_rolls_the_pods_of_the_version_that_serves():
    world = a_world(
        cassandra(), model_version(1, "Production", store="shop"), secret("shop-user", "1")
    )
    world.step()
    world.ready("movies-v1", 1)
    world.step()
    before = world.child("Deployment")["spec"]["template"]["metadata"]["annotations"]
    world.put(secret("shop-user", "2"))
    world.settle(2)
    after = world.child("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert after != before
    assert words(world.status) == ("True", "Progressing")
    assert world.status["stable"]["version"] == "movies-v1"
    assert "canary" not in world.status
    world.ready("movies-v1", 1)
    world.step()
    assert words(world.status, "RolloutComplete")[0] == "True"


def test_a_changed_document_is_a_new_config_map_and_the_old_one_stays_until_the_pods_have_rolled():
    world = a_world()
    world.step()
    world.ready("movies-v1", 1)
    world.step()
    (old,) = world.names("ConfigMap")
    world.put(datastore("local", type="embedded", embedded={"path": "/elsewhere.db"}))
    world.settle(2)
    assert old in world.names("ConfigMap")
    assert len(world.names("ConfigMap")) == 2
    world.ready("movies-v1", 1)
    world.step()
    assert world.names("ConfigMap") != [old]
    assert len(world.names("ConfigMap")) == 1


def test_replicas_are_scaled_in_and_out_without_another_rollout():
    world = a_world()
    world.step()
    world.ready("movies-v1", 1)
    world.step()
    world.edit(replicas={"min": 3})
    world.settle(2)
    assert world.child("Deployment")["spec"]["replicas"] == 3
    assert words(world.status) == ("False", "Progressing")
    world.ready("movies-v1", 3)
    world.step()
    assert words(world.status) == ("True", "Serving")
    world.edit(replicas={"min": 1})
    world.step()
    world.ready("movies-v1", 1)
    world.step()
    assert world.status["stable"]["ready"] == 1
    assert words(world.status) == ("True", "Serving")


def test_in_a_cluster_the_url_is_the_services_name():
    world = a_world()
    world.step()
    assert world.status["url"] == "http://movies.shop.svc"


@pytest.mark.parametrize(
    ("ingress", "url"),
    [
        ({"ip": "127.0.0.1", "ports": [{"port": 3000}]}, "http://127.0.0.1:3000"),
        ({"ip": "::1", "ports": [{"port": 3000}]}, "http://[::1]:3000"),
        ({"hostname": "lb.example"}, "http://lb.example"),
    ],
)
def test_the_url_is_the_load_balancers_where_there_is_one(ingress, url):
    world = a_world()
    world.step()
    world.child("Service")["status"] = {"loadBalancer": {"ingress": [ingress]}}
    world.step()
    assert world.status["url"] == url


def test_only_without_a_cluster_the_spec_says_the_port():
    for plane, port in (("cluster", 80), ("embedded", 3111)):
        world = a_world(settings=Settings(plane=plane), rest={"port": 3111})
        world.step()
        assert world.child("Service")["spec"]["ports"][0]["port"] == port


def test_of_a_model_with_another_name_the_deployments_carry_both_names():
    version = model_version(1, "Production")
    world = World(model_deployment(), [datastore(), version], plan)
    world.object["metadata"]["name"] = "cinema"
    world.step()
    assert world.names("Deployment") == ["cinema-movies-v1"]


def test_fields_that_are_not_honoured_are_named_in_a_warning():
    spec = {
        "stream": {"from": {"topic": "tx"}},
        "features": {"table": "f"},
        "sink": {"table": "s"},
        "monitoring": {"logPercent": 1},
        "profile": "Edge",
        "rollout": {"strategy": "Canary", "steps": [{"weight": 10}], "predictions": "Purge"},
        "rest": {"enabled": False, "auth": {"secretRef": {"name": "keys"}}},
        "replicas": {"min": 1, "max": 1},
    }
    world = a_world(**spec)
    world.step()
    assert words(world.status, "Warning") == ("True", "FieldNotSupportedInMode")
    message = condition(world.status, "Warning")["message"]
    named = [
        "stream",
        "features",
        "sink",
        "monitoring",
        "profile",
        "rollout.strategy",
    ]
    named += ["rollout.predictions", "rest.enabled"]
    assert [field for field in named if f"spec.{field}" not in message] == []
    assert words(world.status, "SinkHealthy") == ("Unknown", "FieldNotSupportedInMode")


def test_an_upper_bound_of_replicas_without_autoscaling_is_named():
    world = a_world(replicas={"min": 1, "max": 4})
    world.step()
    assert "spec.replicas " in condition(world.status, "Warning")["message"]


def test_what_is_honoured_gives_no_warning():
    world = a_world(rollout={"strategy": "Rolling", "predictions": "Keep"}, profile="Cluster")
    world.step()
    assert words(world.status, "Warning")[0] == "False"


def test_a_paused_deployment_is_left_alone_and_keeps_its_readiness():
    world = a_world()
    world.step()
    world.ready("movies-v1", 1)
    world.step()
    world.object["metadata"]["annotations"] = {"forebay.dev/reconcile": "paused"}
    world.put(model_version(2, "Production"))
    assert world.step().apply == ()
    assert words(world.status) == ("True", "ReconcilePaused")
    assert world.status["stable"]["version"] == "movies-v1"


def test_a_deployment_that_is_being_deleted_is_left_to_the_garbage_collector():
    world = a_world()
    world.object["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"
    assert world.step().status is None
