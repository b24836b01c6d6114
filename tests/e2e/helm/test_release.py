"""A release in namespaced mode for real: installed, tested, upgraded, uninstalled. The tests follow each other."""

import json

import pytest

from tests.e2e.kit import objects
from tests.e2e.kit.waiting import stays, until

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(300)]
OURS = "datastores,nosqlpipelines,pipelineruns,modelversions,modeldeployments"
KUBERNETES_OWN = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}


def conditions(kubectl, name, namespace):
    found = kubectl.get("datastores", name, namespace) or {}
    return (found.get("status") or {}).get("conditions")


def names(kubectl, namespace):
    """kind/name of all objects of a namespace that can be listed, without Events."""
    kinds = kubectl("api-resources", "--verbs=list", "--namespaced", "-o", "name").split()
    kinds = [k for k in kinds if not k.startswith(("events", "pods.metrics"))]
    text = kubectl("get", ",".join(kinds), "-n", namespace, "-o", "json", "--ignore-not-found")
    found = json.loads(text)["items"] if text.strip() else []
    return {f"{obj['kind']}/{obj['metadata']['name']}" for obj in found}


def test_F18_it_has_no_right_outside_of_the_namespaces_that_it_watches(release):
    assert release.cluster_wide() == []


def test_its_test_passes(release):
    said = release.helm("test", release.home, "-n", release.home, "--timeout=120s")
    assert "Succeeded" in said
    assert (
        release.kubectl.list("pods", release.home, "-l", "app.kubernetes.io/component=test") == []
    )


def test_F18_it_reconciles_the_namespace_that_it_watches_and_no_other(release, kubectl, namespace):
    kubectl.apply(objects.stores(), release.team)
    kubectl.apply(objects.stores(), namespace)
    until(lambda: conditions(kubectl, "local", release.team), 20, "a status in the watched one")
    stays(lambda: conditions(kubectl, "local", namespace) is None, 3, "none in the other")


def test_F11_an_upgrade_replaces_the_operator_and_leaves_objects_alone(release, kubectl):
    kubectl.apply(objects.stores(), release.team)
    before = kubectl.get("datastores", "local", release.team)["metadata"]
    (old,) = release.pods()
    release.install("log.level=debug")
    new = until(lambda: alone(release, old), 60, "one operator, another than before")
    levels = [e.get("value") for e in new["spec"]["containers"][0]["env"] if "LOG" in e["name"]]
    assert levels == ["debug"]
    after = kubectl.get("datastores", "local", release.team)["metadata"]
    assert (after["uid"], after["generation"]) == (before["uid"], before["generation"])


def alone(release, old):
    """The operator's pod, once there is one only and it is not `old`."""
    found = release.pods()
    is_new = len(found) == 1 and found[0]["metadata"]["uid"] != old["metadata"]["uid"]
    return found[0] if is_new else None


def test_F13_uninstalled_with_live_objects_it_leaves_nothing_terminating(release, kubectl):
    kubectl.apply([*objects.stores(), objects.ingest_only()], release.team)
    until(lambda: kubectl.list("pipelineruns", release.team), 30, "a run has begun")
    release.uninstall()
    until(
        lambda: names(kubectl, release.home) <= KUBERNETES_OWN,
        60,
        "nothing is left",
        lambda: names(kubectl, release.home),
    )
    ours = kubectl.list(OURS, release.team)
    assert ours, "objects stay where their definitions stay"
    assert not any("deletionTimestamp" in obj["metadata"] for obj in ours)
    for namespace in (release.team, release.home):
        kubectl("delete", "namespace", namespace, "--timeout=60s")


def test_the_operator_of_the_cluster_goes_and_comes_back_without_losing_an_object(
    operator, helm, kubectl, namespace
):
    operator.scale(1)
    kubectl.apply(objects.stores(), namespace)
    until(lambda: conditions(kubectl, "local", namespace), 20, "a status")
    uid = kubectl.get("datastores", "local", namespace)["metadata"]["uid"]
    helm("uninstall", "forebay", "-n", "forebay", "--wait", "--timeout=120s")
    kept = kubectl.get("datastores", "local", namespace)
    assert kept["metadata"]["uid"] == uid
    assert "deletionTimestamp" not in kept["metadata"]
    kubectl("delete", "secret", "forebay-progress-tls", "-n", "forebay")  # with it the old CA
    operator.install()
    kubectl.apply(
        [objects.of("DataStore", "later", {"type": "embedded", "embedded": {}})], namespace
    )
    until(lambda: conditions(kubectl, "later", namespace), 20, "the new one writes")
