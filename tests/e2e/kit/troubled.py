"""The way to the API server with troubles on it: a proxy whose answers a test may change while it runs."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Self

import aiohttp
from aiohttp import web

Answers = Callable[[web.Request], web.Response | None]
Watches = Callable[[AsyncIterator[bytes], web.StreamResponse], Coroutine[None, None, None]]
_OWN = ("Transfer-Encoding", "Content-Length", "Content-Encoding", "Connection", "Host")


def passed(_: web.Request) -> None:
    """No trouble with requests."""


async def copied(lines: AsyncIterator[bytes], out: web.StreamResponse) -> None:
    """No trouble with watches."""
    async for line in lines:
        await out.write(line)


def ended_after(seconds: float) -> Watches:
    """Each watch ends after some seconds, as a server may end it (F01)."""

    async def copy(lines: AsyncIterator[bytes], out: web.StreamResponse) -> None:
        try:
            async with asyncio.timeout(seconds):
                await copied(lines, out)
        except TimeoutError:
            return

    return copy


async def gone(_: AsyncIterator[bytes], out: web.StreamResponse) -> None:
    """The events since then are not there any more, said inside of the stream (F02)."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410}
    error = {**status, "reason": "Expired", "message": "too old resource version"}
    await out.write(json.dumps({"type": "ERROR", "object": error}).encode() + b"\n")


async def silent(_: AsyncIterator[bytes], __: web.StreamResponse) -> None:
    """A connection that lives and says nothing (F03)."""
    await asyncio.get_running_loop().create_future()


async def torn(lines: AsyncIterator[bytes], out: web.StreamResponse) -> None:
    """The stream ends in the middle of a line (F04)."""
    async for line in lines:
        await out.write(line[: len(line) // 2])
        return


@dataclass
class Seen:
    """One request that came by."""

    at: float  # seconds of the monotonic clock
    method: str
    path: str
    watch: bool
    status: int


@dataclass
class Troubled:
    """Use it with `with`. `answers` decides about each request, `watches` about each stream; both may be set anew."""

    server: str  # where requests go, plain HTTP
    answers: Answers = passed
    watches: Watches = copied
    seen: list[Seen] = field(default_factory=list)
    port: int = 0
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """What a kubeconfig names."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def watching(self) -> int:
        """Watches that are open."""
        return len(self._open)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> None:
        limits = aiohttp.ClientTimeout(total=None)
        self._client = aiohttp.ClientSession(self.server, timeout=limits, auto_decompress=False)
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        handlers = asyncio.all_tasks() - {asyncio.current_task()}
        for task in self._open:
            task.cancel()
        await self._runner.cleanup()
        if handlers:
            await asyncio.wait(handlers, timeout=5)
        await self._client.close()

    def cut(self) -> None:
        """Ends every watch that is open, so that the next ones meet the trouble that was set."""
        for task in tuple(self._open):
            self._loop.call_soon_threadsafe(task.cancel)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        watch = request.query.get("watch") in ("true", "1")
        answer = self.answers(request)
        if answer is None:
            answer = await (self._watch(request) if watch else self._pass(request))
        one = Seen(time.monotonic(), request.method, request.path, watch, answer.status)
        self.seen.append(one)
        return answer

    def _upstream(self, request: web.Request, body: bytes) -> aiohttp.client._RequestContextManager:
        headers = {k: v for k, v in request.headers.items() if k not in _OWN}
        return self._client.request(
            request.method, request.rel_url, headers=headers, data=body or None
        )

    async def _pass(self, request: web.Request) -> web.Response:
        async with self._upstream(request, await request.read()) as answer:
            headers = {k: v for k, v in answer.headers.items() if k not in _OWN[:2]}
            return web.Response(body=await answer.read(), status=answer.status, headers=headers)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        async with self._upstream(request, b"") as answer:
            out = web.StreamResponse(status=answer.status)
            out.content_type = "application/json"
            await out.prepare(request)
            copying = asyncio.ensure_future(self.watches(_lines(answer), out))
            self._open.add(copying)
            try:
                await asyncio.wait({copying})
            finally:
                copying.cancel()
                self._open.discard(copying)
            return out


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in answer.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
