"""The whole ASGI stack in process: guard, BentoML service, /v2, metrics. Only the socket is missing."""

import hashlib
import json
import os

import httpx
import pytest

from forebay_workloads.contract import ServeDocument, StoreRef
from tests.unit.serve.graphs import factors


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    # prometheus_client reads this on import; serve/main.py sets it in a pod.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(tmp_path_factory.mktemp("metrics"))
    from forebay_workloads.serve import openapi, service
    from forebay_workloads.serve.guard import Guard
    from forebay_workloads.serve.served import Served

    document = ServeDocument(
        deployment="shop", model="movies", model_version="movies-v3", store=StoreRef("s", "embedded"),
        key="k", digest="sha256:abc", recipe="matrix-factorization",
    )  # fmt: skip
    served = Served(document, factors())
    return service.build(served), openapi.describe(served), Guard


@pytest.fixture
async def client(app):
    inner, description, guard = app
    transport = httpx.ASGITransport(guard(inner, description, max_body=4096))
    async with (
        inner.router.lifespan_context(inner),
        httpx.AsyncClient(transport=transport, base_url="http://model") as client,
    ):
        yield client


async def test_predict_answers_every_row_with_the_version(client):
    answer = await client.post("/predict", json={"inputs": [{"user": "ann", "item": "d"}]})
    assert answer.status_code == 200
    assert answer.json() == {"model_version": "movies-v3", "outputs": [{"rating": 1.0}]}


async def test_recommend_leaves_out_what_the_user_has_seen(client):
    answer = await client.post("/recommend", json={"user": "ann", "top": 1})
    assert answer.json()["items"] == [{"rank": 1, "item": "b", "score": 3.0}]


async def test_the_open_inference_protocol_answers_the_same_number(client):
    def tensor(name, value):
        return {"name": name, "shape": [1], "datatype": "BYTES", "data": [value]}

    body = {"id": "7", "inputs": [tensor("user", "ann"), tensor("item", "d")]}
    for name in ("shop", "movies"):
        answer = (await client.post(f"/v2/models/{name}/infer", json=body)).json()
        rating = {"name": "rating", "datatype": "FP32", "shape": [1], "data": [1.0]}
        assert answer["outputs"] == [rating]
        assert (answer["id"], answer["model_version"]) == ("7", "movies-v3")


async def test_metadata_and_health_follow_the_protocol(client):
    metadata = (await client.get("/v2/models/shop")).json()
    assert metadata["inputs"][0] == {"name": "user", "datatype": "BYTES", "shape": [-1]}
    assert metadata["parameters"]["digest"] == "sha256:abc"
    for path in ("/v2/health/ready", "/v2/health/live", "/v2", "/v2/models/shop/ready"):
        assert (await client.get(path, follow_redirects=True)).status_code == 200


