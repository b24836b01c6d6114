"""What the builders of the serving side promise about every object they make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.manifests.deployment import serving_deployment
from forebay.manifests.probe_job import probe_config_map, probe_job, probe_key, probe_name
from forebay.manifests.serve_document import serve_config_map, serve_document, serving_name
from forebay.manifests.service import service
from forebay.settings import Settings
from forebay_workloads.contract import EXIT_FINAL, ServeDocument
from tests.unit.plan_serving.world import (
    SETTINGS,
    cassandra,
    datastore,
    model_deployment,
    model_version,
)

TEMPLATE = {
    "labels": {"team": "films", "forebay.dev/owner-uid": "somebody"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}],
    "resources": {"limits": {"memory": "2Gi"}},
    "env": [{"name": "OMP_NUM_THREADS", "value": "2"}],
}


def a_deployment(owner=None, store=None, **more):
    owner, version, store = owner or model_deployment(), model_version(3), store or datastore()
    return serving_deployment(owner, version, store, "movies-v3-doc", SETTINGS, replicas=2, **more)


def pods():
    yield a_deployment()["spec"]["template"]["spec"]
    yield a_deployment(store=cassandra())["spec"]["template"]["spec"]
    yield a_deployment(model_deployment(podTemplate=TEMPLATE))["spec"]["template"]["spec"]
    yield probe_job(cassandra(), "key", SETTINGS)["spec"]["template"]["spec"]


@pytest.mark.parametrize("pod", list(pods()))
def test_S01_every_pod_keeps_the_restricted_security_standard(pod):
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {key for volume in pod["volumes"] for key in volume if key != "name"} <= {
        "emptyDir",
        "configMap",
        "persistentVolumeClaim",
        "secret",
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


def made():
    owner, version, store = model_deployment(), model_version(3), datastore()
    document = serve_document(owner, version, store, SETTINGS)
    yield owner, a_deployment()
    yield owner, service(owner, "movies-v3", SETTINGS)
    yield owner, serve_config_map(owner, version, document, SETTINGS)
    yield store, probe_job(store, "key", SETTINGS)
    yield store, probe_config_map(store, "key", SETTINGS)


@pytest.mark.parametrize(("owner", "child"), list(made()))
def test_every_child_says_whose_it_is(owner, child):
    labels, (reference,) = child["metadata"]["labels"], child["metadata"]["ownerReferences"]
    assert labels["forebay.dev/owner-uid"] == owner["metadata"]["uid"] == reference["uid"]
    assert labels["app.kubernetes.io/managed-by"] == "forebay"
    assert reference["controller"] is True
    assert child["metadata"]["namespace"] == "shop"


def test_the_users_template_reaches_the_pod_and_cannot_take_its_owner_away():
    template = a_deployment(model_deployment(podTemplate=TEMPLATE))["spec"]["template"]
    assert template["metadata"]["labels"]["team"] == "films"
    assert template["metadata"]["labels"]["forebay.dev/owner-uid"] == "md-1"
    assert template["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert template["spec"]["containers"][0]["resources"]["limits"] == {"memory": "2Gi"}
    assert {"name": "OMP_NUM_THREADS", "value": "2"} in template["spec"]["containers"][0]["env"]


def test_the_service_finds_the_pods_of_its_version_and_no_others():
    template = a_deployment()["spec"]["template"]["metadata"]["labels"]
    assert (
        service(model_deployment(), "movies-v3", SETTINGS)["spec"]["selector"].items()
        <= template.items()
    )
    assert (
        not service(model_deployment(), "movies-v2", SETTINGS)["spec"]["selector"].items()
        <= template.items()
    )


def test_F53_a_pod_leaves_the_service_before_it_is_told_to_stop_and_has_time_to_drain():
    pod = a_deployment()["spec"]["template"]["spec"]
    leave = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < leave < pod["terminationGracePeriodSeconds"] - 10


def test_probes_ask_the_port_that_the_container_opens():
    container = a_deployment()["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["forebay-serve"]
    (port,) = container["ports"]
    for probe, path in (
        ("readinessProbe", "ready"),
        ("livenessProbe", "live"),
        ("startupProbe", "live"),
    ):
        assert container[probe]["httpGet"] == {"path": f"/v2/health/{path}", "port": port["name"]}


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("Rolling", "RollingUpdate"), ("Canary", "RollingUpdate"), ("Recreate", "Recreate")],
)
def test_pods_of_one_version_are_replaced_in_the_same_manner_as_versions(strategy, expected):
    owner = model_deployment(rollout={"strategy": strategy})
    assert a_deployment(owner)["spec"]["strategy"]["type"] == expected


def test_the_serve_document_can_be_read_back():
    document = serve_document(model_deployment(), model_version(3), cassandra(), SETTINGS)
    assert ServeDocument.from_json(document.to_json()) == document
    assert document.store.secrets == "/etc/forebay/secrets/shop"


def test_a_probe_is_one_attempt_with_an_end():
    spec = probe_job(datastore(), "key", SETTINGS)["spec"]
    assert spec["backoffLimit"] == 0
    assert spec["activeDeadlineSeconds"] <= 120
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    codes = [
        r["onExitCodes"]["values"] for r in spec["podFailurePolicy"]["rules"] if "onExitCodes" in r
    ]
    assert codes == [sorted(EXIT_FINAL)]


def test_a_probe_has_another_key_when_anything_it_depends_on_changes():
    plain, moved = datastore(), datastore()
    moved["metadata"]["annotations"] = {"forebay.dev/base-dir": "/data"}
    keys = [
        probe_key(plain, ""),
        probe_key(plain, "rotated"),
        probe_key(moved, ""),
        probe_key(datastore("local", type="embedded", embedded={"path": "/x.db"}), ""),
    ]
    assert len(set(keys)) == len(keys)
    assert probe_key(plain, "") == probe_key(datastore(), "")


@given(st.from_regex(r"[a-z]([-a-z0-9]{0,50}[a-z0-9])?", fullmatch=True), st.integers(1, 10**6))
def test_F62_names_of_children_are_labels_whatever_the_model_is_called(name, number):
    owner, version, store = model_deployment(), model_version(number), datastore(name)
    owner["metadata"]["name"] = version["spec"]["model"] = name
    document = serve_document(owner, version, store, SETTINGS)
    names = [
        serving_name(owner, version),
        serve_config_map(owner, version, document, SETTINGS)["metadata"]["name"],
        probe_name(store, probe_key(store, "")),
    ]
    assert all(len(n) <= 63 for n in names)
    assert len(set(names)) == len(names)


def test_labels_of_the_settings_are_on_every_child():
    settings = Settings(labels={"cost-centre": "42"})
    assert (
        service(model_deployment(), "movies-v3", settings)["metadata"]["labels"]["cost-centre"]
        == "42"
    )
