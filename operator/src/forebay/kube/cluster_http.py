"""One request to a real API server: dicts in, dicts out, errors as ours. Called by cluster.py and cluster_watch.py.

The generic call of kubernetes.aio is used, not its models: they would lose fields that this client version
does not know.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from forebay.errors import Unavailable
from forebay.kube.cluster_answers import error

APPLY = "application/apply-patch+yaml"
JSON = "application/json"
Query = Sequence[tuple[str, str]]
Told = Callable[[str, str], None]
_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=10)  # seconds
_OK = range(200, 300)


class Http:
    """Requests through one `kubernetes.aio.client.ApiClient`, which must be made inside the running loop."""

    def __init__(self, api: Any, told: Told = lambda *_: None) -> None:
        """`told` hears of each request: its method, and the HTTP status or "none"."""
        self._api = api
        self._told = told
        self._closed = False

    async def json(self, method: str, path: str, body: Any = None, query: Query = ()) -> Any:
        """The answer's JSON. Raises a KubeError; a PATCH is an apply."""
        text = await self.text(method, path, body, query)
        try:
            return json.loads(text)
        except ValueError as broken:  # a proxy in between
            raise Unavailable(
                0, "Unavailable", f"{method} {path}: no JSON: {text[:80]}"
            ) from broken

    async def text(self, method: str, path: str, body: Any = None, query: Query = ()) -> str:
        """The answer's text. Raises a KubeError."""
        async with self._open(method, path, body, query, limits=_TIMEOUT) as response:
            return str(await response.text())

    @asynccontextmanager
    async def stream(
        self, path: str, query: Query, silence: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A watch's answer, chunk by chunk as it comes. Raises Unavailable after `silence` seconds without any."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=silence)
        async with self._open("GET", path, None, query, limits=limits) as response:
            yield response.content.iter_any()

    @asynccontextmanager
    async def _open(
        self, method: str, path: str, body: Any, query: Query, *, limits: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Accept": "application/json, */*"}
        if body is not None:
            headers["Content-Type"] = APPLY if method == "PATCH" else JSON
        try:
            request = await self._api.param_serialize(
                method=method,
                resource_path=path,
                query_params=list(query),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            answer = (await self._api.call_api(*request, _request_timeout=limits)).response
            async with answer:
                self._told(method, str(answer.status))
                if answer.status not in _OK:
                    wait = answer.headers.get("Retry-After", "")
                    raise error(answer.status, await answer.text(), wait)
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as broken:
            self._told(method, "none")
            said = str(broken) or type(broken).__name__
            raise Unavailable(0, "Unavailable", f"{method} {path}: {said}") from broken

    async def close(self) -> None:
        """Frees connections; may be called twice."""
        if not self._closed:
            self._closed = True
            await self._api.close()
