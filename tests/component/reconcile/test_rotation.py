"""A Secret is rotated: its DataStore is probed again, streams and served models are rolled, new Jobs wait for it."""

from datetime import timedelta

import pytest

from forebay.kube.port import DATASTORE, DEPLOYMENT, K8S_DEPLOYMENT, PIPELINE, RUN, SECRET, Ref
from forebay.manifests.deployment import SECRET_VERSIONS
from forebay.reconcile.triggers import react
from forebay.reconcile.wakeset import WakeSet
from forebay_workloads.contract import Result
from tests.component.reconcile.cluster import own, world
from tests.component.reconcile.test_run_failures import condition, stages
from tests.component.reconcile.test_streaming import STREAM


def secret(password):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "user", "namespace": "shop"},
        "stringData": {"username": "shop", "password": password},
    }


def objects(**changes):
    """A stream into a store with a Secret, a model that is kept there and served."""
    found = world(ingest=STREAM, **changes)
    found[1] = own(
        "DataStore",
        "local",
        {"type": "embedded", "embedded": {}, "auth": {"secretRef": {"name": "user"}}},
    )
    return [*found, secret("old")]


@pytest.fixture
def reconciler(cluster):
    return cluster.reconciler()


async def settled(cluster, reconciler):
    await cluster.apply(*objects())
    await cluster.settle(reconciler)
    for _ in range(5):
        await cluster.round(reconciler)


async def noted(cluster):
    """What the pods of each Deployment are marked with."""
    return {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["annotations"][SECRET_VERSIONS]
        for one in await cluster.kube.list(K8S_DEPLOYMENT)
    }


async def store_pass(cluster, reconciler, monkeypatch):
    """The DataStore's own pass, and those of whom its change wakes."""
    ref = Ref(DATASTORE, "shop", "local")
    await reconciler.reconcile(ref)
    woken = []
    monkeypatch.setattr(WakeSet, "add", lambda _, one, **_more: woken.append(one))
    react(reconciler, await cluster.kube.get(ref))
    monkeypatch.undo()
    for one in woken:
        await reconciler.reconcile(one)
    return {(one.kind.kind, one.name) for one in woken}


async def test_the_stores_own_look_is_enough_to_roll_all_that_use_it(
    cluster, reconciler, monkeypatch
):
    await settled(cluster, reconciler)
    before, probes = await noted(cluster), cluster.started.count("probe")
    assert len(before) == 2, "a stream and a served version"
    await cluster.apply(secret("new"))
    woken = await store_pass(cluster, reconciler, monkeypatch)
    assert {(PIPELINE.kind, "movies"), (DEPLOYMENT.kind, "movies")} <= woken
    after = await noted(cluster)
    assert {name for name in before if before[name] != after[name]} == set(before)
    for _ in range(4):
        await cluster.round(reconciler)
    assert cluster.started.count("probe") == probes + 1
    store = await cluster.kube.get(Ref(DATASTORE, "shop", "local"))
    assert condition(store, "Ready")["status"] == "True"
    assert await noted(cluster) == after, "rolled once"


async def test_a_secret_that_stays_as_it_is_rolls_nothing(cluster, reconciler, monkeypatch):
    await settled(cluster, reconciler)
    before, probes = await noted(cluster), cluster.started.count("probe")
    await cluster.apply(secret("old"))
    cluster.now += timedelta(seconds=60)
    await store_pass(cluster, reconciler, monkeypatch)
    assert (await noted(cluster), cluster.started.count("probe")) == (before, probes)


async def test_a_secret_that_is_gone_for_a_moment_leaves_the_pods_as_they_are(cluster, reconciler):
    await settled(cluster, reconciler)
    before = await noted(cluster)
    await cluster.kube.delete(Ref(SECRET, "shop", "user"))
    for _ in range(3):
        await cluster.round(reconciler)
    assert await noted(cluster) == before
    await cluster.apply(secret("new"))
    for _ in range(3):
        await cluster.round(reconciler)
    after = await noted(cluster)
    assert {name for name in before if before[name] != after[name]} == set(before)


async def test_new_jobs_wait_for_the_probe_of_the_rotated_secret(cluster, reconciler):
    await settled(cluster, reconciler)
    first, started = (await cluster.run_object())["metadata"]["uid"], len(cluster.started)
    cluster.ends["probe"] = None  # its pod does not end
    await cluster.apply(secret("new"))
    again = objects()[2]
    again["metadata"]["annotations"] = {"forebay.dev/run": "more"}
    await cluster.apply(again)
    for _ in range(4):
        await cluster.round(reconciler)
    newest = next(run for run in await cluster.kube.list(RUN) if run["metadata"]["uid"] != first)
    assert stages(newest)["preprocess"]["state"] == "Pending"
    assert "preprocess" not in cluster.started[started:]
    cluster.ends["probe"] = Result()
    await cluster.settle(reconciler)
    assert cluster.started[started:].index("probe") < cluster.started[started:].index("preprocess")
