"""The embedded plane: the API, the reconciler and the controllers of one state folder, in one process.

Opened by `forebay run` and by the keeper. Leaving it stops all processes that it runs, unless it was handed
over: then they go on, and a keeper in the background takes care of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import K8S_DEPLOYMENT, PIPELINE, POD, RUN, Kube, Obj, Ref
from forebay.local import keeper, podfolder, pods, processes
from forebay.local.deployments import DeploymentController
from forebay.local.jobs import JobController
from forebay.local.lock import RUNNER, PlaneLock
from forebay.local.pods import PodRunner
from forebay.local.services import ServiceProxy
from forebay.local.state import StateFolder, open_state
from forebay.reconcile import triggers
from forebay.reconcile.loop import Reconciler
from forebay.reconcile.progress import ProgressBoard
from forebay.settings import Settings
from forebay_workloads.contract import Progress, StoreRef

_GRACE = 10.0  # seconds that processes are given when the plane stops


def settings_of(folder: StateFolder) -> Settings:
    """The control plane's settings on this machine."""
    return replace(
        Settings(),
        plane="embedded",
        state_dir=str(folder.root),
        workspace=StoreRef("workspace", "files", {"url": str(folder.work)}),
        service_port=3000,
        status_interval=0.5,
    )


class Plane:
    """`async with Plane(state) as plane`. PlaneBusy when another `forebay run` works in the folder."""

    def __init__(self, state: Path, *, role: str = RUNNER) -> None:
        self._folder = open_state(state)
        self._lock = PlaneLock(self._folder.lock)
        self._role = role
        self._leave = False
        self._tasks: list[asyncio.Task[Any]] = []

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._lock.take, self._role)
        self.kube: Kube = EmbeddedKube(self._folder.database, self._folder.pods)
        self.board = ProgressBoard()
        self.reconciler = Reconciler(self.kube, settings_of(self._folder), board=self.board)
        await self._sweep_folders()
        self._start(
            self.reconciler.run(),
            triggers.watch(self.kube, self.reconciler),
            PodRunner(self.kube, self._folder, self.board).run(),
            JobController(self.kube).run(),
            DeploymentController(self.kube).run(),
            ServiceProxy(self.kube).run(),
        )
        return self

    def _start(self, *parts: Coroutine[Any, Any, None]) -> None:
        self._tasks = [asyncio.create_task(part) for part in parts]

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self._leave:
            await self._stop_processes()
        await self.kube.close()
        self._lock.release()
        if self._leave and self._role == RUNNER:
            await asyncio.to_thread(keeper.start, self._folder)

    async def failed(self) -> None:
        """Returns never; raises what a part of the plane died of."""
        await asyncio.gather(*self._tasks)

    def progress(self, run: Ref) -> Progress | None:
        """The newest progress of a run."""
        return self.board.get(run.namespace, run.name)

    async def needed(self) -> bool:
        """Whether something here has to go on: a served model, a schedule, an unfinished run."""
        if await self.kube.list(K8S_DEPLOYMENT):
            return True
        pipelines = await self.kube.list(PIPELINE)
        if any(p["spec"].get("schedule") and not p["spec"].get("suspend") for p in pipelines):
            return True
        return any(
            _phase(run) not in ("Succeeded", "Failed", "Suspended")
            for run in await self.kube.list(RUN)
        )

    def hand_over(self) -> None:
        """From now on leaving the plane leaves its processes to whoever takes the folder next."""
        self._leave = True

    async def stop_leftovers(self) -> bool:
        """Stops the processes of a plane that was killed, without running anything; False when there are none."""
        self._lock.take(self._role)
        self.kube = EmbeddedKube(self._folder.database, self._folder.pods)
        left = any(processes.alive(folder) for folder in self._folder.pods.iterdir())
        await self._stop_processes()
        await self._sweep_folders()
        await self.kube.close()
        self._lock.release()
        return left

    async def _sweep_folders(self) -> None:
        """Stops and removes what belongs to pods that were deleted while no plane ran."""
        known = {pod["metadata"]["uid"] for pod in await self.kube.list(POD)}
        for folder in self._folder.pods.iterdir():
            if folder.name not in known:
                await pods.stop(folder, _GRACE)
                podfolder.remove(folder)

    async def _stop_processes(self) -> None:
        """All pods that run end now. Their objects go too: they did not fail, the next plane starts them anew."""
        left = [
            pod for pod in await self.kube.list(POD) if _phase(pod) not in ("Succeeded", "Failed")
        ]
        await asyncio.gather(*(self._stop(pod) for pod in left))

    async def _stop(self, pod: Obj) -> None:
        folder = self._folder.pods / pod["metadata"]["uid"]
        await pods.stop(folder, _GRACE)
        await self.kube.delete(Ref.of(pod), uid=pod["metadata"]["uid"])
        podfolder.remove(folder)


def _phase(obj: Obj) -> str:
    return str((obj.get("status") or {}).get("phase", "Pending"))
