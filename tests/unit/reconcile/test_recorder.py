import asyncio
from datetime import UTC, datetime

import pytest

from forebay.errors import Unavailable
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import EVENT
from forebay.plan.types import Event
from forebay.reconcile.recorder import AtOnce, Beside

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STORE = {
    "apiVersion": "forebay.dev/v1alpha1",
    "kind": "DataStore",
    "metadata": {"name": "local", "namespace": "shop", "uid": "u"},
}


@pytest.fixture
async def kube(tmp_path):
    made = EmbeddedKube(tmp_path / "db")
    yield made
    await made.close()


def said(text="reachable"):
    return Event("Normal", "Ready", text)


async def told(kube):
    return sorted((e["message"], e["count"]) for e in await kube.list(EVENT, "shop"))


async def test_the_same_event_is_counted(kube):
    for _ in range(3):
        await AtOnce(kube).record(STORE, said(), NOW)
    await AtOnce(kube).record(STORE, said("other"), NOW)
    assert await told(kube) == [("other", 1), ("reachable", 3)]


async def test_a_new_event_is_one_request(kube):
    asked = []

    class Noting:
        def __getattr__(self, name):
            asked.append(name)
            return getattr(kube, name)

    await AtOnce(Noting()).record(STORE, said(), NOW)
    assert asked == ["create"]


async def test_events_are_written_beside_the_passes_in_their_order(kube):
    recorder = Beside(kube)
    await recorder.record(STORE, said("a"), NOW)
    assert await told(kube) == []
    task = asyncio.create_task(recorder.run())
    await recorder.record(STORE, said("b"), NOW)
    await asyncio.sleep(0.05)
    task.cancel()
    assert await told(kube) == [("a", 1), ("b", 1)]


async def test_events_stand_back_while_something_is_urgent(kube, monkeypatch):
    monkeypatch.setattr("forebay.reconcile.recorder._STAND_BACK", 0.01)
    urgent = [True]
    recorder = Beside(kube, lambda: urgent[0])
    await recorder.record(STORE, said("a"), NOW)
    task = asyncio.create_task(recorder.run())
    await asyncio.sleep(0.05)
    assert await told(kube) == []
    urgent[0] = False
    await asyncio.sleep(0.1)
    task.cancel()
    assert await told(kube) == [("a", 1)]


async def test_more_than_fits_drops_the_oldest(kube):
    recorder = Beside(kube, limit=2)
    for text in "abc":
        await recorder.record(STORE, said(text), NOW)
    task = asyncio.create_task(recorder.run())
    await asyncio.sleep(0.05)
    task.cancel()
    assert await told(kube) == [("b", 1), ("c", 1)]


async def test_an_event_that_cannot_be_written_stops_nothing():
    class Down:
        async def create(self, _obj):
            raise Unavailable(503, "Unavailable", "no")

    await AtOnce(Down()).record(STORE, said(), NOW)
