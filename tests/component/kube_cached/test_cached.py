import asyncio

import pytest

from forebay.errors import AlreadyExists, Conflict, NotFound
from forebay.kube.cached import CachedKube
from forebay.kube.port import (
    CONFIG_MAP,
    DATASTORE,
    HPA,
    JOB,
    PIPELINE,
    POD,
    SECRET,
    SERVICE,
    Ref,
)
from tests.component.kube_cached.server import Server

OURS = {"app.kubernetes.io/managed-by": "forebay"}
WATCHED = {DATASTORE: {}, PIPELINE: {}, JOB: OURS, POD: OURS, CONFIG_MAP: OURS, SERVICE: OURS}


@pytest.fixture
async def server(tmp_path):
    made = Server(tmp_path / "db")
    yield made
    await made.close()


async def synced(server, **more):
    cached = CachedKube(server, WATCHED, ("owner",), **more)
    for kind in WATCHED:
        await cached.sync(kind)
    server.reads.clear()
    return cached


def store(name="local", **meta):
    return {
        "apiVersion": DATASTORE.api_version,
        "kind": "DataStore",
        "metadata": {"name": name, "namespace": "shop", **meta},
        "spec": {"type": "embedded", "embedded": {}},
    }


def child(kind, name, owner="x", labels=OURS, **body):
    meta = {"name": name, "namespace": "shop", "labels": {**labels, "owner": owner}}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, **body}


def ref(name="local", kind=DATASTORE):
    return Ref(kind, "shop", name)


async def test_after_the_lists_reads_cost_no_request(server):
    await server.kube.apply(store())
    await server.kube.create(child(JOB, "j"))
    cached = await synced(server)
    assert cached.ready
    assert (await cached.get(ref()))["spec"]["type"] == "embedded"
    assert await cached.get(ref("nobody")) is None
    assert [j["metadata"]["name"] for j in await cached.list(JOB, "shop", {"owner": "x"})] == ["j"]
    assert server.reads == []


async def test_before_the_lists_reads_are_live(server):
    await server.kube.apply(store())
    cached = CachedKube(server, WATCHED)
    assert not cached.ready
    assert await cached.get(ref()) is not None
    assert await cached.list(DATASTORE, "shop")
    assert server.reads == [("find", "DataStore"), ("list", "DataStore")]


async def test_a_write_is_remembered_at_once(server):
    cached = await synced(server)
    made = await cached.apply(store())
    assert (await cached.get(ref()))["metadata"]["uid"] == made["metadata"]["uid"]
    await cached.create(child(JOB, "j"))
    assert await cached.list(JOB, "shop", {"owner": "x"})
    await cached.delete(ref("j", JOB))
    assert await cached.list(JOB, "shop", {"owner": "x"}) == []
    assert server.reads == []


async def test_names_of_children_are_looked_up_live_because_they_may_be_anybodys(server):
    cached = await synced(server)
    await server.kube.create(child(JOB, "taken", labels={}), manager="user")
    with pytest.raises(AlreadyExists):
        await cached.create(child(JOB, "taken"))
    assert await cached.get(ref("taken", JOB)) is not None
    assert await cached.list(JOB, "shop", {"owner": "x"}) == [], "not ours, so no watch tells of it"


async def test_a_name_that_we_took_without_knowing_is_known_afterwards(server):
    """A watch may be late: what an earlier process made is there, the event is not."""
    cached = await synced(server)
    await server.kube.create(child(JOB, "j"))
    with pytest.raises(AlreadyExists):
        await cached.create(child(JOB, "j"))
    assert await cached.list(JOB, "shop", {"owner": "x"})


async def test_a_conflict_is_followed_by_a_look(server):
    await server.kube.apply(store())
    cached = await synced(server)
    old = await cached.get(ref())
    await server.kube.apply(store(labels={"a": "b"}), manager="user")
    head = {k: old[k] for k in ("apiVersion", "kind")}
    meta = {k: old["metadata"][k] for k in ("name", "namespace", "resourceVersion")}
    with pytest.raises(Conflict):
        await cached.apply({**head, "metadata": meta, "status": {}}, subresource="status")
    assert (await cached.get(ref()))["metadata"]["labels"] == {"a": "b"}


async def test_a_status_of_what_is_gone_makes_it_forgotten(server):
    await server.kube.apply(store())
    cached = await synced(server)
    await server.kube.delete(ref())
    with pytest.raises(NotFound):
        await cached.apply(store(), subresource="status")
    assert await cached.get(ref()) is None


