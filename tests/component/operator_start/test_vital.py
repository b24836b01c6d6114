"""Where the heartbeat lies, and what the kubelet is told."""

import asyncio

import aiohttp
import pytest

from forebay.handlers import process as process_module
from forebay.handlers.environment import Environment
from forebay.handlers.process import Process
from forebay.handlers.vital import heartbeat
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import CONFIG_MAP, Ref


def environment(**more):
    return Environment.read({"FOREBAY_METRICS_PORT": "0", **more})


@pytest.mark.parametrize(
    ("watched", "where"),
    [
        ((), "forebay-system"),
        (("shop", "forebay-system"), "forebay-system"),
        (("shop", "prod"), "shop"),
    ],
)
def test_the_heartbeat_lies_where_the_watch_hears_it(watched, where):
    found = heartbeat(environment(FOREBAY_NAMESPACE="forebay-system", FOREBAY_NAME="bay"), watched)
    assert found == Ref(CONFIG_MAP, where, "bay-heartbeat")


def test_out_of_a_pod_there_is_no_heartbeat_and_no_port():
    outside = environment()
    assert heartbeat(outside, ()) is None
    assert outside.health_port == 0
    assert environment(FOREBAY_NAMESPACE="x").health_port == 8081


class Source(EmbeddedKube):
    """The embedded API as the cached port's source."""

    find = EmbeddedKube.get

    async def pages(self, kind, namespace, labels):
        yield await self.list(kind, namespace, labels)


async def test_a_process_is_ready_once_its_own_beat_was_heard(
    tmp_path, monkeypatch, unused_tcp_port
):
    source = Source(tmp_path / "api.db")
    env = environment(FOREBAY_NAMESPACE="forebay-system", FOREBAY_HEALTH_PORT=str(unused_tcp_port))
    process = Process(source, env)
    process.start()
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        await process.started()
        beat = Ref(CONFIG_MAP, "forebay-system", "forebay-heartbeat")
        while (told := await source.get(beat)) is None:
            await asyncio.sleep(0.01)
        assert (await session.get(f"{url}/healthz")).status == 200
        answer = await session.get(f"{url}/readyz")
        assert (answer.status, "heard failed" in await answer.text()) == (503, True)
        process.heard("MODIFIED", told)
        assert (await session.get(f"{url}/readyz")).status == 200
    await process.stop()


async def test_a_port_that_is_taken_ends_the_process(tmp_path, monkeypatch, unused_tcp_port):
    signals = []
    monkeypatch.setattr(process_module.signal, "raise_signal", signals.append)
    taken = await asyncio.start_server(lambda *_: None, None, unused_tcp_port)
    process = Process(
        Source(tmp_path / "api.db"), environment(FOREBAY_HEALTH_PORT=str(unused_tcp_port))
    )
    process.start()
    async with asyncio.timeout(30):
        while not signals:
            await asyncio.sleep(0.01)
    await process.stop()
    taken.close()
    await taken.wait_closed()
