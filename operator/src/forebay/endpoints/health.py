"""`/healthz` and `/readyz`: the answers to the kubelet's questions. Each is a list of named checks.

A process that is not healthy is started again; one that is not ready only waits. Answers hold no names of
objects: whoever reaches the port may read them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

Checks = Mapping[str, Callable[[], bool]]


def app(healthy: Checks, ready: Checks) -> web.Application:
    """The application; a path is 200 while all of its checks hold, else 503."""
    made = web.Application()
    made.router.add_get("/healthz", _answer(healthy))
    made.router.add_get("/readyz", _answer(ready))
    return made


def _answer(checks: Checks) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        found = {name: check() for name, check in checks.items()}
        lines = [f"{name} {'ok' if good else 'failed'}\n" for name, good in found.items()]
        return web.Response(text="".join(lines), status=200 if all(found.values()) else 503)

    return answer
