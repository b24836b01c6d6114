"""A level-based control loop: looks at all objects of a kind after any change, or when time says so.

Base of jobs.py, deployments.py and services.py. A state folder holds few objects, so each pass reads them
all; what one object has wrong does not keep the others waiting.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress

import structlog

from forebay.errors import KubeError
from forebay.kube.port import POD, Kind, Kube, Obj

log = structlog.get_logger(__name__)
_AFTER_ERROR = 1.0  # seconds


class Controller(ABC):
    """Subclasses say which kind they look after and what one look does."""

    kind: Kind

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._woken = asyncio.Event()
        self.looked = asyncio.Event()  # set once every object was looked at

    @abstractmethod
    async def look(self, obj: Obj, pods: Sequence[Obj]) -> float | None:
        """Brings one object closer to its spec; `pods` are all pods. Seconds until the next look, or None."""

    async def forget(self, known: set[str]) -> None:  # noqa: B027 - most hold nothing
        """Told the uids that exist, so that what belongs to others can be dropped."""

    async def run(self) -> None:
        """Looks until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind in (self.kind, POD):
                group.create_task(self._watch(kind))
            group.create_task(self._passes())

    async def _watch(self, kind: Kind) -> None:
        async for _ in self._kube.watch(kind):
            self._woken.set()

    async def _passes(self) -> None:
        while True:
            self._woken.clear()
            again = await self.look_once()
            self.looked.set()
            # Not wait_for: in Python 3.11 it can swallow a cancellation that meets the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(None if again is None else max(again, 0.01)):
                    await self._woken.wait()

    async def look_once(self) -> float | None:
        """Looks at every object; seconds until the next pass is due by itself."""
        try:
            pods, objects = await self._kube.list(POD), await self._kube.list(self.kind)
            await self.forget({obj["metadata"]["uid"] for obj in objects})
        except KubeError as error:
            log.warning("pass failed", controller=type(self).__name__, error=str(error))
            return _AFTER_ERROR
        waits = [await self._try(obj, pods) for obj in objects]
        return min((wait for wait in waits if wait is not None), default=None)

    async def _try(self, obj: Obj, pods: Sequence[Obj]) -> float | None:
        if obj["metadata"].get("deletionTimestamp"):
            return None
        try:
            return await self.look(obj, pods)
        except KubeError as error:
            log.warning(
                "look failed", kind=obj["kind"], name=obj["metadata"]["name"], error=str(error)
            )
        except Exception:  # one object's bug must not stop the others
            log.exception("look crashed", kind=obj["kind"], name=obj["metadata"]["name"])
        return _AFTER_ERROR
