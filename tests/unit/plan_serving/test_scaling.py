"""Who sets the number of a model's pods: plan/scaling.py and the autoscalers that it asks for."""

from __future__ import annotations

import pytest

from forebay.kube.port import HPA, SCALED_OBJECT, TRIGGER_AUTHENTICATION
from forebay.plan.modeldeployment import plan
from forebay.settings import Settings
from tests.unit.plan_serving.world import (
    World,
    condition,
    datastore,
    model_deployment,
    model_version,
    words,
)

KEDA = frozenset({SCALED_OBJECT.api, TRIGGER_AUTHENTICATION.api})
CONCURRENCY = {
    "replicas": {"min": 2, "max": 6},
    "autoscaling": {"metric": "concurrency", "target": "10"},
}
LAG = {
    "replicas": {"min": 1, "max": 6},
    "autoscaling": {"metric": "kafkaLag", "target": "1000.5"},
    "stream": {
        "from": {"storeRef": {"name": "kafka"}, "topic": "tx", "group": "fraud"},
        "to": {"topic": "tx.scored"},
    },
}


def kafka(**more):
    block = {"bootstrapServers": ["a:9092", "b:9092"], **more.pop("kafka", {})}
    return datastore("kafka", type="kafka", kafka=block, **more)


def a_world(spec, *, keda=False, plane="cluster", more=()):
    related = [datastore(), model_version(1, "Production"), *more]
    world = World(model_deployment(**spec), related, plan, Settings(plane=plane))
    world.apis = KEDA if keda else frozenset()
    return world


def serving(spec, **more):
    """A world whose first version serves with the fewest pods."""
    world = a_world(spec, **more)
    world.step()
    world.ready("movies-v1", spec["replicas"]["min"])
    world.step()
    world.step()
    return world


def scale(world, count, name="movies-v1"):
    """What an autoscaler does."""
    world.child("Deployment", name)["spec"]["replicas"] = count
    world.ready(name, count)


def test_a_first_version_has_its_fewest_pods_and_no_autoscaler_until_it_serves():
    world = a_world(CONCURRENCY)
    world.step()
    assert world.child("Deployment")["spec"]["replicas"] == 2
    assert world.names("HorizontalPodAutoscaler") == []


def test_without_keda_the_pods_follow_their_cpu_between_the_bounds():
    world = serving(CONCURRENCY)
    spec = world.child("HorizontalPodAutoscaler", "movies")["spec"]
    assert spec["scaleTargetRef"]["name"] == "movies-v1"
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 6)
    assert spec["metrics"][0]["resource"]["name"] == "cpu"


def test_that_cpu_stands_for_requests_is_said_with_the_cure_until_keda_is_there():
    world = serving(CONCURRENCY)
    assert words(world.status, "Warning") == ("True", "OptionalCRDMissing")
    said = condition(world.status, "Warning")["message"]
    for part in ("spec.autoscaling", "keda.sh/v1alpha1/ScaledObject", "CPU", "install KEDA"):
        assert part in said
    assert world.step().requeue_after == 30.0
    assert words(world.status) == ("True", "Serving")
    world.apis = KEDA
    world.settle()
    assert words(world.status, "Warning")[0] == "False"
    assert world.step().requeue_after == 300.0


def test_with_keda_the_pods_follow_the_requests_that_they_report():
    world = serving(CONCURRENCY, keda=True)
    spec = world.child("ScaledObject", "movies")["spec"]
    (trigger,) = spec["triggers"]
    assert spec["scaleTargetRef"]["name"] == "movies-v1"
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 6)
    assert trigger["metadata"] == {
        "url": "http://movies.shop.svc:3000/metrics",
        "format": "prometheus",
        "valueLocation": "forebay_requests_in_progress",
        "targetValue": "10",
        "aggregateFromKubeServiceEndpoints": "true",
        "aggregationType": "sum",
    }
    assert words(world.status, "Warning")[0] == "False"


def test_an_autoscalers_number_is_not_among_what_is_applied():
    world = serving(CONCURRENCY, keda=True)
    scale(world, 5)
    last = world.step()
    (deployment,) = [o for o in last.apply if o["kind"] == "Deployment"]
    assert "replicas" not in deployment["spec"]
    assert last.hand_over == ()
    assert world.status["stable"]["ready"] == 5
    assert words(world.status) == ("True", "Serving")


def test_the_number_is_handed_over_once_at_its_present_value():
    world = a_world(CONCURRENCY)
    world.step()
    world.ready("movies-v1", 2)
    (slim,) = world.step().hand_over
    live = world.child("Deployment")["metadata"]
    assert slim["spec"] == {"replicas": 2}
    assert slim["metadata"] == {"name": "movies-v1", "namespace": "shop", "uid": live["uid"]}
    assert world.step().hand_over == ()


def test_more_pods_on_their_way_do_not_make_a_serving_model_unready():
    world = serving(CONCURRENCY, keda=True)
    world.child("Deployment")["spec"]["replicas"] = 6
    world.ready("movies-v1", 3)
    world.step()
    assert words(world.status) == ("True", "Serving")
    assert words(world.status, "Reconciling")[0] == "False"


