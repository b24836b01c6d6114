"""Autoscaling and routes on a real API server: with what every cluster has, and with kinds that come and go.

Of KEDA and the Gateway API only the definitions are installed: what we make for them is judged by their schemas,
nobody acts on it. test_keda.py has KEDA itself.
"""

import json
import time
from datetime import UTC, datetime

import pytest

from tests.e2e.kit import data, modules, objects
from tests.e2e.kit.waiting import condition, stays, until
from tests.e2e.kit.watching import finished, phase

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(420),
    pytest.mark.xdist_group("optional-apis"),  # definitions come and go, in this order
]
ACCOUNT = "system:serviceaccount:forebay:forebay"
SCALED = {
    "replicas": {"min": 1, "max": 3},
    "autoscaling": {"metric": "concurrency", "target": "4"},
    "podTemplate": objects.SMALL,
}
HPA, SCALER, ROUTE = "hpa", "scaledobjects.keda.sh", "httproutes.gateway.networking.k8s.io"
KEDA = [
    f"config/crd/bases/keda.sh_{plural}.yaml"
    for plural in ("scaledobjects", "triggerauthentications")
]
GATEWAY = ["config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"]


@pytest.fixture(scope="module")
def served(kubectl, api, operator, shared_namespace):
    """A namespace with a model that serves and follows an autoscaler."""
    kubectl.apply(objects.stores(), shared_namespace)
    image = operator.train_image
    data.put(kubectl, api, shared_namespace, image, f"data/{objects.DATA}", data.ratings())
    kubectl.apply([objects.full(), objects.served(**SCALED)], shared_namespace)
    assert phase(finished(api, shared_namespace)) == "Succeeded"
    kubectl("wait", "-n", shared_namespace, "--for=condition=Ready", "--timeout=90s", "md/taste")
    return shared_namespace


def warning(api, namespace):
    return condition(api.get("modeldeployments", "taste", namespace), "Warning")


def deployment(api, namespace):
    (only,) = api.list("deployments", namespace)
    return only


def change(kubectl, namespace, spec):
    kubectl.patch("modeldeployment", "taste", namespace, {"spec": spec})


def writes(audit_log, namespace, since):
    """Requests of the operator that write, in a namespace, after a time."""
    found = []
    with audit_log.open() as lines:
        for line in lines:
            if ACCOUNT not in line or namespace not in line:
                continue
            entry = json.loads(line)
            verb = entry["verb"] in ("create", "patch", "update", "delete")
            if verb and entry["requestReceivedTimestamp"] >= since:
                found.append((entry["verb"], entry["requestURI"]))
    return found


def test_without_keda_an_autoscaler_of_the_cluster_is_made_and_it_is_said(kubectl, api, served):
    (scaler,) = until(lambda: kubectl.list(HPA, served), 20, "there is an autoscaler")
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment(api, served)["metadata"]["name"]
    found = warning(api, served)
    assert (found["status"], found["reason"]) == ("True", "OptionalCRDMissing")
    assert "keda.sh/v1alpha1/ScaledObject" in found["message"]


def test_F70_what_an_autoscaler_sets_stays_and_the_operator_writes_nothing_after(
    kubectl, api, served, audit_log
):
    change(kubectl, served, {"replicas": {"min": 2, "max": 3}})  # the cluster's controller obeys it
    until(lambda: deployment(api, served)["status"].get("readyReplicas") == 2, 90, "both answer")
    until(
        lambda: api.get("modeldeployments", "taste", served)["status"]["stable"]["ready"] == 2,
        20,
        "the status says so",
    )
    time.sleep(2)
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    stays(lambda: deployment(api, served)["spec"]["replicas"] == 2, 15, "two pods are wished")
    assert writes(audit_log, served, since) == []


def test_when_keda_comes_its_scaler_takes_over_and_the_pods_are_left_alone(
    kubectl, api, served, installed
):
    before = deployment(api, served)["metadata"]["generation"]
    installed(modules.KEDA, *KEDA)
    (scaler,) = until(lambda: kubectl.list(SCALER, served), 80, "there is a scaler of KEDA")
    assert scaler["spec"]["triggers"][0]["type"] == "metrics-api"
    assert kubectl.list(HPA, served) == []
    until(lambda: warning(api, served)["status"] == "False", 10, "nothing is missing any more")
    assert deployment(api, served)["metadata"]["generation"] == before
    change(kubectl, served, {"autoscaling": None, "replicas": None})
    until(lambda: not kubectl.list(SCALER, served), 20, "the scaler is gone")
    until(lambda: deployment(api, served)["spec"]["replicas"] == 1, 20, "the spec's number holds")
    change(kubectl, served, {k: SCALED[k] for k in ("replicas", "autoscaling")})
    until(lambda: kubectl.list(SCALER, served), 20, "the scaler is back")


def test_without_keda_again_the_clusters_autoscaler_is_back(kubectl, api, served):
    until(lambda: kubectl.list(HPA, served), 80, "there is an autoscaler")
    assert warning(api, served)["reason"] == "OptionalCRDMissing"


def test_a_lag_of_a_broker_with_a_password_is_asked_for_by_a_scaler_that_keda_takes(
    kubectl, api, served, installed
):
    """The schema of TriggerAuthentication, and the four verbs on it."""
    broker = objects.of(
        "DataStore",
        "kafka",
        {
            "type": "kafka",
            "kafka": {"bootstrapServers": ["127.0.0.1:9"], "saslMechanism": "SCRAM-SHA-512"},
            "auth": {"secretRef": {"name": "kafka-user"}},
        },
    )
    stream = {"from": {"storeRef": {"name": "kafka"}, "topic": "tx"}, "to": {"topic": "tx.scored"}}
    installed(modules.KEDA, *KEDA)
    kubectl.apply([broker], served)
    change(
        kubectl,
        served,
        {"stream": stream, "autoscaling": {"metric": "kafkaLag", "target": "1000"}},
    )
    shown = "triggerauthentications.keda.sh"
    until(lambda: kubectl.list(shown, served), 80, "KEDA is shown the Secret")
    until(
        lambda: (
            [s["spec"]["triggers"][0]["type"] for s in kubectl.list(SCALER, served)] == ["kafka"]
        ),
        20,
        "the lag is followed",
    )
    change(kubectl, served, {"stream": None, "autoscaling": SCALED["autoscaling"]})
    until(lambda: not kubectl.list(shown, served), 20, "that is taken away again")


def test_a_gateway_is_waited_for_and_led_to_the_service_without_new_pods(
    kubectl, api, served, installed
):
    before = deployment(api, served)["metadata"]["generation"]
    gateway = {"name": "public", "hostname": "taste.example.com", "path": "/taste"}
    change(kubectl, served, {"rest": {"gateway": gateway}})
    until(
        lambda: "spec.rest.gateway" in warning(api, served).get("message", ""),
        20,
        "it is said that the Gateway API is missing",
    )
    installed(modules.GATEWAY_API, *GATEWAY)
    (route,) = until(lambda: kubectl.list(ROUTE, served), 80, "there is a route")
    (backend,) = route["spec"]["rules"][0]["backendRefs"]
    assert (backend["name"], backend["port"]) == ("taste", 80)
    assert deployment(api, served)["metadata"]["generation"] == before
    change(kubectl, served, {"rest": {"gateway": None}})
    until(lambda: not kubectl.list(ROUTE, served), 20, "the route is gone")
