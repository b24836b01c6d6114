"""Which optional APIs a real API server has. Called by cluster.py; decides nothing with the answer.

Discovery is open to every account that is logged in, so this works with rights in one namespace only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from forebay.errors import KubeError, NotFound

log = structlog.get_logger(__name__)
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "gateway.networking.k8s.io/v1": ("HTTPRoute",),
    "jobset.x-k8s.io/v1alpha2": ("JobSet",),
    "keda.sh/v1alpha1": ("ScaledObject", "TriggerAuthentication"),
    "kueue.x-k8s.io/v1beta1": ("LocalQueue",),
    "kueue.x-k8s.io/v1beta2": ("LocalQueue",),
    "resource.k8s.io/v1": ("ResourceClaimTemplate",),
}
"""Kinds by group and version: what a plan may use when it is there and can do without."""

FRESH = 30.0  # seconds that an answer is good for: an installed kind is used within that time
_AFTER_ERROR = 5.0  # seconds until a group that could not be asked is asked again
Ask = Callable[[str], Awaitable[Any]]
"""GET of a path: the answer's JSON. Raises KubeError."""


class Discovery:
    """Asks at most every FRESH seconds, once for all who want to know."""

    def __init__(self, ask: Ask, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = asyncio.Lock()
        self._due = float("-inf")
        self._found: dict[str, frozenset[str]] = {}  # by group and version

    async def apis(self) -> frozenset[str]:
        """What is installed, as "group/version/Kind". A group that does not answer is what it was last.

        Raises the KubeError when it never answered: «not installed» would be a guess, and acted upon.
        """
        async with self._lock:
            if self._clock() >= self._due:
                await self._look()
        return frozenset().union(*self._found.values())

    async def _look(self) -> None:
        answers = await asyncio.gather(
            *(self._kinds(version) for version in OPTIONAL), return_exceptions=True
        )
        wait = FRESH
        for version, answer in zip(OPTIONAL, answers, strict=True):
            if isinstance(answer, frozenset):
                self._found[version] = answer
                continue
            if not isinstance(answer, KubeError) or version not in self._found:
                raise answer
            log.warning("discovery failed", api=version, error=str(answer))
            wait = _AFTER_ERROR
        self._due = self._clock() + wait

    async def _kinds(self, version: str) -> frozenset[str]:
        try:
            answer = await self._ask(f"/apis/{version}")
        except NotFound:
            return frozenset()
        served = {str(entry.get("kind")) for entry in answer.get("resources") or []}
        return frozenset(f"{version}/{kind}" for kind in OPTIONAL[version] if kind in served)
