"""The Kubernetes port over HTTP: verbs, errors, and a watch that outlives what happens to it."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import ApiClient, Configuration

from forebay.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    Terminating,
    Unavailable,
)
from forebay.kube import cluster_watch
from forebay.kube.cluster import ClusterKube
from forebay.kube.port import JOB, POD, RUN, Ref
from tests.component.kube_cluster.fake import FakeServer, status

JOBS = "/apis/batch/v1/namespaces/shop/jobs"


@pytest.fixture
async def fake():
    return FakeServer()


@pytest.fixture
async def kube(fake):
    async with TestServer(fake.app()) as server:
        settings = Configuration()
        settings.host = str(server.make_url("")).rstrip("/")
        kube = ClusterKube(ApiClient(settings))
        yield kube
        await kube.close()
        await kube.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(cluster_watch, "_BACK_OFF", (0.001,))
    monkeypatch.setattr(cluster_watch, "_RECONNECT", 0.001)


def job(name="a", **spec):
    meta = {"name": name, "namespace": "shop", "managedFields": [{}], "generation": 4}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": spec,
        "status": {"x": 1},
    }


async def test_an_object_that_is_not_there_is_none(kube):
    assert await kube.get(Ref(JOB, "shop", "a")) is None


async def test_what_is_read_carries_its_kind(kube, fake):
    fake.put(f"{JOBS}/a")
    found = await kube.get(Ref(JOB, "shop", "a"))
    assert (found["apiVersion"], found["kind"]) == ("batch/v1", "Job")


async def test_one_object_is_found_by_the_right_to_list(kube, fake):
    fake.put(f"{JOBS}/a")
    fake.put(f"{JOBS}/b")
    found = await kube.find(Ref(JOB, "shop", "b"))
    assert (found["metadata"]["name"], found["kind"]) == ("b", "Job")
    assert fake.requests[-1].path == JOBS
    assert await kube.find(Ref(JOB, "shop", "c")) is None


async def test_pages_are_given_as_they_come(kube, fake):
    fake.page = 2
    for name in "abc":
        fake.put(f"{JOBS}/{name}")
    sizes = [len(page) async for page in kube.pages(JOB, "shop", {"a": "b"})]
    assert sizes == [2, 1]
    assert fake.requests[-1].query["labelSelector"] == "a=b"


async def test_a_list_follows_every_page_and_comes_sorted(kube, fake):
    fake.page = 2
    for name in "dbace":
        fake.put(f"{JOBS}/{name}")
    found = await kube.list(JOB, "shop", {"b": "2", "a": "1"})
    assert [o["metadata"]["name"] for o in found] == list("abcde")
    assert {o["kind"] for o in found} == {"Job"}
    assert fake.requests[0].query["labelSelector"] == "a=1,b=2"


async def test_a_list_of_all_namespaces_names_none(kube, fake):
    await kube.list(JOB)
    assert fake.requests[0].path == "/apis/batch/v1/jobs"


async def test_an_apply_is_one_patch_under_our_name_without_what_is_the_servers(kube, fake):
    applied = await kube.apply(job(parallelism=2), force=False, dry_run=True)
    request = fake.requests[0]
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    assert dict(request.query) == {"fieldManager": "forebay", "force": "false", "dryRun": "All"}
    assert fake.bodies[0].keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert "managedFields" not in fake.bodies[0]["metadata"]
    assert applied["metadata"]["resourceVersion"]


async def test_an_apply_of_the_status_sends_the_status_alone(kube, fake):
    obj = job()
    obj["metadata"]["resourceVersion"] = "7"
    await kube.apply(obj, subresource="status")
    assert fake.requests[0].path == f"{JOBS}/a/status"
    assert fake.bodies[0]["status"] == {"x": 1}
    assert "spec" not in fake.bodies[0]
    assert fake.bodies[0]["metadata"]["resourceVersion"] == "7"


async def test_the_optional_apis_are_those_that_discovery_names(kube, fake):
    kinds = [{"name": "scaledobjects", "kind": "ScaledObject"}]
    fake.objects["/apis/keda.sh/v1alpha1"] = {"resources": kinds}
    assert await kube.apis() == {"keda.sh/v1alpha1/ScaledObject"}


async def test_a_create_of_a_taken_name_says_so(kube):
    await kube.create(job())
    with pytest.raises(AlreadyExists):
        await kube.create(job())


async def test_a_delete_goes_in_the_background_and_absent_is_fine(kube, fake):
    fake.put(f"{JOBS}/a")
    await kube.delete(Ref(JOB, "shop", "a"))
    await kube.delete(Ref(JOB, "shop", "a"))
    assert fake.bodies[0]["propagationPolicy"] == "Background"
    assert fake.objects == {}


async def test_a_delete_leaves_an_object_of_another_uid_alone(kube, fake):
    fake.put(f"{JOBS}/a")
    await kube.delete(Ref(JOB, "shop", "a"), uid="another")
    assert list(fake.objects) == [f"{JOBS}/a"]


async def test_a_delete_that_conflicts_for_another_reason_is_an_error(kube, fake):
    fake.refuse.append(status(409, "Conflict", "busy"))
    with pytest.raises(Conflict):
        await kube.delete(Ref(JOB, "shop", "a"))


async def test_logs_are_cut_by_the_server_and_a_pod_without_any_has_none(kube, fake):
    fake.log["/api/v1/namespaces/shop/pods/p/log"] = "one\ntwo\n"
    assert await kube.logs(Ref(POD, "shop", "p"), tail=2) == "one\ntwo\n"
    assert fake.requests[0].query["tailLines"] == "2"
    assert await kube.logs(Ref(POD, "shop", "q")) == ""


ERRORS = {
    "denied": (status(403, "Forbidden", 'cannot create resource "jobs"'), Forbidden),
    "namespace goes": (
        status(
            403,
            "Forbidden",
            "unable to create new content in namespace shop because it is being terminated",
            [{"reason": "NamespaceTerminating", "field": "metadata.namespace", "message": "n"}],
        ),
        Terminating,
    ),
    "who are you": (status(401, "Unauthorized", "no token"), Forbidden),
    "other manager": (
        status(
            409,
            "Conflict",
            "c",
            [{"reason": "FieldManagerConflict", "field": ".spec", "message": "kubectl"}],
        ),
        Conflict,
    ),
    "unknown field": (
        status(500, "", "failed to create typed patch object (a): field not declared"),
        Invalid,
    ),
    "managed fields": (status(400, "BadRequest", "managedFields must be nil"), Invalid),
    "no namespace": (status(404, "NotFound", 'namespaces "shop" not found'), NotFound),
    "too many": (status(429, "TooManyRequests", "slow down"), Unavailable),
    "down": (web.Response(status=503, text="<html>upstream</html>"), Unavailable),
    "teapot": (web.Response(status=418, text="[1]"), KubeError),
    "no json": (web.Response(status=200, text="<html>login</html>"), Unavailable),
}


@pytest.mark.parametrize("name", ERRORS)
async def test_every_refusal_is_one_of_our_errors(kube, fake, name):
    answer, kind = ERRORS[name]
    fake.refuse.append(answer)
    with pytest.raises(KubeError) as caught:
        await kube.apply(job())
    assert type(caught.value) is kind


@pytest.mark.parametrize(("said", "seconds"), [("7", 7), ("86400", 60), ("soon", 0)])
async def test_a_busy_server_is_asked_again_when_it_says(kube, fake, said, seconds):
    busy = status(429, "TooManyRequests", "slow down")
    busy.headers["Retry-After"] = said
    fake.refuse.append(busy)
    with pytest.raises(Unavailable) as caught:
        await kube.apply(job())
    assert caught.value.wait == seconds


async def test_a_refused_object_names_every_field_and_stays_short(kube, fake):
    causes = [{"reason": "FieldValueInvalid", "field": "spec.template", "message": "x" * 9000}]
    fake.refuse.append(status(422, "Invalid", "y" * 9000, causes * 40))
    with pytest.raises(Invalid) as caught:
        await kube.apply(job())
    assert caught.value.causes[0].field == "spec.template"
    assert len(str(caught.value)) < 600
    assert sum(len(c.message) for c in caught.value.causes) < 5000


async def test_a_server_that_is_not_there_is_unavailable():
    settings = Configuration()
    settings.host = "http://127.0.0.1:1"
    kube = ClusterKube(ApiClient(settings))
    with pytest.raises(Unavailable):
        await kube.get(Ref(JOB, "shop", "a"))
    await kube.close()


def event(kind, name, version):
    obj = {"apiVersion": "batch/v1", "kind": "Job"}
    meta = {"name": name, "namespace": "shop", "uid": f"u-{name}", "resourceVersion": str(version)}
    return {"type": kind, "object": {**obj, "metadata": meta}}


async def take(kube, count, kind=JOB):
    seen = []
    async with asyncio.timeout(30), aclosing(kube.watch(kind, "shop")) as events:
        async for found in events:
            seen.append((found.type, found.object["metadata"]["name"]))
            if len(seen) == count:
                return seen
    return seen


async def test_a_watch_begins_with_what_is_there_and_goes_on_from_there(kube, fake):
    fake.put(f"{JOBS}/a")
    fake.watches.append(
        [event("ADDED", "b", 200), event("MODIFIED", "a", 201), event("DELETED", "b", 202)]
    )
    assert await take(kube, 4) == [
        ("ADDED", "a"),
        ("ADDED", "b"),
        ("MODIFIED", "a"),
        ("DELETED", "b"),
    ]
    watched = next(r for r in fake.requests if r.query.get("watch"))
    assert watched.query["resourceVersion"] == "101"
    assert watched.query["allowWatchBookmarks"] == "true"


async def test_a_watch_that_the_server_ended_goes_on_at_the_last_bookmark(kube, fake):
    mark = {"type": "BOOKMARK", "object": {"kind": "Job", "metadata": {"resourceVersion": "300"}}}
    fake.watches += [[event("ADDED", "a", 200), mark], [event("ADDED", "b", 301)]]
    assert await take(kube, 2) == [("ADDED", "a"), ("ADDED", "b")]
    assert [r.query["resourceVersion"] for r in fake.requests if r.query.get("watch")][1] == "300"


async def test_a_watch_survives_a_broken_connection_and_a_busy_server(kube, fake):
    fake.watches += [
        [event("ADDED", "a", 200), None],
        [status(503, "ServiceUnavailable", "etcd")],
        [{"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "leader changed"}}],
        [event("ADDED", "b", 201)],
    ]
    assert await take(kube, 2) == [("ADDED", "a"), ("ADDED", "b")]
    assert [r.query["resourceVersion"] for r in fake.requests if r.query.get("watch")] == [
        "100",
        "200",
        "200",
        "200",
    ]


GONE = {
    "type": "ERROR",
    "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"},
}


@pytest.mark.parametrize("gone", [[GONE], [status(410, "Expired", "too old")]])
async def test_a_watch_that_fell_behind_tells_the_difference_from_a_new_list(kube, fake, gone):
    fake.put(f"{JOBS}/same")
    fake.put(f"{JOBS}/changed")
    fake.put(f"{JOBS}/gone", labels={"forebay.dev/owner-uid": "u"}, managedFields=[{"big": 1}])
    fake.watches += [gone]
    seen = []
    async with asyncio.timeout(30), aclosing(kube.watch(JOB, "shop")) as events:
        async for found in events:
            seen.append((found.type, found.object["metadata"]["name"]))
            if len(seen) == 3:
                fake.put(f"{JOBS}/changed")
                fake.put(f"{JOBS}/new")
                del fake.objects[f"{JOBS}/gone"]
            if found.type == "DELETED":
                assert found.object["metadata"]["labels"] == {"forebay.dev/owner-uid": "u"}
                assert "managedFields" not in json.dumps(found.object)
            if len(seen) == 6:
                break
    assert sorted(seen[3:]) == [("ADDED", "new"), ("DELETED", "gone"), ("MODIFIED", "changed")]


async def test_a_silent_connection_is_opened_again(kube, fake, monkeypatch):
    monkeypatch.setattr(cluster_watch, "_SILENCE", 0.05)
    fake.put(f"{JOBS}/a")
    fake.watches += [[], [event("ADDED", "b", 200)]]
    assert await take(kube, 2) == [("ADDED", "a"), ("ADDED", "b")]


async def test_a_watch_that_is_not_allowed_is_an_error_at_once(kube, fake):
    fake.refuse.append(status(403, "Forbidden", "cannot list runs"))
    with pytest.raises(Forbidden):
        await take(kube, 1, RUN)
