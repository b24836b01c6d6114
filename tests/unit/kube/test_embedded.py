import asyncio
import base64
import copy
import stat
import sys

import pytest

from forebay.errors import AlreadyExists, Conflict, Invalid, NotFound, Unavailable
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import API_VERSION, CONFIG_MAP, DATASTORE, JOB, POD, SECRET, Ref


@pytest.fixture
async def kube(tmp_path):
    made = EmbeddedKube(tmp_path / "forebay.db")
    yield made
    await made.close()


def config(name="settings", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def store(name="shop", **spec):
    return {
        "apiVersion": API_VERSION,
        "kind": "DataStore",
        "metadata": {"name": name},
        "spec": spec or {"type": "embedded", "embedded": {}},
    }


def owned(by, name="child", kind="ConfigMap", **meta):
    owners = [
        {
            "apiVersion": o["apiVersion"],
            "kind": o["kind"],
            "name": o["metadata"]["name"],
            "uid": o["metadata"]["uid"],
        }
        for o in by
    ]
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "ownerReferences": owners, **meta},
    }


def ref(name="settings", kind=CONFIG_MAP):
    return Ref(kind, "default", name)


def version(obj):
    return int(obj["metadata"]["resourceVersion"])


async def test_an_object_comes_back_with_all_that_a_server_adds(kube):
    made = await kube.create(config(a="1"))
    meta = made["metadata"]
    assert meta["namespace"] == "default"
    assert meta["generation"] == 1
    assert meta["uid"]
    assert meta["creationTimestamp"].endswith("Z")
    assert await kube.get(ref()) == made


async def test_a_taken_name_cannot_be_created_again(kube):
    await kube.create(config())
    with pytest.raises(AlreadyExists):
        await kube.create(config())


async def test_every_write_has_a_higher_version_over_all_kinds(kube):
    versions = [version(await kube.apply(obj)) for obj in (config(a="1"), store(), config("more"))]
    assert versions == sorted(set(versions))


async def test_an_apply_that_changes_nothing_writes_nothing(kube):
    first = await kube.apply(config(a="1"))
    assert version(await kube.apply(config(a="1"))) == version(first)


async def test_generation_counts_changes_of_the_spec_only(kube):
    await kube.apply(store())
    labelled = store()
    labelled["metadata"]["labels"] = {"team": "a"}
    assert (await kube.apply(labelled))["metadata"]["generation"] == 1
    said = await kube.apply({**store(), "status": {"serverVersion": "5"}}, subresource="status")
    assert said["metadata"]["generation"] == 1
    slower = store(type="embedded", embedded={}, limits={"rowsPerSecond": 5})
    slower["metadata"]["labels"] = {"team": "a"}
    assert (await kube.apply(slower))["metadata"]["generation"] == 2


async def test_status_and_spec_are_written_separately(kube):
    await kube.apply({**store(), "status": {"serverVersion": "1"}})
    assert "status" not in await kube.get(ref("shop", DATASTORE))
    other = store(type="files", files={"url": "elsewhere"})
    await kube.apply({**other, "status": {"serverVersion": "5"}}, subresource="status")
    there = await kube.get(ref("shop", DATASTORE))
    assert there["status"] == {"serverVersion": "5"}
    assert there["spec"]["type"] == "embedded"
    await kube.apply(store())
    assert (await kube.get(ref("shop", DATASTORE)))["status"] == {"serverVersion": "5"}


async def test_the_status_of_an_absent_object_cannot_be_written(kube):
    with pytest.raises(NotFound):
        await kube.apply({**store(), "status": {}}, subresource="status")


@pytest.mark.parametrize("subresource", [None, "status"])
async def test_a_stale_version_is_a_conflict(kube, subresource):
    first = await kube.apply(config(a="1"))
    await kube.apply(config(a="2"))
    late = config(a="3")
    late["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"]
    with pytest.raises(Conflict):
        await kube.apply(late, subresource=subresource)


