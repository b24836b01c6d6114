"""A level-based control loop: sweep all objects after any change of the watched kinds, or when time says so.

Base of jobs.py, deployments.py and services.py. A state folder holds few objects, so a sweep reads them all.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress

import structlog

from forebay.errors import KubeError
from forebay.kube.port import Kind, Kube

log = structlog.get_logger(__name__)
_AT_LEAST_EVERY = 5.0  # seconds
_AFTER_ERROR = 1.0


class Controller(ABC):
    """Subclasses say which kinds wake them and what a sweep does."""

    kinds: tuple[Kind, ...]

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._woken = asyncio.Event()

    @abstractmethod
    async def sweep(self) -> float | None:
        """Looks at everything once; seconds until it should look again, or None."""

    async def run(self) -> None:
        """Sweeps until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind in self.kinds:
                group.create_task(self._watch(kind))
            group.create_task(self._sweeps())

    async def _watch(self, kind: Kind) -> None:
        async for _ in self._kube.watch(kind):
            self._woken.set()

    async def _sweeps(self) -> None:
        while True:
            self._woken.clear()
            try:
                again = await self.sweep()
            except KubeError as error:
                log.warning("sweep failed", controller=type(self).__name__, error=str(error))
                again = _AFTER_ERROR
            with suppress(TimeoutError):
                wait = _AT_LEAST_EVERY if again is None else min(again, _AT_LEAST_EVERY)
                await asyncio.wait_for(self._woken.wait(), max(wait, 0.01))


def earliest(first: float | None, second: float | None) -> float | None:
    """The smaller of two times; None is never."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
