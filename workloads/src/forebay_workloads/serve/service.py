"""The BentoML service around a Served model: one API per route, /v2 mounted beside them, metrics.

Built by main.py after PROMETHEUS_MULTIPROC_DIR is set, because prometheus_client looks at it on import.
"""

from __future__ import annotations

import time
from typing import Any

import bentoml
from prometheus_client import Counter, Histogram
from starlette.responses import JSONResponse

from forebay_workloads.serve.errors import RequestError
from forebay_workloads.serve.served import Served
from forebay_workloads.serve.v2 import OpenInference

REQUESTS = Counter(
    "forebay_requests",
    "Requests by route, model version and outcome",
    ["route", "model_version", "outcome"],
)
SECONDS = Histogram(
    "forebay_request_seconds",
    "Seconds from parsed body to answer",
    ["route", "model_version"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


def _answer(served: Served, route: str, body: Any) -> Any:
    """The answer of a route, counted; a refused request is an answer too, never an exception."""
    started = time.perf_counter()
    outcome = "ok"
    try:
        return served.answer(route, body)
    except RequestError as error:
        outcome = "refused"
        return JSONResponse(error.body(), status_code=error.status)
    finally:
        REQUESTS.labels(route, served.version, outcome).inc()
        SECONDS.labels(route, served.version).observe(time.perf_counter() - started)


def _api(served: Served, route: str) -> Any:
    """A BentoML API whose whole JSON body is the argument: our own checks name the field, for every route alike."""
    name = route.strip("/")

    async def endpoint(self: Any, body: Any, /) -> Any:  # noqa: ARG001 - BentoML calls it as a method
        return _answer(served, route, body)

    endpoint.__name__ = name
    endpoint.__annotations__ = {"body": Any, "return": Any}
    return bentoml.api(route=route, name=name)(endpoint)


def build(served: Served) -> Any:
    """The ASGI application of a BentoML service with all routes of the model."""
    apis = {route.strip("/"): _api(served, route) for route in served.routes}
    inner = type("ForebayModel", (), {"__doc__": f"{served.version} {served.digest}", **apis})
    service = bentoml.service(
        name=served.name,
        metrics={"enabled": True, "namespace": "bentoml_service"},
        logging={"access": {"enabled": False}},
    )(inner)
    service.mount_asgi_app(OpenInference(served).app(), path="/v2", name="v2")
    return service.to_asgi()
