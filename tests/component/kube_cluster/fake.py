"""A small API server over HTTP: enough of its manners to try the adapter, none of its rules."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web


def status(code: int, reason: str, message: str, causes: list[dict] | None = None) -> web.Response:
    body: dict[str, Any] = {"kind": "Status", "code": code, "reason": reason, "message": message}
    if causes:
        body["details"] = {"causes": causes}
    return web.json_response(body, status=code)


class FakeServer:
    """Objects by path; `refuse` holds answers for the next requests, `watches` scripts for the next watches."""

    def __init__(self) -> None:
        self.objects: dict[str, dict] = {}
        self.version = 100
        self.requests: list[web.Request] = []
        self.bodies: list[Any] = []
        self.refuse: list[web.Response] = []
        self.watches: list[list[Any]] = []
        self.page = 500
        self.log: dict[str, str] = {}

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        return app

    def put(self, path: str, **meta: Any) -> dict:
        self.version += 1
        name = path.rsplit("/", 1)[1]
        found = {"metadata": {"name": name, "namespace": "shop", "uid": f"u-{name}", **meta}}
        found["metadata"]["resourceVersion"] = str(self.version)
        self.objects[path] = found
        return found

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.json() if request.can_read_body else None)
        if request.query.get("watch"):
            return await self.watch(request)
        if self.refuse:
            return self.refuse.pop(0)
        return getattr(self, request.method.lower())(request)

    def get(self, request: web.Request) -> web.Response:
        if request.path.endswith("/log"):
            if request.path not in self.log:
                return status(400, "BadRequest", "container is waiting to start")
            return web.Response(text=self.log[request.path])
        if request.path in self.objects:
            return web.json_response(self.objects[request.path])
        if request.path.endswith("/jobs"):
            return self.listing(request)
        return status(404, "NotFound", "not found")

    def listing(self, request: web.Request) -> web.Response:
        start = int(request.query.get("continue", 0))
        name = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
        jobs = [o for p, o in self.objects.items() if "/jobs/" in p]
        found = [o for o in jobs if name in ("", o["metadata"]["name"])]
        meta: dict[str, Any] = {"resourceVersion": str(self.version)}
        if start + self.page < len(found):
            meta["continue"] = str(start + self.page)
        return web.json_response({"items": found[start : start + self.page], "metadata": meta})

    def patch(self, request: web.Request) -> web.Response:
        body = dict(self.bodies[-1])
        self.version += 1
        body["metadata"] = {**body["metadata"], "resourceVersion": str(self.version), "uid": "u-1"}
        code = 200 if request.path in self.objects else 201
        self.objects[request.path] = body
        return web.json_response(body, status=code)

    def post(self, request: web.Request) -> web.Response:
        path = f"{request.path}/{self.bodies[-1]['metadata']['name']}"
        if path in self.objects:
            return status(409, "AlreadyExists", "exists")
        self.objects[path] = self.bodies[-1]
        return web.json_response(self.bodies[-1], status=201)

    def delete(self, request: web.Request) -> web.Response:
        found = self.objects.get(request.path)
        if found is None:
            return status(404, "NotFound", "not found")
        wanted = (self.bodies[-1].get("preconditions") or {}).get("uid")
        if wanted and wanted != found["metadata"]["uid"]:
            return status(409, "Conflict", "the UID in the precondition does not match")
        del self.objects[request.path]
        return web.json_response({"kind": "Status", "status": "Success"})

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """Plays one script: dicts are events, a Response is an answer, None hangs up in the middle."""
        script = self.watches.pop(0) if self.watches else []
        if script and isinstance(script[0], web.Response):
            return script[0]
        response = web.StreamResponse()
        await response.prepare(request)
        for entry in script:
            if entry is None:
                request.transport.close()  # type: ignore[union-attr]  # it is open
                return response
            line = json.dumps(entry).encode() + b"\n"
            await response.write(line[:7])
            await asyncio.sleep(0)
            await response.write(line[7:])
        if not script:
            await asyncio.sleep(3600)
        return response
