"""The embedded plane: the API, the reconciler, the controllers and the kubelet of one state folder, in one process.

Opened by `forebay run` and by the keeper. Leaving it stops all processes that it runs, unless it was handed
over: then they go on, and a keeper in the background takes care of them.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog

from forebay.errors import StateError
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import K8S_DEPLOYMENT, PIPELINE, RUN, Ref
from forebay.local import handover
from forebay.local.deployments import DeploymentController
from forebay.local.jobs import JobController
from forebay.local.lock import RUNNER, PlaneLock
from forebay.local.logs import log_to
from forebay.local.pods import Kubelet
from forebay.local.services import ServiceProxy
from forebay.local.shutdown import shut_down
from forebay.local.state import StateFolder, open_state
from forebay.reconcile import triggers
from forebay.reconcile.loop import Reconciler
from forebay.reconcile.progress import ProgressBoard
from forebay.settings import Settings
from forebay_workloads.contract import Progress, StoreRef

T = TypeVar("T")
log = structlog.get_logger(__name__)
_ROOM = 256 << 10  # bytes that the plane needs to record anything
_LOOK_FOR_ROOM = 0.5  # seconds
_OVER = ("Succeeded", "Failed", "Suspended")


def settings_of(folder: StateFolder) -> Settings:
    """The control plane's settings on this machine."""
    return Settings(
        plane="embedded",
        state_dir=str(folder.root),
        workspace=StoreRef("workspace", "files", {"url": str(folder.work)}),
        service_port=3000,
        status_interval=0.5,
    )


class Plane:
    """`async with Plane(state) as plane`; `settings` replace single ones of this machine's.

    Entering raises PlaneBusy when another `forebay run` works in the folder, StateError when it is unusable.
    """

    def __init__(self, state: Path, *, role: str = RUNNER, **settings: Any) -> None:
        self.folder = open_state(state)
        self.settings = replace(settings_of(self.folder), **settings)
        self._lock = PlaneLock(self.folder.lock)
        self._role = role
        self._leave = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._lock.take, self._role)
        try:
            self._log = log_to(self.folder.plane_log)
            self.kube = EmbeddedKube(self.folder.database, self.folder.pods)
            self.board = ProgressBoard()
            self.reconciler = Reconciler(self.kube, self.settings, board=self.board)
        except BaseException:
            self._lock.release()
            raise
        self._services = ServiceProxy(self.kube)
        self._start(
            self.reconciler.run(),
            triggers.watch(self.kube, self.reconciler),
            Kubelet(self.kube, self.folder, self.board).run(),
            JobController(self.kube).run(),
            DeploymentController(self.kube).run(),
            self._services.run(),
            self._has_room(),
        )
        return self

    def _start(self, *parts: Coroutine[Any, Any, None]) -> None:
        self._tasks = [asyncio.create_task(part) for part in parts]
        for task in self._tasks:
            task.add_done_callback(_report)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if not self._leave or error is not None:
                await shut_down(self.kube, self.folder, self.reconciler, "the plane was stopped")
        finally:
            await self.kube.close()
            structlog.reset_defaults()
            self._log.close()
            self._lock.release()
        if self._leave and error is None and self._role == RUNNER:
            await asyncio.to_thread(handover.start, self.folder)

    async def watching(self, work: Awaitable[T]) -> T:
        """Awaits `work`; raises StateError as soon as a part of the plane dies: `work` might never end then."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise self._death()
            return task.result()
        finally:
            task.cancel()

    def _death(self) -> Exception:
        """What a part of the plane died of, if it is for a person to read."""
        errors = [part.exception() for part in self._tasks if part.done() and not part.cancelled()]
        said = [error for error in errors if isinstance(error, StateError)]
        where = self.folder.plane_log
        return said[0] if said else StateError(f"a part of the plane stopped working; see {where}")

    async def _has_room(self) -> None:
        """Ends the plane when its disk is full: nothing could be recorded any more, also no reason."""
        while shutil.disk_usage(self.folder.root).free >= _ROOM:
            await asyncio.sleep(_LOOK_FOR_ROOM)
        root = self.folder.root
        raise StateError(f"DiskFull: no space is left for {root}; make room, the next run goes on")

    def progress(self, run: Ref) -> Progress | None:
        """The newest progress of a run."""
        return self.board.get(run.namespace, run.name)

    async def needed(self) -> bool:
        """Whether something here has to go on: a served model, a schedule, an unfinished run."""
        if await self.kube.list(K8S_DEPLOYMENT):
            return True
        pipelines = [p["spec"] for p in await self.kube.list(PIPELINE)]
        if any(
            (p.get("schedule") or p.get("triggers")) and not p.get("suspend") for p in pipelines
        ):
            return True
        runs = await self.kube.list(RUN)
        return any((run.get("status") or {}).get("phase") not in _OVER for run in runs)

    async def answers(self) -> None:
        """Returns when the addresses of all Services are listened to."""
        await self.watching(self._services.looked.wait())

    async def hand_over(self) -> None:
        """From now on leaving the plane leaves its processes to whoever takes the folder next."""
        self._leave = True


def _report(task: asyncio.Task[None]) -> None:
    """A part that ended by itself is a bug; it must not go unseen."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a part of the plane died", error=repr(error), exc_info=error)
