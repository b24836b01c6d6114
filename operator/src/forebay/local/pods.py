"""The kubelet of the embedded plane: each Pod object becomes a local process, each exit a status.

Run by `plane.py`, one task per pod. It never creates or deletes Pod objects: that is the controllers' part.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

import structlog

from forebay.errors import KubeError, NotFound
from forebay.kube.port import POD, Kube, Obj, Ref
from forebay.local import podfolder, podstatus, processes
from forebay.local.backoff import delay
from forebay.local.probes import Probe
from forebay.local.progresstail import ProgressTail
from forebay.local.state import StateFolder
from forebay.reconcile.progress import ProgressBoard

log = structlog.get_logger(__name__)
MANAGER = "local-kubelet"
PORT_ANNOTATION = "forebay.dev/port-"
_TICK = 0.05  # seconds between looks at a process that started lately
_SLOW_TICK = 0.25  # and at one that has run for a while
_STEADY = 10.0  # seconds after which a start counts as a good one


class PodRunner:
    """Runs all pods of one state folder."""

    def __init__(self, kube: Kube, state: StateFolder, board: ProgressBoard) -> None:
        self._kube, self._state, self._board = kube, state, board
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Follows Pod objects until it is cancelled; the processes stay."""
        try:
            async for event in self._kube.watch(POD):
                uid = event.object["metadata"]["uid"]
                if event.type == "DELETED":
                    self._stop_later(event.object)
                elif uid not in self._tasks and not _finished(event.object):
                    self._tasks[uid] = asyncio.create_task(self._guarded(event.object))
        finally:
            for task in self._tasks.values():
                task.cancel()

    def _stop_later(self, pod: Obj) -> None:
        uid = pod["metadata"]["uid"]
        task = self._tasks.pop(uid, None)
        if task is not None:
            task.cancel()
        self._tasks[f"stop-{uid}"] = asyncio.create_task(self._stopped(pod))

    async def _stopped(self, pod: Obj) -> None:
        """A deleted pod's process gets its grace period, then the folder goes."""
        folder = self._folder(pod)
        await stop(folder, float(pod["spec"].get("terminationGracePeriodSeconds", 30)))
        podfolder.remove(folder)
        self._tasks.pop(f"stop-{pod['metadata']['uid']}", None)

    def _folder(self, pod: Obj) -> podfolder.Path:
        return self._state.pods / str(pod["metadata"]["uid"])

    async def _guarded(self, pod: Obj) -> None:
        """One pod's life; a fault in it is that pod's, and shows there."""
        try:
            await self._life(pod)
        except NotFound:
            log.debug("pod is gone", pod=pod["metadata"]["name"])
        except (KubeError, OSError) as error:
            log.warning("pod failed", pod=pod["metadata"]["name"], error=str(error))
            message = f"{type(error).__name__}: {error}"
            with suppress(KubeError):
                await self._say(
                    pod, podstatus.terminated(pod, time.time(), time.time(), 1, message)
                )

    async def _life(self, pod: Obj) -> None:
        folder = self._folder(pod)
        restarts = 0
        while True:
            if not folder.joinpath("shim.json").exists() and not await self._prepared(pod, folder):
                continue
            started = time.time()
            end = await self._attended(pod, folder, restarts)
            code = end.code if end else 137
            message = podfolder.termination_message(folder, pod["spec"]["containers"][0])
            if pod["spec"].get("restartPolicy", "Always") == "Never":
                finished = end.finished_at if end else time.time()
                status = podstatus.terminated(
                    pod, started, finished, code, message, lost=end is None
                )
                await self._say(pod, status)
                return
            restarts = 1 if end and end.finished_at - started > _STEADY else restarts + 1
            wait = delay(restarts)
            text = f"exit code {code}, started again in {wait:.0f} s: {message}"[:1024]
            await self._say(
                pod, podstatus.waiting(pod, started, "CrashLoopBackOff", text, restarts=restarts)
            )
            await asyncio.sleep(wait)
            folder.joinpath("shim.json").unlink(missing_ok=True)

    async def _prepared(self, pod: Obj, folder: podfolder.Path) -> bool:
        """Starts the process. False when something it mounts is missing: it is looked for again."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            await podfolder.prepare(self._kube, pod, folder, self._state.volumes)
        except podfolder.VolumeError as error:
            await self._say(
                pod, podstatus.waiting(pod, time.time(), "ContainerCreating", str(error))
            )
            await asyncio.sleep(1)
            return False
        ports = podfolder.free_ports(pod)
        await self._announce(pod, ports)
        podfolder.clear_message(folder)
        processes.start(folder, podfolder.command(pod), podfolder.environment(pod, folder, ports))
        return True

    async def _announce(self, pod: Obj, ports: Mapping[str, int]) -> None:
        if ports:
            notes = {f"{PORT_ANNOTATION}{name}": str(port) for name, port in ports.items()}
            metadata = {**_identity(pod), "annotations": notes}
            await self._kube.apply({**_kind(pod), "metadata": metadata}, manager=MANAGER)

    async def _attended(
        self, pod: Obj, folder: podfolder.Path, restarts: int
    ) -> processes.Exit | None:
        """Watches a running process to its end; None when it vanished without an exit code."""
        main = pod["spec"]["containers"][0]
        startup, ready, live = (
            Probe(main.get(f"{name}Probe")) for name in ("startup", "readiness", "liveness")
        )
        tail = ProgressTail(folder / podfolder.PROGRESS, pod, self._board)
        ports = await self._ports(pod)
        began, said = time.time(), None
        while (end := processes.ended(folder)) is None and processes.alive(folder):
            now = time.monotonic()
            await startup.tick(now, ports) if not startup.passed else None
            if startup.passed:
                await ready.tick(now, ports)
                await live.tick(now, ports)
            if startup.failed or live.failed:
                processes.kill(folder)
            if said != (state := startup.passed and ready.passed):
                said = state
                await self._say(pod, podstatus.running(pod, began, ready=state, restarts=restarts))
            tail.read()
            await asyncio.sleep(_TICK if time.time() - began < _STEADY else _SLOW_TICK)
        tail.read()
        return end or processes.ended(folder)

    async def _ports(self, pod: Obj) -> dict[str, int]:
        live = await self._kube.get(Ref.of(pod))
        notes = (live or pod)["metadata"].get("annotations", {})
        return {
            key.removeprefix(PORT_ANNOTATION): int(value)
            for key, value in notes.items()
            if key.startswith(PORT_ANNOTATION)
        }

    async def _say(self, pod: Obj, status: Obj) -> None:
        obj = {**_kind(pod), "metadata": _identity(pod), "status": status}
        await self._kube.apply(obj, manager=MANAGER, subresource="status")


async def stop(folder: podfolder.Path, grace: float) -> None:
    """SIGTERM, then SIGKILL to the whole group after `grace` seconds."""
    processes.terminate(folder)
    end = time.monotonic() + grace
    while processes.alive(folder) and time.monotonic() < end:
        await asyncio.sleep(_TICK)
    processes.kill(folder)


def _finished(pod: Obj) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _kind(pod: Obj) -> Obj:
    return {"apiVersion": pod["apiVersion"], "kind": pod["kind"]}


def _identity(pod: Obj) -> Obj:
    return {key: pod["metadata"][key] for key in ("name", "namespace", "uid")}
