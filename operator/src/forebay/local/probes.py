"""HTTP probes of a pod's container, with Kubernetes' meaning of startup, readiness and liveness. Used by pods.py."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any


class Probe:
    """One probe and its counts. Without a definition it counts as succeeded."""

    def __init__(self, definition: Mapping[str, Any] | None) -> None:
        self._definition = definition
        self._failures = 0
        self._next = 0.0
        self.passed = definition is None
        self.failed = False

    async def tick(self, now: float, ports: Mapping[str, int]) -> None:
        """Asks when it is time; updates `passed` (last answer) and `failed` (threshold reached)."""
        if self._definition is None or now < self._next:
            return
        self._next = now + float(self._definition.get("periodSeconds", 10))
        get = self._definition["httpGet"]
        timeout = float(self._definition.get("timeoutSeconds", 1))
        port = ports.get(str(get["port"])) or int(get["port"])
        if await _answers(port, str(get.get("path", "/")), timeout):
            self._failures, self.passed, self.failed = 0, True, False
            return
        self._failures += 1
        if self._failures >= int(self._definition.get("failureThreshold", 3)):
            self.passed, self.failed = False, True


async def _answers(port: int, path: str, timeout: float) -> bool:
    """True for a status from 200 to 399 within `timeout` seconds."""
    with suppress(OSError, TimeoutError, ValueError, IndexError):
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(
                    f"GET {path} HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n".encode()
                )
                status = int((await reader.readline()).split()[1])
                return 200 <= status < 400  # noqa: PLR2004 - HTTP's own classes
            finally:
                writer.close()
    return False