async def test_an_object_that_was_made_anew_is_not_taken_for_the_old_one(kube):
    first = await kube.apply(config())
    await kube.delete(ref())
    late = config(a="3")
    late["metadata"]["uid"] = first["metadata"]["uid"]
    with pytest.raises(Conflict):
        await kube.apply(late)
    await kube.apply(config(a="4"))
    with pytest.raises(Conflict):
        await kube.apply(late)
    await kube.delete(ref(), uid=first["metadata"]["uid"])
    assert (await kube.get(ref()))["data"] == {"a": "4"}


async def test_another_managers_field_is_a_conflict_and_changes_hands_by_force(kube):
    await kube.apply(config(a="1"), manager="one")
    with pytest.raises(Conflict, match="'one'"):
        await kube.apply(config(a="2"), manager="two", force=False)
    await kube.apply(config(a="2"), manager="two")
    await kube.apply(config(b="1"), manager="one")
    assert (await kube.get(ref()))["data"] == {"a": "2", "b": "1"}


async def test_a_dry_run_answers_and_changes_nothing(kube):
    answered = await kube.apply(config(a="1"), dry_run=True)
    assert answered["data"] == {"a": "1"}
    assert await kube.get(ref()) is None


async def test_own_kinds_get_their_defaults_and_are_judged(kube):
    with pytest.raises(Invalid) as caught:
        await kube.apply(store(type="cassandra", embedded={}, moon=1))
    fields = {cause.field for cause in caught.value.causes}
    assert "spec.moon" in fields
    assert len(fields) > 1
    assert await kube.get(ref("shop", DATASTORE)) is None


async def test_what_may_not_change_is_refused(kube):
    await kube.apply(store())
    with pytest.raises(Invalid, match=r"spec\.type"):
        await kube.apply(store(type="files", files={"url": "."}))


