"""The progress endpoint over real TLS: who is let in, who is not, and what it costs (S24)."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest

from forebay.endpoints import callers as callers_module
from forebay.endpoints import progress as endpoint_module
from forebay.endpoints import tls
from forebay.endpoints.callers import Callers
from forebay.endpoints.progress import ProgressEndpoint
from forebay.endpoints.web import Site
from forebay.errors import Unavailable
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import POD, RUN, SECRET, Ref
from forebay.manifests.labels import OWNER_UID, STAGE_NAME, owner_labels
from forebay.reconcile.progress import ProgressBoard, board_name
from forebay_workloads import contract, push
from forebay_workloads.contract import Progress
from tests.component.reconcile.cluster import SPEC

RUN_SPEC = {
    "pipelineRef": {"name": "movies"},
    "trigger": {"type": "spec", "key": "1"},
    "template": SPEC,
}
GOOD = "good"  # the token of a stage's pod
TRAIN = Progress("train", percent=50, metrics={"loss": 0.5})


class Judge:
    """The API server's part: tokens and whose they are."""

    def __init__(self) -> None:
        self.users: dict[str, dict] = {}
        self.asked = 0
        self.away = False

    def issue(self, token, pod, audience="forebay-progress", account="default"):
        meta = pod["metadata"]
        extra = {
            "authentication.kubernetes.io/pod-name": [meta["name"]],
            "authentication.kubernetes.io/pod-uid": [meta["uid"]],
        }
        user = {
            "username": f"system:serviceaccount:{meta['namespace']}:{account}",
            "extra": extra,
        }
        self.users[token] = {"authenticated": True, "user": user, "audiences": [audience]}

    async def review(self, token, audience):
        self.asked += 1
        if self.away:
            raise Unavailable(0, "Unavailable", "connection refused")
        found = self.users.get(token)
        if found is None or audience not in found["audiences"]:
            return {"authenticated": False, "error": "token audiences is invalid"}
        return found


class World:
    def __init__(self, kube):
        self.kube, self.judge, self.board = kube, Judge(), ProgressBoard()
        self.answers = []
        self.now = 1000.0
        callers = Callers(self.judge, kube, lambda: self.now)
        self.endpoint = ProgressEndpoint(
            callers, self.board.put, self.answers.append, lambda: self.now
        )

    async def run(self, name, namespace="shop"):
        return await self.kube.apply(
            {
                "apiVersion": "forebay.dev/v1alpha1",
                "kind": "PipelineRun",
                "metadata": {"name": name, "namespace": namespace},
                "spec": RUN_SPEC,
            }
        )

    async def pod(self, name, run=None, stage="train", namespace="shop", **labels):
        ours = {**owner_labels(run), STAGE_NAME: stage} if run else {}
        meta = {"name": name, "namespace": namespace, "labels": {**ours, **labels}}
        return await self.kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta})

    @asynccontextmanager
    async def client(self, token=GOOD):
        ref = Ref(SECRET, "forebay-system", "forebay-progress-tls")
        material = await tls.kept(self.kube, ref, {"localhost"}, datetime.now(UTC))
        site = Site(self.endpoint.app(), 0, tls.context(material), "127.0.0.1")
        port = await site.start()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        trust = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=material.ca))
        base = f"https://localhost:{port}"
        async with aiohttp.ClientSession(base, headers=headers, connector=trust) as session:
            yield session
        await site.stop()

    async def post(self, token=GOOD, body=None, **more):
        data = TRAIN.to_json() if body is None else body
        async with self.client(token) as session:
            return (await session.post("/v1/progress", data=data, **more)).status


@pytest.fixture
async def world(tmp_path):
    kube = EmbeddedKube(tmp_path / "api.db")
    made = World(kube)
    run = await made.run("movies-1")
    made.judge.issue("good", await made.pod("movies-1-train-x", run))
    yield made
    await kube.close()


async def test_a_stages_pod_tells_of_its_own_run(world):
    assert await world.post() == 204
    assert world.board.get("shop", "movies-1") == TRAIN
    assert world.answers == [204]


