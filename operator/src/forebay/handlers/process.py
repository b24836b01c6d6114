"""The running operator: its API client, its reconciler, its metrics. Started and stopped by lifecycle.py.

When the reconciler ends by itself the process ends too: a pod that is started again is better than one that
hears everything and does nothing.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from typing import Any, Self

import structlog
from prometheus_client import disable_created_metrics, start_http_server

from forebay.handlers.environment import Environment
from forebay.handlers.options import WATCHED
from forebay.handlers.pushed import Prepared, Pushed, prepared
from forebay.handlers.vital import Vital
from forebay.kube.cached import CachedKube, Source
from forebay.kube.cluster import ClusterKube
from forebay.kube.port import Obj
from forebay.kube.resync import Resync
from forebay.manifests.labels import FEED, MODEL, OWNER_UID
from forebay.metrics import ReconcileMetrics
from forebay.reconcile.loop import Reconciler
from forebay.reconcile.recorder import Beside
from forebay.reconcile.triggers import react

log = structlog.get_logger(__name__)


class Process:
    """Made inside kopf's event loop, once."""

    def __init__(
        self,
        source: Source,
        environment: Environment,
        namespaces: tuple[str, ...] = (),
        *,
        metrics: ReconcileMetrics | None = None,
        start: Prepared | None = None,
    ) -> None:
        self._kube = CachedKube(source, WATCHED, (OWNER_UID, MODEL, FEED), namespaces)
        self._metrics = metrics or ReconcileMetrics()
        self._port = environment.metrics_port
        self._server: tuple[Any, Any] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._vital = Vital(self._kube, environment, namespaces)
        self._recorder = Beside(self._kube, lambda: self.reconciler.urgent)
        self.reconciler = Reconciler(
            self._kube,
            environment.settings,
            watcher=self._metrics,
            recorder=self._recorder,
            witness=self._metrics.witness,
        )
        put, count = self.reconciler.board.put, self._metrics.report
        self._pushed = Pushed(self._kube, start or Prepared(environment), put, count)
        self._metrics.follow(
            lambda: self.reconciler.queued,
            lambda: self._kube.size,
            lambda: self._vital.pulse.delay,
        )
        self._resync = Resync(self._kube, lambda obj: react(self.reconciler, obj))
        self._listed, self._open = asyncio.Event(), asyncio.Event()

    @classmethod
    async def connected(cls, environment: Environment, namespaces: tuple[str, ...] = ()) -> Self:
        """With the API server that the pod or the kubeconfig names; () is all of its namespaces."""
        metrics = ReconcileMetrics()
        cluster = await ClusterKube.connect(metrics.request)
        start = await prepared(cluster, environment)
        return cls(cluster, start.environment, namespaces, metrics=metrics, start=start)

    def start(self) -> None:
        """Begins to work; returns at once."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each one, unread
        if self._port:
            self._server = start_http_server(self._port, registry=self._metrics.registry)
        for work in (self._serve(), self._work(), self._metrics.watch_loop()):
            task = asyncio.get_running_loop().create_task(work)
            task.add_done_callback(_ended)
            self._tasks.append(task)

    async def _serve(self) -> None:
        """Answers on our own ports until it is cancelled."""
        async with AsyncExitStack() as open_:
            vital = self._vital.sites(self._tasks, self._listed.is_set)
            for site in (*vital, *self._pushed.sites()):
                open_.push_async_callback(site.stop)
                await site.start()
            self._open.set()
            await asyncio.get_running_loop().create_future()

    async def _work(self) -> None:
        """Nothing is decided before everything was read once."""
        await self._resync.first()
        self._listed.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.reconciler.run())
            group.create_task(self._resync.run())
            group.create_task(self._recorder.run())
            group.create_task(self._vital.run())
            group.create_task(self._pushed.run())

    async def started(self) -> None:
        """Returns when all that is there has been read and the ports are open."""
        await self._listed.wait()
        await self._open.wait()

    def heard(self, kind: str | None, obj: Obj) -> None:
        """A watch's event about an object: remembers it and wakes whom it concerns."""
        if self._vital.hears(obj):
            return
        self._resync.hear(kind, obj)
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
