"""The kubelet of the embedded plane: follows Pod objects and gives each one a worker.

Run by plane.py. It never creates or deletes Pod objects: that is the controllers' part.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from forebay.kube.port import POD, Kube, Obj
from forebay.local import podfolder, podstatus
from forebay.local.process import Process
from forebay.local.state import StateFolder
from forebay.local.worker import Worker
from forebay.reconcile.progress import ProgressBoard

log = structlog.get_logger(__name__)
_AGAIN = 1.0  # seconds until a pod whose worker met an error is looked at again


class Kubelet:
    """All pods of one state folder."""

    def __init__(self, kube: Kube, state: StateFolder, board: ProgressBoard) -> None:
        self._kube, self._state, self._board = kube, state, board
        self._workers: dict[str, tuple[Worker, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Follows Pod objects until it is cancelled; the processes go on."""
        await self._sweep()
        try:
            async for event in self._kube.watch(POD):
                if event.type == "DELETED":
                    self._forget(event.object)
                else:
                    self._attend(event.object)
        finally:
            tasks = [task for _, task in self._workers.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def stop_all(self, grace: float, why: str) -> int:
        """Stops every process at once, at most `grace` seconds each; returns how many there were.

        For the end of the plane, after `run` was cancelled: it is nobody's failure, and the status says so.
        """
        pods = [pod for pod in await self._kube.list(POD) if not podstatus.finished(pod)]
        ends = (self._worker(pod).end(grace, politely=False, why=why) for pod in pods)
        stopped = await asyncio.gather(*ends, return_exceptions=True)
        for error in stopped:  # all were tried before one may speak
            if isinstance(error, BaseException):
                raise error
        return sum(bool(one) for one in stopped) + await self._sweep(grace)

    async def _sweep(self, grace: float = 10.0) -> int:
        """Stops and removes what belongs to pods that are gone; returns how many processes there were."""
        known = {pod["metadata"]["uid"] for pod in await self._kube.list(POD)}
        gone = [folder for folder in self._state.pods.iterdir() if folder.name not in known]
        return sum(await asyncio.gather(*(_clear(folder, grace) for folder in gone)))

    def _worker(self, pod: Obj) -> Worker:
        folder = self._state.pods / str(pod["metadata"]["uid"])
        return Worker(self._kube, pod, folder, self._state.volumes, self._board)

    def _attend(self, pod: Obj) -> None:
        uid = pod["metadata"]["uid"]
        if uid in self._workers:
            self._workers[uid][0].update(pod)
        elif not podstatus.finished(pod) or pod["metadata"].get("finalizers"):
            worker = self._worker(pod)
            self._workers[uid] = worker, asyncio.create_task(self._life(uid, worker))

    def _forget(self, pod: Obj) -> None:
        """An object that went without waiting for its process: the process goes now."""
        uid = pod["metadata"]["uid"]
        if uid in self._workers:
            self._workers[uid][1].cancel()
        task = asyncio.create_task(self._cleared(uid))
        self._workers[uid] = self._worker(pod), task

    async def _cleared(self, uid: str) -> None:
        await _clear(self._state.pods / uid, 10.0)
        self._workers.pop(uid, None)

    async def _life(self, uid: str, worker: Worker) -> None:
        """Runs a worker to its end; a fault in one pod is that pod's alone."""
        while True:
            try:
                await worker.run()
            except Exception:
                log.exception("pod cannot be run", pod=uid)
                await asyncio.sleep(_AGAIN)
            else:
                self._workers.pop(uid, None)
                return


async def _clear(folder: Path, grace: float) -> bool:
    process = Process(folder)
    ran = process.look() == "running"
    if ran:
        await process.stop(grace)
    podfolder.remove(folder)
    return ran