async def test_the_pod_of_a_stream_tells_of_its_own_pipeline(world):
    pipeline = await world.kube.apply(
        {
            "apiVersion": "forebay.dev/v1alpha1",
            "kind": "NoSQLPipeline",
            "metadata": {"name": "movies-1", "namespace": "shop"},
            "spec": SPEC,
        }
    )
    pod = await world.pod("movies-1-ingest-x", pipeline, stage="stream")
    world.judge.issue("stream", pod)
    said = Progress("stream", rows=5, reason="StoreUnreachable", message="no route")
    assert await world.post("stream", said.to_json()) == 204
    assert world.board.get("shop", board_name("NoSQLPipeline", "movies-1")) == said
    assert world.board.get("shop", "movies-1") is None, "a run may have the same name"


@pytest.mark.parametrize("token", ["", "wrong", "x" * 5000])
async def test_S24_without_a_good_token_nobody_is_heard(world, token):
    async with world.client(token) as session:
        answer = await session.post("/v1/progress", data=TRAIN.to_json())
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert world.board.get("shop", "movies-1") is None


async def test_S05_a_token_in_a_broken_request_does_not_reach_the_log(world, caplog):
    assert await world.post("canary" + "x" * 9000) == 400
    assert "canary" not in caplog.text


async def test_S24_another_scheme_is_no_token(world):
    headers = {"Authorization": "Basic Z29vZDpnb29k"}
    assert await world.post("", headers=headers) == 401
    assert world.judge.asked == 0


async def test_S24_a_token_for_another_audience_is_not_taken(world):
    pod = await world.kube.get(Ref(POD, "shop", "movies-1-train-x"))
    world.judge.issue("api", pod, audience="https://kubernetes.default.svc")
    assert await world.post("api") == 401


async def test_S24_a_pod_speaks_for_its_own_run_only(world):
    other = await world.run("movies-2")
    world.judge.issue("other", await world.pod("movies-2-train-x", other))
    body = '{"step": "train", "percent": 1, "run": "movies-1", "namespace": "shop"}'
    assert await world.post("other", body) == 204
    assert world.board.get("shop", "movies-1") is None
    assert world.board.get("shop", "movies-2").percent == 1


async def test_S24_a_pod_of_another_namespace_does_not_reach_a_run_of_the_same_name(world):
    mine = await world.kube.get(Ref(RUN, "shop", "movies-1"))
    thief = await world.pod("thief", mine, namespace="attic")
    world.judge.issue("thief", thief)
    assert await world.post("thief") == 403
    assert world.board.get("shop", "movies-1") is None
    assert world.board.get("attic", "movies-1") is None


async def test_S24_a_pod_of_an_earlier_run_of_the_name_is_not_let_in(world):
    run = await world.kube.get(Ref(RUN, "shop", "movies-1"))
    old = await world.pod("old", run, **{OWNER_UID: "of-a-run-that-was-deleted"})
    world.judge.issue("old", old)
    assert await world.post("old") == 403


async def test_S24_a_foreign_pod_is_not_let_in(world):
    world.judge.issue("foreign", await world.pod("web"))
    assert await world.post("foreign") == 403


async def test_S24_pods_of_ours_that_are_no_stages_are_not_let_in(world):
    run = await world.kube.get(Ref(RUN, "shop", "movies-1"))
    world.judge.issue("bare", await world.pod("bare", run, stage=""))
    store = {**run, "kind": "DataStore"}
    world.judge.issue("probe", await world.pod("probe", store, stage="probe"))
    assert await world.post("bare") == 403
    assert await world.post("probe") == 403


async def test_S24_a_token_of_no_pod_or_of_a_pod_that_is_gone_is_not_let_in(world):
    user = {"username": "system:serviceaccount:shop:default", "extra": {}}
    audiences = ["forebay-progress"]
    world.judge.users["account"] = {"authenticated": True, "user": user, "audiences": audiences}
    world.judge.users["person"] = {
        "authenticated": True,
        "user": {"username": "jane"},
        "audiences": audiences,
    }
    assert await world.post("account") == 403
    assert await world.post("person") == 403
    ref = Ref(POD, "shop", "movies-1-train-x")
    await world.kube.delete(ref)
    assert await world.post() == 403
    run = await world.kube.get(Ref(RUN, "shop", "movies-1"))
    await world.pod("movies-1-train-x", run)  # the same name, another pod
    world.now += 60
    assert await world.post() == 403


