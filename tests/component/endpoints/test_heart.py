"""The heart beats into an object and knows it again; health says what was found, over HTTP."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest

from forebay.endpoints.health import app
from forebay.endpoints.heart import BEAT, Heart
from forebay.endpoints.pulse import Pulse
from forebay.endpoints.web import Site
from forebay.errors import Unavailable
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import CONFIG_MAP, Ref

REF = Ref(CONFIG_MAP, "forebay-system", "forebay-heartbeat")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def kube(tmp_path):
    made = EmbeddedKube(tmp_path / "api.db")
    yield made
    await made.close()


@asynccontextmanager
async def listening(application):
    site = Site(application, 0, host="127.0.0.1")
    port = await site.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session
    await site.stop()


async def test_a_beat_is_an_object_that_comes_back_on_the_watch(kube):
    clock = Clock()
    heart = Heart(kube, REF, Pulse(60), clock)
    assert await heart.beat()
    async with asyncio.timeout(30):
        async for event in kube.watch(CONFIG_MAP):
            assert heart.hears(event.object)
            break
    assert heart.pulse.begun
    clock.now = 1e6
    assert heart.pulse.alive(clock.now)


async def test_each_beat_changes_the_one_object(kube):
    heart = Heart(kube, REF, Pulse())
    first = await kube.get(REF) if await heart.beat() else None
    second = await kube.get(REF) if await heart.beat() else None
    assert first["metadata"]["uid"] == second["metadata"]["uid"]
    assert first["data"][BEAT] != second["data"][BEAT]
    assert second["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "forebay"}


async def test_the_beat_of_an_earlier_process_proves_nothing(kube):
    await Heart(kube, REF, Pulse()).beat()
    heart = Heart(kube, REF, Pulse())
    assert heart.hears(await kube.get(REF))
    assert not heart.pulse.begun


async def test_other_objects_are_not_the_heartbeat(kube):
    heart = Heart(kube, REF, Pulse())
    meta = {"name": "forebay-heartbeat", "namespace": "elsewhere"}
    assert not heart.hears({"kind": "ConfigMap", "metadata": meta})
    assert not heart.hears({"kind": "Job", "metadata": {**meta, "namespace": "forebay-system"}})
    assert heart.hears({"kind": "ConfigMap", "metadata": {**meta, "namespace": "forebay-system"}})


class Away:
    asked = 0

    async def apply(self, *_):
        self.asked += 1
        raise Unavailable(0, "Unavailable", "connection refused")


async def test_F06_a_beat_that_is_not_taken_is_tried_again_soon_and_condemns_nobody(monkeypatch):
    monkeypatch.setattr("forebay.endpoints.heart._SOON", 0.01)
    clock = Clock()
    away = Away()
    heart = Heart(away, REF, Pulse(60), clock)  # type: ignore[arg-type]  # all it uses
    task = asyncio.create_task(heart.run())
    async with asyncio.timeout(30):
        while away.asked < 3:
            await asyncio.sleep(0.01)
    clock.now = 1e6
    assert heart.pulse.alive(clock.now)
    assert not heart.pulse.begun
    task.cancel()


async def test_healthz_is_red_when_the_watch_is_deaf_and_green_again_when_it_hears(kube):
    clock = Clock()
    heart = Heart(kube, REF, Pulse(60), clock)
    await heart.beat()
    told = await kube.get(REF)
    checks = {"watch": lambda: heart.pulse.alive(clock.now)}
    async with listening(app(checks, {"heard": lambda: heart.pulse.begun})) as session:
        assert (await session.get("/healthz")).status == 200
        assert (await session.get("/readyz")).status == 503
        clock.now = 61
        answer = await session.get("/healthz")
        assert (answer.status, await answer.text()) == (503, "watch failed\n")
        heart.hears(told)
        assert (await session.get("/healthz")).status == 200
        assert (await session.get("/readyz")).status == 200
        assert (await session.get("/metrics")).status == 404
