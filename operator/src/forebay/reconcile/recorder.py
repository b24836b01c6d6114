"""Who writes events: at once, within the pass; or beside the passes, so that no status waits for an event.

Made where the Reconciler is made. The embedded plane writes at once: its events are there when a pass is over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog

from forebay.kube.port import Kube, Obj
from forebay.plan.types import Event
from forebay.reconcile import events

log = structlog.get_logger(__name__)
LIMIT = 5000  # events that wait; what is older goes first: an event is a courtesy, memory is not
_STAND_BACK = 0.1  # seconds


class Recorder(Protocol):
    """Takes events about objects."""

    async def record(self, obj: Obj, event: Event, now: datetime) -> None:
        """Sees to it that the event is written. Never raises a KubeError."""


class AtOnce:
    """Writes within the pass."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def record(self, obj: Obj, event: Event, now: datetime) -> None:
        """Writes the event."""
        await events.write(self._kube, events.build(obj, event, now))


class Beside:
    """Writes one event after the other while `run` runs, in the order in which they came.

    It stands back while `urgent` says that there are objects without any status.
    """

    def __init__(
        self, kube: Kube, urgent: Callable[[], bool] = lambda: False, limit: int = LIMIT
    ) -> None:
        self._kube = kube
        self._urgent = urgent
        self._waiting: deque[Obj] = deque(maxlen=limit)
        self._news = asyncio.Event()

    async def record(self, obj: Obj, event: Event, now: datetime) -> None:
        """Notes the event."""
        if len(self._waiting) == self._waiting.maxlen:
            log.warning("an event is dropped", name=self._waiting[0]["involvedObject"]["name"])
        self._waiting.append(events.build(obj, event, now))
        self._news.set()

    async def run(self) -> None:
        """Writes until it is cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                while self._urgent():
                    await asyncio.sleep(_STAND_BACK)
                await events.write(self._kube, self._waiting.popleft())