async def test_S24_more_than_sixteen_kib_are_not_read(world):
    huge = '{"step": "train", "pad": "' + "x" * 20_000 + '"}'
    assert await world.post(body=huge) == 413

    async def chunks():
        for _ in range(100):
            yield b"x" * 1024

    assert await world.post(body=chunks()) == 413
    assert world.board.get("shop", "movies-1") is None


@pytest.mark.parametrize("body", [b"{", b"\x00\xff", '{"step": "publish"}', "[" * 9000])
async def test_S24_garbage_is_answered_shortly_and_changes_nothing(world, body):
    assert await world.post(body=body) == 400
    assert world.board.get("shop", "movies-1") is None


async def test_S24_a_body_that_does_not_come_is_not_waited_for(world, monkeypatch):
    monkeypatch.setattr(endpoint_module, "_PATIENCE", 0.1)

    async def slowly():
        yield b"{"
        await asyncio.sleep(5)

    assert await world.post(body=slowly()) == 408


async def test_S24_a_flood_of_one_pod_is_slowed_and_others_are_heard(world):
    other = await world.run("movies-2")
    world.judge.issue("other", await world.pod("movies-2-train-x", other))
    async with world.client() as session:
        answers = [await session.post("/v1/progress", data=TRAIN.to_json()) for _ in range(30)]
        codes = [answer.status for answer in answers]
        assert codes.count(204) == 10
        assert codes.count(429) == 20
        assert answers[-1].headers["Retry-After"] == "1"
        headers = {"Authorization": "Bearer other"}
        answer = await session.post("/v1/progress", data=TRAIN.to_json(), headers=headers)
        assert answer.status == 204
        world.now += 1
        assert (await session.post("/v1/progress", data=TRAIN.to_json())).status == 204
    assert world.judge.asked == 2


async def test_S24_a_flood_of_wrong_tokens_costs_the_api_server_little(world):
    async with world.client("") as session:
        for number in range(200):
            headers = {"Authorization": f"Bearer wrong-{number}"}
            await session.post("/v1/progress", data="{}", headers=headers)
    assert world.judge.asked == 50
    assert world.answers.count(401) == 50
    assert world.answers.count(429) == 150


async def test_a_caller_is_judged_once_and_again_after_some_minutes(world):
    async with world.client() as session:
        for _ in range(5):
            await session.post("/v1/progress", data=TRAIN.to_json())
        assert world.judge.asked == 1
        world.now += 301
        await session.post("/v1/progress", data=TRAIN.to_json())
    assert world.judge.asked == 2


async def test_answers_kept_in_mind_are_limited(world, monkeypatch):
    monkeypatch.setattr(callers_module, "_KEPT", 8)
    callers = Callers(world.judge, world.kube, lambda: world.now)
    for number in range(40):
        with pytest.raises(callers_module.Refused):
            await callers.of(f"wrong-{number}")
    assert len(callers._answers) == 8


async def test_when_the_api_server_cannot_say_the_pod_is_told_to_come_again(world):
    world.judge.away = True
    assert await world.post() == 503
    world.judge.away = False
    assert await world.post() == 204


async def test_other_paths_and_methods_are_not_there(world):
    async with world.client() as session:
        assert (await session.get("/v1/progress")).status == 405
        assert (await session.get("/metrics")).status == 404


async def test_a_stages_own_sender_is_understood(world, tmp_path, monkeypatch):
    ref = Ref(SECRET, "forebay-system", "forebay-progress-tls")
    material = await tls.kept(world.kube, ref, {"localhost"}, datetime.now(UTC))
    monkeypatch.setenv(contract.ROOT_ENV, str(tmp_path))
    for path, text in ((contract.PROGRESS_TOKEN, "good\n"), (contract.PROGRESS_CA, material.ca)):
        file = contract.mounted(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    site = Site(world.endpoint.app(), 0, tls.context(material), "127.0.0.1")
    port = await site.start()
    send = push.Poster(f"https://localhost:{port}/v1/progress")
    await asyncio.to_thread(send, TRAIN.to_json())
    await site.stop()
    assert world.board.get("shop", "movies-1") == TRAIN
