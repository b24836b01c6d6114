"""An API server that knows which kinds there are and holds one DataStore: enough for the operator to start."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from forebay.kube.port import KINDS, Kind

_KINDS = (
    *KINDS.values(),
    Kind("v1", "Namespace", "namespaces"),
    Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions"),
)
_CLUSTERED = ("Namespace", "CustomResourceDefinition")

STORE = {
    "apiVersion": "forebay.dev/v1alpha1",
    "kind": "DataStore",
    "metadata": {
        "name": "local",
        "namespace": "shop",
        "uid": "u-1",
        "resourceVersion": "5",
        "generation": 1,
    },
    "spec": {"type": "embedded", "embedded": {}},
}
SPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "shop", "uid": "n", "resourceVersion": "1"},
}


def groups() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kind in _KINDS:
        group, _, version = kind.api_version.rpartition("/")
        if group:
            found.setdefault(group, set()).add(version)
    return found


class Discovery:
    """Answers every list with nothing but the one store, keeps watches open, notes what is written."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, Any]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/version", self.top)
        app.router.add_get("/api", self.top)
        app.router.add_get("/apis", self.top)
        app.router.add_get("/api/v1", self.resources)
        app.router.add_get("/apis/{group}/{version}", self.resources)
        app.router.add_patch("/{path:.*}", self.write)
        app.router.add_post("/{path:.*}", self.write)
        app.router.add_get("/{path:.*}", self.read)
        return app

    async def top(self, request: web.Request) -> web.Response:
        answers: dict[str, Any] = {
            "/version": {"major": "1", "minor": "36"},
            "/api": {"versions": ["v1"]},
            "/apis": {"groups": [self.group(g) for g in groups()]},
        }
        return web.json_response(answers[request.path])

    @staticmethod
    def group(name: str) -> dict[str, Any]:
        versions = [{"groupVersion": f"{name}/{v}", "version": v} for v in groups()[name]]
        return {"name": name, "versions": versions, "preferredVersion": versions[0]}

    async def resources(self, request: web.Request) -> web.Response:
        api_version = request.path.removeprefix("/apis/").removeprefix("/api/")
        kinds = [kind for kind in _KINDS if kind.api_version == api_version]
        verbs = ["list", "watch", "patch", "get", "create", "delete"]
        found = [
            {
                "name": kind.plural,
                "kind": kind.kind,
                "namespaced": kind.kind not in _CLUSTERED,
                "singularName": kind.kind.lower(),
                "verbs": verbs,
            }
            for kind in kinds
        ]
        return web.json_response({"groupVersion": api_version, "resources": found})

    async def write(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.written.append((request.method, request.path, body))
        return web.json_response(
            {**body, "metadata": {**body["metadata"], "resourceVersion": "6", "uid": "u"}}
        )

    async def read(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch"):
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"")
            await asyncio.sleep(60)
            return response
        if request.path.endswith("/datastores/local"):
            return web.json_response(STORE)
        last = request.path.rsplit("/", 1)[1]
        if last not in {kind.plural for kind in _KINDS}:
            gone = {"kind": "Status", "code": 404, "reason": "NotFound", "message": f"no {last}"}
            return web.json_response(gone, status=404)
        items = {"datastores": [STORE], "namespaces": [SPACE]}.get(last, [])
        text = json.dumps(
            {
                "kind": "List",
                "apiVersion": "v1",
                "metadata": {"resourceVersion": "5"},
                "items": items,
            }
        )
        return web.Response(text=text, content_type="application/json")
