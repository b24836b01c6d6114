"""etcd is restored from a copy: what is in memory is of a future that will not be."""

import shutil

import pytest

from forebay.errors import WentBack
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import DATASTORE
from tests.component.kube_cached.server import Server
from tests.component.kube_cached.test_cached import ref, store, synced


@pytest.fixture
async def server(tmp_path):
    made = Server(tmp_path / "db")
    await made.kube.apply(store())
    yield made
    await made.close()


async def copied(server, tmp_path):
    await server.kube.close()
    shutil.copytree(tmp_path, tmp_path.parent / f"{tmp_path.name}-copy")
    server.kube = EmbeddedKube(tmp_path / "db")


async def restored(server, tmp_path):
    await server.kube.close()
    shutil.rmtree(tmp_path)
    shutil.copytree(tmp_path.parent / f"{tmp_path.name}-copy", tmp_path)
    server.kube = EmbeddedKube(tmp_path / "db")


async def test_F72_a_list_of_the_past_ends_the_process_and_a_new_one_sees_what_is_there(
    server, tmp_path
):
    await copied(server, tmp_path)
    cached = await synced(server)
    await cached.apply(store(labels={"team": "films"}))
    await restored(server, tmp_path)
    with pytest.raises(WentBack, match=r"DataStore shop/local .* etcd"):
        await cached.sync(DATASTORE)
    anew = await synced(server)
    assert "labels" not in (await anew.get(ref()))["metadata"]


async def test_F72_an_object_that_is_back_from_the_dead_ends_it_too(server, tmp_path):
    await copied(server, tmp_path)
    cached = await synced(server)
    gone = await server.kube.get(ref())
    await server.kube.delete(ref())
    cached.hear("DELETED", gone)
    await restored(server, tmp_path)
    with pytest.raises(WentBack):
        await cached.sync(DATASTORE)
    assert await (await synced(server)).get(ref()) is not None


async def test_what_we_deleted_twice_and_still_waits_for_its_end_is_nothing_of_the_past(server):
    await server.kube.apply(store("held", finalizers=["example.com/hold"]))
    cached = await synced(server)
    await cached.delete(ref("held"))
    await cached.sync(DATASTORE)
    await cached.delete(ref("held"))
    await cached.sync(DATASTORE)
    assert (await cached.get(ref())) is not None


async def test_F72_what_was_made_since_the_copy_is_no_ghost(server, tmp_path):
    await copied(server, tmp_path)
    cached = await synced(server)
    await cached.apply(store("later"))
    await restored(server, tmp_path)
    gone = await cached.sync(DATASTORE)
    assert [obj["metadata"]["name"] for obj in gone] == ["later"]
    assert await cached.get(ref("later")) is None