def test_a_new_version_takes_over_with_as_many_pods_as_the_old_one_has():
    world = serving(CONCURRENCY, keda=True)
    scale(world, 5)
    world.put(model_version(2, "Production"), model_version(1, "Archived"))
    world.step()
    assert world.child("Deployment", "movies-v2")["spec"]["replicas"] == 5
    assert world.child("ScaledObject")["spec"]["scaleTargetRef"]["name"] == "movies-v1"
    world.ready("movies-v2", 2)
    world.step()
    assert world.names("Deployment") == ["movies-v1", "movies-v2"]
    world.ready("movies-v2", 5)
    last = world.step()
    assert world.names("Deployment") == ["movies-v2"]
    assert world.child("ScaledObject")["spec"]["scaleTargetRef"]["name"] == "movies-v2"
    assert [o["metadata"]["name"] for o in last.hand_over] == ["movies-v2"]
    world.step()
    assert world.child("Deployment", "movies-v2")["spec"]["replicas"] == 5


def test_a_new_version_never_starts_with_more_than_the_most():
    world = serving(CONCURRENCY, keda=True)
    scale(world, 6)
    world.edit(replicas={"min": 2, "max": 4})
    world.put(model_version(2, "Production"), model_version(1, "Archived"))
    world.step()
    assert world.child("Deployment", "movies-v2")["spec"]["replicas"] == 4


def test_when_keda_comes_the_first_autoscaler_goes_before_the_other_is_made():
    world = serving(CONCURRENCY)
    world.apis = KEDA
    plan_of_change = world.step()
    assert world.names("HorizontalPodAutoscaler") == []
    assert world.names("ScaledObject") == []
    assert plan_of_change.requeue_after == 1.0
    world.step()
    assert world.names("ScaledObject") == ["movies"]


def test_when_autoscaling_is_taken_out_the_spec_sets_the_number_again():
    world = serving(CONCURRENCY, keda=True)
    scale(world, 5)
    world.edit(autoscaling=None)
    world.settle()
    assert world.names("ScaledObject") == []
    child = world.child("Deployment")
    assert child["spec"]["replicas"] == 2
    assert "annotations" not in child["metadata"]


def test_a_deployment_that_was_deleted_by_hand_comes_back_with_our_number_first():
    world = serving(CONCURRENCY, keda=True)
    world.children = {r: o for r, o in world.children.items() if r.kind.kind != "Deployment"}
    world.step()
    assert world.child("Deployment")["spec"]["replicas"] == 2


def test_a_lag_is_followed_as_the_stream_names_it():
    world = serving(LAG, keda=True, more=[kafka()])
    (trigger,) = world.child("ScaledObject")["spec"]["triggers"]
    assert trigger["type"] == "kafka"
    assert trigger["metadata"] == {
        "bootstrapServers": "a:9092,b:9092",
        "consumerGroup": "fraud",
        "topic": "tx",
        "lagThreshold": "1001",
    }
    assert world.names("TriggerAuthentication") == []


def test_a_broker_that_only_a_binding_knows_has_no_lag_that_keda_can_follow():
    binding = {"bootstrapServers": None, "serviceBindingRef": {"name": "bus"}}
    world = serving(LAG, keda=True, more=[kafka(kafka=binding)])
    assert world.names("ScaledObject") == []
    assert world.child("Deployment")["spec"]["replicas"] == 1, "replicas.min"


def test_a_broker_that_asks_who_we_are_is_shown_the_secrets_by_name_only():
    store = kafka(
        kafka={"saslMechanism": "SCRAM-SHA-512"},
        auth={"secretRef": {"name": "kafka-user"}},
        tls={"caSecretRef": {"name": "kafka-ca"}, "clientSecretRef": {"name": "kafka-client"}},
    )
    world = serving(LAG, keda=True, more=[store])
    (trigger,) = world.child("ScaledObject")["spec"]["triggers"]
    assert trigger["metadata"]["sasl"] == "scram_sha512"
    assert trigger["metadata"]["tls"] == "enable"
    assert trigger["authenticationRef"] == {"name": "movies"}
    shown = world.child("TriggerAuthentication", "movies")["spec"]["secretTargetRef"]
    assert [(s["parameter"], s["name"], s["key"]) for s in shown] == [
        ("username", "kafka-user", "username"),
        ("password", "kafka-user", "password"),
        ("ca", "kafka-ca", "ca.crt"),
        ("cert", "kafka-client", "tls.crt"),
        ("key", "kafka-client", "tls.key"),
    ]


def test_without_keda_a_lag_cannot_be_followed_and_the_fewest_pods_run():
    world = serving(LAG, more=[kafka()])
    assert world.names("HorizontalPodAutoscaler") == []
    assert world.child("Deployment")["spec"]["replicas"] == 1
    assert words(world.status, "Warning") == ("True", "OptionalCRDMissing")
    assert "replicas.min pods run" in condition(world.status, "Warning")["message"]


def test_a_lag_of_a_broker_that_is_not_there_is_not_followed():
    world = serving(LAG, keda=True)
    assert world.names("ScaledObject") == []
    assert world.child("Deployment")["spec"]["replicas"] == 1


@pytest.mark.parametrize("kind", [HPA.kind, SCALED_OBJECT.kind])
def test_on_the_embedded_plane_nothing_scales_and_it_is_said(kind):
    world = serving(CONCURRENCY, plane="embedded", keda=True)
    assert world.names(kind) == []
    assert words(world.status, "Warning") == ("True", "FieldNotSupportedInMode")
    said = condition(world.status, "Warning")["message"]
    assert "spec.autoscaling is not supported here" in said
    assert "spec.replicas" not in said
