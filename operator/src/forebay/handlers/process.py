"""The running operator: its API client, its reconciler, its metrics. Started and stopped by lifecycle.py.

When the reconciler ends by itself the process ends too: a pod that is started again is better than one that
hears everything and does nothing.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any, Self

import structlog
from prometheus_client import start_http_server

from forebay.handlers.environment import Environment
from forebay.kube.cluster import ClusterKube
from forebay.kube.port import Kube, Obj
from forebay.metrics import ReconcileMetrics
from forebay.reconcile.loop import Reconciler
from forebay.reconcile.triggers import react

log = structlog.get_logger(__name__)


class Process:
    """Made inside kopf's event loop, once."""

    def __init__(self, kube: Kube, environment: Environment) -> None:
        self._kube = kube
        self._metrics = ReconcileMetrics()
        self._port = environment.metrics_port
        self._server: tuple[Any, Any] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.reconciler = Reconciler(kube, environment.settings, watcher=self._metrics)

    @classmethod
    async def connected(cls, environment: Environment) -> Self:
        """With the API server that the pod or the kubeconfig names."""
        return cls(await ClusterKube.connect(), environment)

    def start(self) -> None:
        """Begins to work; returns at once."""
        if self._port:
            self._server = start_http_server(self._port, registry=self._metrics.registry)
        for work in (self.reconciler.run(), self._metrics.watch_loop()):
            task = asyncio.get_running_loop().create_task(work)
            task.add_done_callback(_ended)
            self._tasks.append(task)

    def heard(self, obj: Obj) -> None:
        """A change of an object of a watched kind: wakes whom it concerns."""
        react(self.reconciler, obj)

    async def stop(self) -> None:
        """Ends the work and frees the connections; may be called twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._server is not None:
            server, thread = self._server
            server.shutdown()
            server.server_close()
            thread.join()
            self._server = None
        await self._kube.close()


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        log.critical("the operator cannot go on", error=repr(task.exception()))
        signal.raise_signal(signal.SIGTERM)
