"""When the cached port lists: all kinds before anything is decided, then each now and then, and after a gap.

Owned by the operator's process. kopf lists again when a watch was away for too long, and says nothing of what was
deleted meanwhile: an event of a listing that comes later than the first one is the sign of such a gap.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable

import structlog

from forebay.errors import KubeError
from forebay.kube.cached import CachedKube
from forebay.kube.port import Kind, Obj, kind_of

log = structlog.get_logger(__name__)
EVERY = 600.0  # seconds between two lists of a kind
_SETTLED = 60.0  # seconds after the first lists in which a listing of kopf is still its first
_GATHER = 2.0  # seconds to wait for more signs of the same gap
_BACK_OFF = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0)  # seconds, jittered; the last one for ever


class Resync:
    """Keeps a CachedKube true. `changed` is told of what was found that no watch had told."""

    def __init__(self, kube: CachedKube, changed: Callable[[Obj], None]) -> None:
        self._kube = kube
        self._changed = changed
        self._suspects: set[Kind] = set()
        self._gap = asyncio.Event()
        self._since = float("inf")  # when the first lists were done

    async def first(self) -> None:
        """Returns when every kind has been listed, however long that takes: CRDs may come later than we do."""
        for kind in self._kube.watched:
            await self._persist(kind)
        self._since = time.monotonic()
        log.info("listed", objects=self._kube.size)

    async def _persist(self, kind: Kind) -> list[Obj]:
        tries = 0
        while True:
            try:
                return await self._kube.sync(kind)
            except KubeError as error:
                wait = _BACK_OFF[min(tries, len(_BACK_OFF) - 1)] * random.uniform(0.5, 1.0)
                tries += 1
                log.warning(
                    "cannot list", kind=kind.kind, error=str(error), again_in=round(wait, 1)
                )
                await asyncio.sleep(wait)

    def hear(self, kind: str | None, obj: Obj) -> None:
        """An event of a watch; None is the word for an object of a listing."""
        self._kube.hear(kind, obj)
        if kind is None and time.monotonic() - self._since > _SETTLED:
            self._suspects.add(kind_of(obj))
            self._gap.set()

    async def run(self) -> None:
        """Lists again, now and then and after each gap, until it is cancelled."""
        while True:
            await self._check(await self._due())

    async def _due(self) -> Iterable[Kind]:
        try:
            await asyncio.wait_for(self._gap.wait(), EVERY * random.uniform(0.9, 1.1))
        except TimeoutError:
            return self._kube.watched
        await asyncio.sleep(_GATHER)
        self._gap.clear()
        found, self._suspects = self._suspects, set()
        return [kind for kind in self._kube.watched if kind in found]

    async def _check(self, kinds: Iterable[Kind]) -> None:
        for kind in kinds:
            for obj in await self._persist(kind):
                self._changed(obj)
