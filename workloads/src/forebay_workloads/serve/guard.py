"""The outermost ASGI layer: refuses what must not reach BentoML, and answers the index and OpenAPI pages.

BentoML's own index page loads scripts from elsewhere; ours loads nothing that this process does not serve.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from forebay_workloads.serve.keys import Keys, allowed
from forebay_workloads.serve.load import IN_PROGRESS

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 16 << 20  # bytes
REFUSED_TYPE = b"pickle"  # BentoML would unpickle bodies of this media type for some services (issue 5610 there)

_INDEX = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{name}</title>
<link rel="stylesheet" href="/static_content/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="/static_content/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({{url: "/docs.json", dom_id: "#swagger-ui"}})</script>
</body></html>
"""


class Guard:
    """Wraps the service: body limit (413), media type (415), JSON (400), `/` and `/docs.json`."""

    def __init__(
        self, app: App, openapi: dict[str, Any], max_body: int = MAX_BODY, keys: Keys | None = None
    ) -> None:
        self._app = app
        self._max_body = max_body
        self._keys = keys
        self._pages = {
            "/docs.json": (b"application/json", json.dumps(openapi).encode()),
            "/": (
                b"text/html; charset=utf-8",
                _INDEX.format(name=openapi["info"]["title"]).encode(),
            ),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        page = self._pages.get(scope["path"])
        if not allowed(self._keys, scope["path"], headers):
            message = "show a key: Authorization: Bearer KEY, or X-Api-Key: KEY"
            await _refuse(send, 401, message, (b"www-authenticate", b"Bearer"))
        elif page and scope["method"] in ("GET", "HEAD"):
            await _send(send, 200, *page)
        elif REFUSED_TYPE in headers.get(b"content-type", b"").lower():
            await _refuse(send, 415, "this content type is not accepted; send application/json")
        elif scope["method"] == "POST":
            await self._post(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reads the body before BentoML does: a length that lies and a body that is no JSON end here."""
        body = await self._read(receive)
        if body is None:
            await _refuse(send, 413, f"the body is larger than {self._max_body} bytes")
            return
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError as error:
            await _refuse(send, 400, f"the body is not JSON: {error}")
            return
        message: MutableMapping[str, Any] | None = {"type": "http.request", "body": body}

        async def replay() -> MutableMapping[str, Any]:
            nonlocal message
            first, message = message, None
            return first if first is not None else await receive()

        with IN_PROGRESS.track_inprogress():
            await self._app(scope, replay, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body, or None when it is over the limit."""
        parts, size = [], 0
        while True:
            message = await receive()
            part = message.get("body", b"")
            size += len(part)
            if size > self._max_body:
                return None
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)


async def _refuse(send: Send, status: int, message: str, *more: tuple[bytes, bytes]) -> None:
    body = json.dumps({"error": message, "field": ""}).encode()
    await _send(send, status, b"application/json", body, *more)


async def _send(
    send: Send, status: int, kind: bytes, body: bytes, *more: tuple[bytes, bytes]
) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
