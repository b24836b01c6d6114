"""`POST /v1/progress`: a stage's pod tells how far it is; the board takes it, and the status in its own time.

Answers say as little as possible: 204, or why not in one word of HTTP. Nothing here writes to the API server.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from forebay.endpoints import report
from forebay.endpoints.callers import Caller, Callers, Refused
from forebay.endpoints.limits import Buckets
from forebay.errors import KubeError
from forebay.manifests.progress import PATH
from forebay_workloads.contract import Progress

log = structlog.get_logger(__name__)
_RATE = (2.0, 10.0)  # reports of one pod: a second, at once
_AT_ONCE = 64  # requests in work; more are told to come again
_PATIENCE = 5.0  # seconds for a body of 16 KiB to arrive
_COMPLAIN = 60.0  # seconds between two lines of the log about one trouble
_SCHEME = "Bearer "

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Put = Callable[[str, str, Progress], None]
Count = Callable[[int], None]


class ProgressEndpoint:
    """Takes reports of `callers` and hands them to `put`; `count` is told of each answer."""

    def __init__(
        self,
        callers: Callers,
        put: Put,
        count: Count = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._callers, self._put, self._count, self._clock = callers, put, count, clock
        self._rates = Buckets(*_RATE)
        self._silent_until = 0.0
        self._room = asyncio.Semaphore(_AT_ONCE)

    def app(self) -> web.Application:
        """The application."""
        made = web.Application(client_max_size=report.LIMIT, middlewares=[self._guard])
        made.router.add_post(PATH, self._post)
        return made

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every answer is counted, and none shows what went wrong within."""
        try:
            answer = await self._admitted(request, handler)
        except Refused as refused:
            answer = _refusal(refused)
        except web.HTTPException as plain:
            answer = web.Response(status=plain.status, text=plain.reason)
        except KubeError as error:
            self._complain(error)
            answer = _refusal(Refused(503, "try again", 5.0))
        except Exception:
            log.exception("progress report crashed")
            answer = web.Response(status=500)
        self._count(answer.status)
        return answer

    def _complain(self, error: KubeError) -> None:
        """Once a minute: pods ask again and again."""
        if self._clock() >= self._silent_until:
            self._silent_until = self._clock() + _COMPLAIN
            log.warning("progress not judged", error=str(error))

    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._room.locked():
            raise Refused(503, "busy", 1.0)
        async with self._room:
            return await handler(request)

    async def _post(self, request: web.Request) -> web.Response:
        caller = await self._callers.of(_token(request))
        if wait := self._rates.wait(caller.pod, self._clock()):
            raise Refused(429, "too many reports", wait)
        self._put(caller.namespace, caller.run, await self._read(request, caller))
        return web.Response(status=204)

    async def _read(self, request: web.Request, caller: Caller) -> Progress:
        if (request.content_length or 0) > report.LIMIT:
            raise Refused(413, "too large")
        try:
            async with asyncio.timeout(_PATIENCE):
                body = await request.read()
        except TimeoutError as slow:
            raise Refused(408, "too slow") from slow
        try:
            return report.parse(body, caller.stage)
        except ValueError as garbage:
            raise Refused(400, f"not progress: {garbage}"[:80]) from garbage


def _token(request: web.Request) -> str:
    given = request.headers.get("Authorization", "")
    return given.removeprefix(_SCHEME).strip() if given.startswith(_SCHEME) else ""


def _refusal(refused: Refused) -> web.Response:
    answer = web.Response(status=refused.status, text=str(refused))
    if refused.status == 401:  # noqa: PLR2004 - HTTP's own word for it
        answer.headers["WWW-Authenticate"] = "Bearer"
    if refused.wait:
        answer.headers["Retry-After"] = str(max(1, math.ceil(refused.wait)))
    if refused.status in (408, 413):
        answer.force_close()
    return answer
