"""Probes of a pod's container, with Kubernetes' meaning of startup, readiness and liveness. Used by worker.py.

Until the first good answer a probe asks more often than its period says: on one machine nobody should wait
for the next beat. Failures still count by the period, so a slow start has all the time it was given.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

HOST = "127.0.0.1"
_EAGER = 0.15  # seconds between two questions before the first good answer

Ready = Callable[[bool], Awaitable[None]]


@dataclass(frozen=True)
class Probe:
    """One probe as its definition says; times in seconds."""

    port: int
    path: str | None  # None: a TCP connection is enough
    delay: float
    period: float
    limit: int
    timeout: float

    @classmethod
    def of(cls, definition: Mapping[str, Any] | None, ports: Mapping[str, int]) -> Probe | None:
        """The probe of a container whose named ports are `ports`; None when it has none."""
        if not definition:
            return None
        target = definition.get("httpGet") or definition["tcpSocket"]
        port = target["port"]
        return cls(
            port=ports[port] if port in ports else int(port),
            path=str(target.get("path", "/")) if "httpGet" in definition else None,
            delay=float(definition.get("initialDelaySeconds", 0)),
            period=float(definition.get("periodSeconds", 10)),
            limit=int(definition.get("failureThreshold", 3)),
            timeout=float(definition.get("timeoutSeconds", 1)),
        )

    async def ask(self) -> bool:
        """True for a connection, and for an HTTP status from 200 to 399, in time."""
        try:
            async with asyncio.timeout(self.timeout):
                return await _answers(self.port, self.path)
        except (OSError, TimeoutError, ValueError, IndexError):
            return False

    async def first_success(self) -> bool:
        """Asks until it is answered; False when it is not within `limit` periods."""
        await asyncio.sleep(self.delay)
        end = time.monotonic() + self.limit * self.period
        while not await self.ask():
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(min(_EAGER, self.period))
        return True

    async def failures(self) -> None:
        """Asks each period; returns when `limit` answers in a row were bad."""
        failed = 0
        while failed < self.limit:
            await asyncio.sleep(self.period)
            failed = 0 if await self.ask() else failed + 1


async def attend(container: Mapping[str, Any], ports: Mapping[str, int], on_ready: Ready) -> str:
    """Probes a container until it must be started again, and returns why; says when its readiness changes.

    A container without probes is ready once it started, and this never returns.
    """
    startup, readiness, liveness = (
        Probe.of(container.get(f"{name}Probe"), ports)
        for name in ("startup", "readiness", "liveness")
    )
    if startup is not None and not await startup.first_success():
        return "the startup probe got no answer in time"
    async with asyncio.TaskGroup() as group:
        ready = group.create_task(_follow_readiness(readiness, on_ready))
        await _until_dead(liveness)
        ready.cancel()
    return "the liveness probe got no answer"


async def _until_dead(probe: Probe | None) -> None:
    if probe is None:
        await asyncio.Event().wait()
        return
    await asyncio.sleep(probe.delay)
    await probe.failures()


async def _follow_readiness(probe: Probe | None, on_ready: Ready) -> None:
    if probe is None:
        await on_ready(True)
        return
    while True:
        if await probe.first_success():
            await on_ready(True)
            await probe.failures()
            await on_ready(False)


async def _answers(port: int, path: str | None) -> bool:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        if path is None:
            return True
        writer.write(f"GET {path} HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n".encode())
        status = int((await reader.readline()).split()[1])
        return 200 <= status < 400  # noqa: PLR2004 - HTTP's own classes
    finally:
        writer.close()