async def test_only_the_known_object_is_deleted(server):
    await server.kube.create(child(JOB, "j"))
    cached = await synced(server)
    await server.kube.delete(ref("j", JOB))
    again = await server.kube.create(child(JOB, "j"))
    await cached.delete(ref("j", JOB))
    assert (await server.kube.get(ref("j", JOB)))["metadata"]["uid"] == again["metadata"]["uid"]


async def test_secrets_are_never_remembered(server):
    cached = await synced(server)
    secret = child(SECRET, "s", data={"password": "aHVudGVyMg=="})
    await server.kube.apply(secret)
    assert (await cached.get(ref("s", SECRET)))["data"]
    assert (await cached.get(ref("s", SECRET)))["data"]
    assert server.reads == [("get", "Secret")] * 2
    assert "aHVudGVyMg" not in repr(vars(cached._cache))


async def test_an_apply_that_changed_nothing_is_not_sent_again(server):
    cached = await synced(server)
    service = child(SERVICE, "movies", spec={"ports": [{"name": "http", "port": 80}]})
    for _ in range(4):
        await cached.apply(service, force=False)
    assert len(server.writes) == 2, "the second one found out that nothing changes"
    await server.kube.apply({**service, "spec": {"ports": []}}, manager="user")
    cached.hear("MODIFIED", await server.kube.get(ref("movies", SERVICE)))
    await cached.apply(service)
    assert len(server.writes) == 3


async def test_pods_are_asked_for_when_the_job_is_known_to_have_ended_before_them(server):
    cached = await synced(server)
    job = await cached.create(child(JOB, "j"))
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": job["metadata"]["uid"]}
    pod = child(POD, "j-0", spec={"containers": []})
    pod["metadata"]["ownerReferences"] = [owner]
    cached.hear("ADDED", await server.kube.create(pod, manager="kcm"))
    over = {"conditions": [{"type": "Complete", "status": "True"}], "succeeded": 1}
    end = {"phase": "Succeeded", "containerStatuses": [{"name": "stage"}]}
    await server.kube.apply({**pod, "status": end}, manager="kubelet", subresource="status")
    ended = await server.kube.apply({**job, "status": over}, manager="kcm", subresource="status")
    cached.hear("MODIFIED", ended)
    for _ in range(3):
        (found,) = await cached.list(POD, "shop", {"owner": "x"})
        assert found["status"]["phase"] == "Succeeded"
    assert server.reads == [("list", "Pod")]


async def test_pods_that_are_gone_are_asked_for_once(server):
    cached = await synced(server)
    job = await cached.create(child(JOB, "j"))
    over = {"conditions": [{"type": "Complete", "status": "True"}], "succeeded": 1}
    ended = await server.kube.apply({**job, "status": over}, manager="kcm", subresource="status")
    cached.hear("MODIFIED", ended)
    for _ in range(3):
        assert await cached.list(POD, "shop", {"owner": "x"}) == []
    assert server.reads == [("list", "Pod")]
    again = await synced(server)
    assert await again.list(POD, "shop", {"owner": "x"}) == []
    assert server.reads == [], "after a restart its pods have been listed after the Job"


async def test_a_job_that_ends_while_its_pods_are_listed_is_not_caught_up_with_them(server):
    """The list was read before: it holds the pods as they were then."""
    cached = await synced(server)
    job = await cached.create(child(JOB, "j"))
    pod = child(POD, "j-0", spec={"containers": []})
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": job["metadata"]["uid"]}
    pod["metadata"]["ownerReferences"] = [owner]
    await server.kube.create(pod, manager="kcm")
    gate = server.gate = asyncio.Event()
    listing = asyncio.create_task(cached.sync(POD))
    await asyncio.sleep(0)
    end = {"phase": "Succeeded", "containerStatuses": [{"name": "stage"}]}
    await server.kube.apply({**pod, "status": end}, manager="kubelet", subresource="status")
    over = {"conditions": [{"type": "Complete", "status": "True"}], "succeeded": 1}
    ended = await server.kube.apply({**job, "status": over}, manager="kcm", subresource="status")
    cached.hear("MODIFIED", ended)
    gate.set()
    await listing
    (found,) = await cached.list(POD, "shop", {"owner": "x"})
    assert found["status"]["phase"] == "Succeeded"