async def test_the_texts_of_a_secret_are_kept_coded_and_its_file_is_private(kube, tmp_path):
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    made = await kube.apply({**secret, "stringData": {"password": "hush"}})
    assert made["data"] == {"password": base64.b64encode(b"hush").decode()}
    assert "stringData" not in made
    files = list(tmp_path.glob("forebay.db*"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert await kube.get(ref("s", SECRET)) == made


async def test_labels_select_and_lists_are_in_order(kube):
    for name, labels in (("b", {"x": "1"}), ("a", {"x": "1", "y": "2"}), ("c", {"x": "2"})):
        await kube.apply({**config(name), "metadata": {"name": name, "labels": labels}})
    found = await kube.list(CONFIG_MAP, labels={"x": "1"})
    assert [o["metadata"]["name"] for o in found] == ["a", "b"]
    assert await kube.list(CONFIG_MAP, "elsewhere") == []


class TestGarbageCollection:
    async def test_children_go_with_their_owner_and_theirs_with_them(self, kube):
        parent = await kube.apply(config("parent"))
        child = await kube.apply(owned([parent]))
        await kube.apply(owned([child], "grandchild"))
        await kube.delete(ref("parent"))
        assert await kube.list(CONFIG_MAP) == []

    async def test_a_child_of_two_owners_goes_with_the_last(self, kube):
        owners = [await kube.apply(config(name)) for name in ("one", "two")]
        await kube.apply(owned(owners))
        await kube.delete(ref("one"))
        assert await kube.get(ref("child")) is not None
        await kube.delete(ref("two"))
        assert await kube.get(ref("child")) is None

    async def test_orphans_stay(self, kube):
        parent = await kube.apply(config("parent"))
        await kube.apply(owned([parent]))
        await kube.delete(ref("parent"), propagation="Orphan")
        assert await kube.get(ref("child")) is not None

    async def test_a_child_whose_owner_is_gone_already_does_not_stay(self, kube):
        parent = await kube.apply(config("parent"))
        await kube.delete(ref("parent"))
        await kube.apply(owned([parent]))
        assert await kube.get(ref("child")) is None

    async def test_a_finalizer_holds_an_object_until_it_is_taken_away(self, kube):
        parent = await kube.apply(config("parent"))
        pod = owned([parent], "pod", "Pod", finalizers=["forebay.dev/process"])
        await kube.apply(pod)
        await kube.delete(ref("parent"))
        held = await kube.get(ref("pod", POD))
        assert held["metadata"]["deletionTimestamp"]
        await kube.delete(ref("pod", POD))
        again = await kube.get(ref("pod", POD))
        assert again == held
        pod["metadata"]["finalizers"] = []
        await kube.apply(pod, manager="other")
        assert await kube.get(ref("pod", POD)) is None


async def events(kube, kind, count):
    """The first `count` events of a watch as (type, name)."""
    seen = []
    async with asyncio.timeout(30):
        async for event in kube.watch(kind):
            seen.append((event.type, event.object["metadata"]["name"]))
            if len(seen) == count:
                break
    return seen


async def test_a_watch_tells_what_is_there_and_then_every_change_in_order(kube):
    await kube.apply(config("before"))
    watching = asyncio.create_task(events(kube, CONFIG_MAP, 4))
    await asyncio.sleep(0)
    await kube.apply(store())
    await kube.apply(config("after"))
    await kube.apply(config("after", a="1"))
    await kube.apply(config("after", a="1"))
    await kube.delete(ref("before"))
    assert await watching == [
        ("ADDED", "before"),
        ("ADDED", "after"),
        ("MODIFIED", "after"),
        ("DELETED", "before"),
    ]


async def test_a_watch_and_a_reader_see_what_another_process_writes(kube, tmp_path):
    watching = asyncio.create_task(events(kube, CONFIG_MAP, 2))
    await asyncio.sleep(0.15)
    program = (
        "import asyncio, sys; from pathlib import Path; from forebay.kube.embedded import EmbeddedKube\n"
        "async def main():\n"
        "    kube = EmbeddedKube(Path(sys.argv[1]))\n"
        "    for n in '12':\n"
        "        await kube.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': n}})\n"
        "asyncio.run(main())"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path / "forebay.db")
    )
    assert await process.wait() == 0
    assert await watching == [("ADDED", "1"), ("ADDED", "2")]
    mine = await kube.apply(config("3"))
    assert version(mine) > version(await kube.get(ref("2")))


async def test_a_cancelled_watch_ends_even_while_things_change(kube):
    for number in range(20):
        watching = asyncio.create_task(events(kube, CONFIG_MAP, 10_000))
        await asyncio.sleep(0)
        await kube.apply(config(a=str(number)))
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching


async def test_logs_are_the_last_lines_of_the_pods_file(kube, tmp_path):
    pod = await kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}})
    assert await kube.logs(Ref.of(pod)) == ""
    folder = tmp_path / "pods" / pod["metadata"]["uid"]
    folder.mkdir(parents=True)
    folder.joinpath("log.txt").write_text("one\ntwo\nthree\n")
    assert await kube.logs(Ref.of(pod)) == "one\ntwo\nthree\n"
    assert await kube.logs(Ref.of(pod), tail=2) == "two\nthree\n"
    assert await kube.logs(Ref.of(pod), tail=0) == ""


async def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "forebay.db").write_text("hello " * 1000)
    with pytest.raises(Unavailable, match=r"forebay\.db"):
        EmbeddedKube(tmp_path / "forebay.db")


async def test_what_comes_back_is_a_copy(kube):
    made = await kube.apply(config(a="1"))
    before = copy.deepcopy(made)
    made["data"]["a"] = "mine"
    assert await kube.get(ref()) == before


@pytest.mark.slow
async def test_an_apply_is_there_after_the_process_was_killed(tmp_path):
    program = (
        "import asyncio, os, signal, sys; from pathlib import Path\n"
        "from forebay.kube.embedded import EmbeddedKube\n"
        "async def main():\n"
        "    kube = EmbeddedKube(Path(sys.argv[1]))\n"
        "    await kube.apply({'apiVersion': 'batch/v1', 'kind': 'Job', 'metadata': {'name': 'j'}, 'spec': {}})\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())"
    )
    path = tmp_path / "forebay.db"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(path))
    assert await process.wait() == -9
    kube = EmbeddedKube(tmp_path / "forebay.db")
    assert await kube.get(ref("j", JOB)) is not None
    await kube.close()
