"""Questions that only a real API server answers: events about an object, whose a token is; and what is counted."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import ApiClient, Configuration

from forebay.errors import Forbidden, Unavailable
from forebay.kube.cluster import ClusterKube
from forebay.kube.port import JOB, Ref
from tests.component.kube_cluster.fake import FakeServer, status


@pytest.fixture
async def fake():
    return FakeServer()


@pytest.fixture
async def told():
    return []


@pytest.fixture
async def kube(fake, told):
    async with TestServer(fake.app()) as server:
        settings = Configuration()
        settings.host = str(server.make_url("")).rstrip("/")
        kube = ClusterKube(ApiClient(settings), lambda *seen: told.append(seen))
        yield kube
        await kube.close()


async def test_events_are_asked_for_by_the_uid_of_what_they_are_about(fake, kube):
    fake.refuse.append(web.json_response({"items": [{"reason": "FailedCreate"}], "metadata": {}}))
    assert await kube.notices("shop", "u-1") == [{"reason": "FailedCreate"}]
    (asked,) = fake.requests
    assert asked.path == "/api/v1/namespaces/shop/events"
    assert asked.query["fieldSelector"] == "involvedObject.uid=u-1"


async def test_a_token_is_judged_for_one_audience(fake, kube):
    answer = {"status": {"authenticated": True, "audiences": ["forebay-progress"]}}
    fake.refuse.append(web.json_response(answer, status=201))
    assert (await kube.review("t", "forebay-progress"))["authenticated"]
    assert fake.requests[0].path == "/apis/authentication.k8s.io/v1/tokenreviews"
    assert fake.bodies[0]["spec"] == {"token": "t", "audiences": ["forebay-progress"]}


async def test_a_right_that_is_missing_is_said_and_the_token_is_not(fake, kube):
    fake.refuse.append(status(403, "Forbidden", "cannot create tokenreviews"))
    with pytest.raises(Forbidden) as refused:
        await kube.review("canary-token", "forebay-progress")
    assert "canary-token" not in str(refused.value)


async def test_each_request_is_told_with_its_answer(fake, kube, told):
    fake.put("/apis/batch/v1/namespaces/shop/jobs/a")
    await kube.get(Ref(JOB, "shop", "a"))
    await kube.get(Ref(JOB, "shop", "b"))
    assert told == [("GET", "200"), ("GET", "404")]


async def test_a_request_without_an_answer_is_told_too(told):
    settings = Configuration()
    settings.host = "http://127.0.0.1:1"
    kube = ClusterKube(ApiClient(settings), lambda *seen: told.append(seen))
    with pytest.raises(Unavailable):
        await kube.get(Ref(JOB, "shop", "a"))
    await kube.close()
    assert told == [("GET", "none")]