async def test_what_a_watch_missed_is_found_by_a_list(server):
    await server.kube.apply(store("gone"))
    cached = await synced(server)
    await server.kube.delete(ref("gone"))
    await server.kube.apply(store("new"))
    changed = await cached.sync(DATASTORE)
    assert sorted(obj["metadata"]["name"] for obj in changed) == ["gone", "new"]
    assert [s["metadata"]["name"] for s in await cached.list(DATASTORE, "shop")] == ["new"]
    assert await cached.sync(DATASTORE) == []


async def test_other_namespaces_are_neither_listed_nor_remembered(server):
    elsewhere = store("there")
    elsewhere["metadata"]["namespace"] = "other"
    await server.kube.apply(elsewhere)
    cached = await synced(server, namespaces=("shop", "bank"))
    assert cached.size == 0
    cached.hear("ADDED", await server.kube.get(Ref(DATASTORE, "other", "there")))
    assert cached.size == 0


async def test_a_document_is_remembered_by_its_digest(server):
    cached = await synced(server)
    text = "x" * 10_000
    await cached.create(child(CONFIG_MAP, "doc", data={"stage.json": text}))
    (found,) = await cached.list(CONFIG_MAP, "shop", {"owner": "x"})
    assert len(found["data"]["stage.json"]) == 16


def scaler(server):
    """An HPA as a real server lists it: that of these tests keeps no FieldsV1, so an entry of ours is put there."""
    fields = {"f:metadata": {"f:labels": {}}, "f:spec": {"f:minReplicas": {}}}
    entry = {"manager": "forebay", "operation": "Apply", "fieldsV1": fields}
    made = child(HPA, "movies", spec={"minReplicas": 1, "maxReplicas": 1})
    made["metadata"] |= {"uid": "u", "resourceVersion": "5", "managedFields": [entry]}
    there = [made]

    async def live(kind, *_):
        return there if kind == HPA else []

    server.list = live
    return there


async def test_a_kind_that_is_not_watched_is_compared_with_what_the_pass_has_listed(server):
    cached = await synced(server)
    scaler(server)
    wished = child(HPA, "movies", spec={"minReplicas": 1})
    await cached.list(HPA, "shop", {"owner": "x"})
    await cached.apply(wished)
    assert server.writes == []
    await cached.apply(wished)
    assert len(server.writes) == 1, "not listed since: it may be gone"
    await cached.list(HPA, "shop", {"owner": "x"})
    await cached.apply(child(HPA, "movies", spec={"minReplicas": 2}))
    assert len(server.writes) == 2


async def test_what_was_listed_and_then_deleted_is_applied_when_it_is_wished_again(server):
    cached = await synced(server)
    scaler(server)
    await cached.list(HPA, "shop", {"owner": "x"})
    await cached.delete(ref("movies", HPA))
    await cached.apply(child(HPA, "movies", spec={"minReplicas": 1}))
    assert await server.kube.get(ref("movies", HPA)) is not None


async def test_what_a_later_list_lacks_is_applied_when_it_is_wished(server):
    cached = await synced(server)
    there = scaler(server)
    await cached.list(HPA, "shop", {"owner": "x"})
    there.clear()
    await cached.list(HPA, "shop", {"owner": "x"})
    await cached.apply(child(HPA, "movies", spec={"minReplicas": 1}))
    assert await server.kube.get(ref("movies", HPA)) is not None


def owned(obj, owner):
    reference = {"name": "local", "uid": owner["metadata"]["uid"], "controller": True}
    obj["metadata"]["ownerReferences"] = [
        {"apiVersion": DATASTORE.api_version, "kind": "DataStore", **reference}
    ]
    return obj


async def test_nothing_is_left_in_memory_of_what_the_garbage_collector_took(server):
    cached = await synced(server)
    owner = await cached.apply(store())
    service = owned(child(SERVICE, "movies", spec={"ports": [{"name": "http", "port": 80}]}), owner)
    for _ in range(2):
        await cached.apply(service)
    owned(scaler(server)[0], owner)
    await cached.list(HPA, "shop", {"owner": "x"})
    assert len(cached._wished) == 2
    cached.hear("DELETED", await server.kube.get(ref("movies", SERVICE)))
    assert len(cached._wished) == 1
    cached.hear("DELETED", owner)
    assert (cached.size, len(cached._wished)) == (0, 0), "nobody tells of the end of an HPA"