TENSOR = {"name": "user", "shape": [1], "datatype": "BYTES", "data": ["ann"]}
ITEM = {**TENSOR, "name": "item"}


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/predict", {}, 422, "inputs"),
        ("/predict", [], 422, ""),
        ("/predict", {"inputs": [{"user": "a"}]}, 422, "inputs[0].item"),
        ("/predict", {"inputs": [], "x": 1}, 422, "x"),
        ("/recommend", {"top": 3}, 422, "user"),
        ("/recommend", {"user": "ann", "top": -1}, 422, "top"),
        ("/recommend", {"user": "ann", "count": 1}, 422, "count"),
        ("/v2/models/other/infer", {}, 404, "name"),
        ("/v2/models/shop/versions/v9/infer", {}, 404, "version"),
        ("/v2/models/shop/infer", {"inputs": 3}, 422, "inputs"),
        ("/v2/models/shop/infer", {"inputs": [TENSOR]}, 422, "inputs.item"),
        ("/v2/models/shop/infer", {"inputs": [{**TENSOR, "name": "z"}]}, 422, "inputs.z"),
        ("/v2/models/shop/infer", {"inputs": [TENSOR, {**ITEM, "datatype": "FP32"}]}, 422, "inputs.item.datatype"),
        ("/v2/models/shop/infer", {"inputs": [TENSOR, {**ITEM, "shape": [2]}]}, 422, "inputs.item.data"),
        ("/v2/models/shop/infer", {"inputs": [TENSOR, {**ITEM, "data": [None]}]}, 422, "inputs.item.data[0]"),
        ("/v2/models/shop/infer", {"inputs": [TENSOR, {**ITEM, "shape": [2], "data": ["a", "b"]}]}, 422, "inputs"),
        ("/v2/models/shop/infer", {"inputs": [TENSOR, ITEM], "outputs": [{"name": "z"}]}, 422, "outputs.z"),
    ],
)  # fmt: skip
async def test_F55_bad_input_is_a_4xx_that_names_the_field(client, path, body, status, field):
    answer = await client.post(path, json=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text


@pytest.mark.parametrize("path", ["/predict", "/recommend", "/v2/models/shop/infer"])
@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 3000, b""])
async def test_F55_a_body_that_is_not_json_is_a_4xx(client, path, body):
    answer = await client.post(path, content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text


async def test_F55_a_body_over_the_limit_is_refused_unread(client):
    answer = await client.post("/predict", content=b" " * 5000)
    assert answer.status_code == 413

    async def unsized():
        for _ in range(5):
            yield b" " * 1000

    assert (await client.post("/predict", content=unsized())).status_code == 413


async def test_F56_S15_pickle_is_refused_on_every_route(client):
    for path in ("/predict", "/recommend", "/v2/models/shop/infer"):
        kind = {"content-type": "application/vnd.BentoML+pickle"}
        answer = await client.post(path, content=b"cos\nsystem\n", headers=kind)
        assert answer.status_code == 415


async def test_the_pages_load_nothing_from_elsewhere(client):
    page = (await client.get("/")).text
    assert "http://" not in page
    assert "https://" not in page
    for path in ("/static_content/swagger-ui-bundle.js", "/static_content/swagger-ui.css"):
        assert (await client.get(path)).status_code == 200
    description = json.loads((await client.get("/docs.json")).text)
    assert {"/predict", "/recommend", "/v2/models/shop/infer"} <= description["paths"].keys()


@pytest.fixture
async def locked(app):
    inner, description, guard = app
    keys = frozenset(hashlib.sha256(key).digest() for key in (b"red", b"blue"))
    transport = httpx.ASGITransport(guard(inner, description, keys=keys))
    async with (
        inner.router.lifespan_context(inner),
        httpx.AsyncClient(transport=transport, base_url="http://model") as client,
    ):
        yield client


async def test_a_request_counts_while_it_is_answered(app):
    from forebay_workloads.serve.load import IN_PROGRESS

    inner, description, guard = app
    seen = []

    async def slow(scope, receive, send):
        seen.append(IN_PROGRESS._value.get())
        await inner(scope, receive, send)

    transport = httpx.ASGITransport(guard(slow, description))
    async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
        await client.post("/v2/models/shop/infer", json={})
        await client.get("/v2/health/live")
    assert seen == [1.0, 0.0]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer green"}, 401),
        ({"authorization": "Basic red"}, 401),
        ({"authorization": "Bearer red"}, 200),
        ({"x-api-key": "blue"}, 200),
    ],
)
async def test_S16_with_keys_only_callers_who_show_one_are_answered(locked, headers, status):
    body = {"user": "ann", "top": 1}
    assert (await locked.post("/recommend", json=body, headers=headers)).status_code == status
    assert (await locked.get("/v2/health/ready")).status_code == 200


async def test_S16_with_keys_no_page_is_open_but_health_and_metrics(locked):
    for path in ("/", "/docs.json", "/v2/models/shop", "/schema.json"):
        assert (await locked.get(path)).status_code == 401
