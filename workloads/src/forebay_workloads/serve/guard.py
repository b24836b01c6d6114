"""The outermost ASGI layer: refuses what must not reach BentoML, and answers the index and OpenAPI pages.

BentoML's own index page loads scripts from elsewhere; ours loads nothing that this process does not serve.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

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


class _TooLarge(Exception):  # noqa: N818 - control flow inside this module
    """The body went over the limit while it was read."""


class Guard:
    """Wraps the service: body limit (413), media type (415), `/` and `/docs.json`."""

    def __init__(self, app: App, openapi: dict[str, Any], max_body: int = MAX_BODY) -> None:
        self._app = app
        self._max_body = max_body
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
        if page and scope["method"] in ("GET", "HEAD"):
            await _send(send, 200, *page)
        elif REFUSED_TYPE in headers.get(b"content-type", b"").lower():
            await _refuse(send, 415, "this content type is not accepted; send application/json")
        elif int(headers.get(b"content-length") or 0) > self._max_body:
            await _refuse(send, 413, f"the body is larger than {self._max_body} bytes")
        else:
            await self._limited(scope, receive, send)

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, counting the bytes of a body that did not say its length."""
        seen, started = 0, False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_body:
                raise _TooLarge
            return message

        async def noted(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except _TooLarge:
            if not started:
                await _refuse(send, 413, f"the body is larger than {self._max_body} bytes")


async def _refuse(send: Send, status: int, message: str) -> None:
    await _send(
        send, status, b"application/json", json.dumps({"error": message, "field": ""}).encode()
    )


async def _send(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
