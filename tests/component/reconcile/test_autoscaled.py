"""Two managers of one Deployment: an autoscaler sets the number of pods, the reconciler the rest, nobody fights."""

from __future__ import annotations

import json

import pytest

from forebay.errors import NotFound
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import (
    DEPLOYMENT,
    HPA,
    HTTP_ROUTE,
    K8S_DEPLOYMENT,
    SCALED_OBJECT,
    TRIGGER_AUTHENTICATION,
)
from forebay.settings import Settings
from tests.component.reconcile.cluster import DIGEST, Cluster, own

KEDA = frozenset({SCALED_OBJECT.api, TRIGGER_AUTHENTICATION.api})
SPEC = {
    "model": {"name": "movies", "version": "v1"},
    "replicas": {"min": 2, "max": 6},
    "autoscaling": {"metric": "concurrency", "target": "10"},
}
VERSION = {
    "model": "movies",
    "version": "v1",
    "digest": DIGEST,
    "artifact": {"storeRef": {"name": "local"}, "key": "models/movies/8c1f"},
    "recipe": "matrix-factorization",
    "runtime": "pytorch",
}


class Optional(EmbeddedKube):
    """The embedded API with a set of optional kinds; a list of any other one is a 404."""

    installed = KEDA
    really = KEDA

    async def apis(self):
        return self.installed

    async def list(self, kind, namespace=None, labels=None):
        if kind in (SCALED_OBJECT, HTTP_ROUTE) and kind.api not in self.really:
            raise NotFound(404, "NotFound", "the server could not find the requested resource")
        return await super().list(kind, namespace, labels)


@pytest.fixture
async def cluster(tmp_path):
    made = Cluster(tmp_path / "forebay.db", Settings(plane="cluster", claim=""))
    await made.kube.close()
    made.kube = Optional(tmp_path / "forebay.db")
    await made.apply(
        own("DataStore", "local", {"type": "embedded", "embedded": {}}),
        own("ModelVersion", "movies-v1", VERSION, labels={"forebay.dev/model": "movies"}),
        own("ModelDeployment", "movies", SPEC),
    )
    yield made
    await made.kube.close()


async def rounds(cluster, count=8):
    reconciler = cluster.reconciler()
    for _ in range(count):
        await cluster.round(reconciler)
    return reconciler


async def scale(cluster, count):
    child = await cluster.one(K8S_DEPLOYMENT)
    slim = {k: child[k] for k in ("apiVersion", "kind")}
    slim["metadata"] = {k: child["metadata"][k] for k in ("name", "namespace")}
    await cluster.kube.apply({**slim, "spec": {"replicas": count}}, manager="autoscaler")


def managers_of(obj, *path):
    """Which managers hold a field."""
    wanted = json.dumps([f"f:{step}" for step in path])
    return {
        entry["manager"]
        for entry in obj["metadata"]["managedFields"]
        if wanted in entry["fieldsV1"]["paths"] and not entry.get("subresource")
    }


async def test_once_it_serves_the_number_of_pods_is_no_field_of_ours_and_keeps_its_value(cluster):
    await rounds(cluster)
    child = await cluster.one(K8S_DEPLOYMENT)
    assert child["spec"]["replicas"] == 2
    assert managers_of(child, "spec", "replicas") == {"forebay-handed-over"}
    assert len(await cluster.kube.list(SCALED_OBJECT)) == 1


async def test_F70_what_an_autoscaler_sets_stays_and_nothing_is_written_after(cluster):
    await rounds(cluster)
    await scale(cluster, 5)
    reconciler = await rounds(cluster, 3)
    before = await cluster.one(K8S_DEPLOYMENT), await cluster.one(DEPLOYMENT)
    for ref in await cluster.own_refs():
        await reconciler.reconcile(ref)
    assert before == (await cluster.one(K8S_DEPLOYMENT), await cluster.one(DEPLOYMENT))
    assert before[0]["spec"]["replicas"] == 5
    assert managers_of(before[0], "spec", "replicas") == {"autoscaler"}
    assert before[1]["status"]["stable"]["ready"] == 5


async def test_without_autoscaling_the_number_is_ours_again(cluster):
    await rounds(cluster)
    await scale(cluster, 5)
    fixed = {key: value for key, value in SPEC.items() if key != "autoscaling"}
    await cluster.apply(own("ModelDeployment", "movies", fixed))
    await rounds(cluster)
    child = await cluster.one(K8S_DEPLOYMENT)
    assert child["spec"]["replicas"] == 2
    assert "forebay" in managers_of(child, "spec", "replicas")
    assert await cluster.kube.list(SCALED_OBJECT) == []


async def test_keda_that_is_gone_before_it_is_known_stops_nothing(cluster):
    await rounds(cluster)
    cluster.kube.really = frozenset()
    await rounds(cluster, 2)
    assert len(await cluster.kube.list(HPA)) == 1
    warning = next(
        c for c in (await cluster.one(DEPLOYMENT))["status"]["conditions"] if c["type"] == "Warning"
    )
    assert warning["reason"] == "OptionalCRDMissing"


async def test_of_what_users_made_we_write_the_status_only(cluster):
    await rounds(cluster)
    for ref in await cluster.own_refs():
        obj = await cluster.kube.get(ref)
        entries = obj["metadata"]["managedFields"]
        ours = [e for e in entries if e["manager"].startswith("forebay")]
        assert {e.get("subresource") for e in ours} == {"status"}, ref
