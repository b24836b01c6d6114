"""Whether this process lives: its heart, its tasks, and the port on which it says so. Owned by process.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from forebay.endpoints import health
from forebay.endpoints.heart import Heart
from forebay.endpoints.pulse import Pulse
from forebay.endpoints.web import Site
from forebay.handlers.environment import Environment
from forebay.kube.port import CONFIG_MAP, Kube, Obj, Ref


class Vital:
    """Signs of life. Without a namespace of its own (no pod) there is no heartbeat, and nothing is missing."""

    def __init__(
        self, kube: Kube, environment: Environment, namespaces: tuple[str, ...] = ()
    ) -> None:
        self.pulse = Pulse()
        ref = heartbeat(environment, namespaces)
        self._heart = Heart(kube, ref, self.pulse) if ref is not None else None
        self._port = environment.health_port

    def hears(self, obj: Obj) -> bool:
        """Whether an object of a watch is our own heartbeat: then nobody else has to look at it."""
        return self._heart is not None and self._heart.hears(obj)

    def sites(
        self, tasks: Sequence[asyncio.Task[None]], listed: Callable[[], bool]
    ) -> tuple[Site, ...]:
        """The port that the kubelet asks; () for none."""
        heard = lambda: self._heart is None or self.pulse.begun  # noqa: E731
        healthy = {
            "tasks": lambda: not any(task.done() for task in tasks),
            "watch": lambda: self.pulse.alive(time.monotonic()),
        }
        ready = {**healthy, "listed": listed, "heard": heard}
        return (Site(health.app(healthy, ready), self._port),) if self._port else ()

    async def run(self) -> None:
        """Beats until it is cancelled. Called once everything is listed: then a watch is to be expected."""
        if self._heart is not None:
            await self._heart.run()


def heartbeat(environment: Environment, namespaces: tuple[str, ...]) -> Ref | None:
    """The heartbeat's name: in our own namespace if that is watched, else in the first one that is."""
    if not environment.namespace:
        return None
    own = not namespaces or environment.namespace in namespaces
    where = environment.namespace if own else namespaces[0]
    return Ref(CONFIG_MAP, where, f"{environment.name}-heartbeat")
