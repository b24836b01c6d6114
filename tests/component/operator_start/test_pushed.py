"""The progress endpoint of a process: with a certificate, or off, and never in the way of the rest."""

import asyncio
import ssl

import aiohttp
import pytest

from forebay.errors import Forbidden, Unavailable
from forebay.handlers import pushed
from forebay.handlers.environment import Environment
from forebay.handlers.process import Process
from forebay.handlers.pushed import prepared
from forebay.kube.port import RUN, SECRET, Ref
from tests.component.operator_start.test_vital import Source

URL = "https://localhost"


def environment(**more):
    pod = {
        "FOREBAY_NAMESPACE": "forebay-system",
        "FOREBAY_NAME": "bay",
        "FOREBAY_METRICS_PORT": "0",
    }
    return Environment.read({**pod, "FOREBAY_HEALTH_PORT": "0", **more})


class Api(Source):
    """An API server that knows no token; `refusals` come before any other answer about a Secret."""

    def __init__(self, path):
        super().__init__(path)
        self.refusals = []

    async def review(self, _token, _audience):
        return {"authenticated": False}

    async def get(self, ref):
        if ref.kind == SECRET and self.refusals:
            raise self.refusals.pop()
        return await super().get(ref)


@pytest.fixture
async def api(tmp_path):
    made = Api(tmp_path / "api.db")
    yield made
    await made.close()


async def test_pods_are_told_the_ca_of_the_secret(api):
    start = await prepared(api, environment(FOREBAY_PROGRESS_URL=URL))
    assert await api.get(Ref(SECRET, "forebay-system", "bay-progress-tls")) is not None
    assert start.environment.settings.progress_ca == start.material.ca
    again = await prepared(api, environment(FOREBAY_PROGRESS_URL=URL))
    assert again.material == start.material


async def test_without_an_address_no_secret_is_made(api):
    start = await prepared(api, environment())
    assert start.material is None
    assert await api.list(SECRET) == []


@pytest.mark.parametrize(
    "more", [{"FOREBAY_NAMESPACE": ""}, {"refused": Forbidden(403, "Forbidden", "no secrets")}]
)
async def test_where_it_cannot_be_had_nothing_is_pushed_and_the_rest_works(api, more):
    api.refusals = [more.pop("refused")] if "refused" in more else []
    start = await prepared(api, environment(FOREBAY_PROGRESS_URL=URL, **more))
    assert start.material is None
    assert start.environment.settings.progress_url == ""


async def test_an_api_server_that_is_away_is_waited_for(api, monkeypatch):
    monkeypatch.setattr(pushed, "_AGAIN", (0.01,))
    api.refusals = [Unavailable(0, "Unavailable", "refused")] * 3
    start = await prepared(api, environment(FOREBAY_PROGRESS_URL=URL))
    assert start.material is not None


async def test_a_process_answers_on_its_port_and_counts(api, unused_tcp_port):
    env = environment(FOREBAY_PROGRESS_URL=URL, FOREBAY_PROGRESS_PORT=str(unused_tcp_port))
    start = await prepared(api, env)
    process = Process(api, start.environment, start=start)
    process.start()
    trust = ssl.create_default_context(cadata=start.material.ca)
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        await process.started()
        url = f"https://localhost:{unused_tcp_port}/v1/progress"
        headers = {"Authorization": "Bearer nobody"}
        answer = await session.post(url, data="{}", headers=headers, ssl=trust)
        assert answer.status == 401
    count = process._metrics.registry.get_sample_value
    assert count("forebay_progress_reports_total", {"code": "401"}) == 1
    assert await api.list(RUN) == []
    await process.stop()


def test_a_certificate_is_for_the_host_that_pods_are_told():
    assert pushed._hosts(environment(FOREBAY_PROGRESS_URL="https://p.ns.svc:443/x")) == {"p.ns.svc"}
