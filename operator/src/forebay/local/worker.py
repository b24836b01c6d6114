"""The life of one pod: its process is started, probed, started again, stopped; its status says where it is.

One per pod, run by pods.py. All it has to remember is on disk and in the pod's status, so that it may be
cancelled at any point and a later plane goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forebay.errors import Conflict, NotFound
from forebay.kube.port import Kube, Obj
from forebay.local import podfolder, podstatus, probes
from forebay.local.backoff import delay
from forebay.local.podstatus import History
from forebay.local.process import Command, Process
from forebay.local.progresstail import ProgressTail
from forebay.reconcile.progress import ProgressBoard

MANAGER = "local-kubelet"
FINALIZER = "forebay.dev/process"  # a pod object stays until its process is gone
PORT_ANNOTATION = "forebay.dev/port-"
_STEADY = 60.0  # seconds after which a start counts as a good one
_MISSING_AGAIN = 0.5  # seconds between two looks for a ConfigMap or Secret that is not there
_PROGRESS = 0.2  # seconds between two looks at a stage's progress


class Worker:
    """Brings one pod to its end. `volumes` holds persistent claims."""

    def __init__(
        self, kube: Kube, pod: Obj, folder: Path, volumes: Path, board: ProgressBoard
    ) -> None:
        self._kube, self._pod, self._volumes, self._board = kube, pod, volumes, board
        self._process = Process(folder)
        self._history = History.of(pod)
        self._crashes = 0
        self._deleted = asyncio.Event()
        self.update(pod)

    @property
    def folder(self) -> Path:
        """The pod's folder."""
        return self._process.folder

    def update(self, pod: Obj) -> None:
        """Takes the pod as it is now."""
        self._pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            self._deleted.set()

    async def run(self) -> None:
        """Returns when the pod is over, or when it was deleted and its process is gone."""
        if not podstatus.finished(self._pod) and not self._deleted.is_set():
            await self._until_deleted()
        if self._deleted.is_set():
            await self.end(self._grace(), politely=True)
        else:
            await self._release()

    async def _until_deleted(self) -> None:
        life = asyncio.create_task(self._life())
        deleted = asyncio.create_task(self._deleted.wait())
        try:
            await asyncio.wait((life, deleted), return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                life.result()
        finally:
            for task in (life, deleted):
                task.cancel()
            await asyncio.gather(life, deleted, return_exceptions=True)

    async def end(self, grace: float, *, politely: bool, why: str = "the pod was deleted") -> bool:
        """Stops the process, writes the last status, lets the object go. False when nothing ran.

        `grace` is an upper bound for the pod's own. `politely` waits for `preStop` first: callers get time
        to go elsewhere.
        """
        grace = min(grace, float(self._pod["spec"].get("terminationGracePeriodSeconds", 30)))
        if self._process.look() != "running":
            await self._release()
            return False
        if politely:
            pause = min(grace, _pre_stop(self._pod))
            grace -= pause
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._process.wait()
        await self._process.stop(grace)
        await self._finish(disrupted=why)
        return True

    async def _life(self) -> None:
        while True:
            if self._process.look() == "never":
                await self._start()
            lost = await self._attend() == "lost"
            if not self._starts_again():
                text = "its process vanished without an exit code" if lost else ""
                await self._finish(disrupted=text)
                return
            await self._pause()

    async def _start(self) -> None:
        """Starts the container as soon as all that it mounts is there."""
        while True:
            try:
                await podfolder.prepare(self._kube, self._pod, self.folder, self._volumes)
                break
            except podfolder.VolumeError as error:
                held = podstatus.waiting(
                    self._pod, "CreateContainerConfigError", str(error), self._history
                )
                await self._say(held)
            await asyncio.sleep(_MISSING_AGAIN)
        ports = podfolder.free_ports(self._pod, self._ports())
        await self._announce(ports)
        argv = podfolder.command(self._pod)
        env = podfolder.environment(self._pod, self.folder, ports)
        self._process.start(Command(argv, env, podfolder.working_folder(self._pod, self.folder)))

    async def _attend(self) -> str:
        """Watches the process to its end; says how it was found then: ended or lost."""
        if self._process.look() == "running":
            async with asyncio.TaskGroup() as group:
                helpers = [group.create_task(self._probe()), group.create_task(self._tail())]
                await self._process.wait()
                for helper in helpers:
                    helper.cancel()
        await self._process.wait()
        ProgressTail(self.folder / podfolder.PROGRESS, self._pod, self._board).read()
        return self._process.look()

    async def _probe(self) -> None:
        """Says whether the container is ready; stops it when its probes ask for a new start."""
        started, container = self._process.started_at(), self._pod["spec"]["containers"][0]

        async def on_ready(ready: bool) -> None:
            await self._say(podstatus.running(self._pod, started, self._history, ready=ready))

        if any(f"{name}Probe" in container for name in ("startup", "readiness")):
            await on_ready(
                podstatus.is_ready(self._pod)
            )  # an adopted one stays as it was said to be
        why = await probes.attend(container, self._ports(), on_ready)
        with self._process.log.open("a") as log:
            log.write(f"started again: {why}\n")
        await self._process.stop(self._grace())

    async def _tail(self) -> None:
        tail = ProgressTail(self.folder / podfolder.PROGRESS, self._pod, self._board)
        while tail.wanted:
            tail.read()
            await asyncio.sleep(_PROGRESS)

    def _starts_again(self) -> bool:
        policy = self._pod["spec"].get("restartPolicy", "Always")
        return policy == "Always" or (policy == "OnFailure" and self._process.code() != 0)

    async def _pause(self) -> None:
        """Notes how it ended and waits: longer after each crash that follows close on the last."""
        end = self._terminated()
        ran = self._process.ended_at() - self._process.started_at()
        self._crashes = 1 if ran > _STEADY else self._crashes + 1
        wait = delay(self._crashes)
        text = f"exit code {end['exitCode']}, started again in {wait:.0f} s"
        self._history = History(self._history.restarts + 1, end)
        self._process.forget()
        await self._say(podstatus.waiting(self._pod, "CrashLoopBackOff", text, self._history))
        await asyncio.sleep(wait)

    async def _finish(self, *, disrupted: str) -> None:
        status = podstatus.ended(self._pod, self._terminated(), self._history, disrupted=disrupted)
        await self._say(status)
        await self._release()

    def _terminated(self) -> dict[str, Any]:
        code, began, ended = (
            self._process.code(),
            self._process.started_at(),
            self._process.ended_at(),
        )
        main = self._pod["spec"]["containers"][0]
        message = podfolder.termination_message(self.folder, main, failed=code != 0)
        return podstatus.terminated(code, message, began, ended)

    def _ports(self) -> dict[str, int]:
        notes = self._pod["metadata"].get("annotations") or {}
        return {
            key.removeprefix(PORT_ANNOTATION): int(value)
            for key, value in notes.items()
            if key.startswith(PORT_ANNOTATION)
        }

    def _grace(self) -> float:
        return float(self._pod["spec"].get("terminationGracePeriodSeconds", 30))

    async def _announce(self, ports: Mapping[str, int]) -> None:
        if ports and ports != self._ports():
            await self._apply_meta(ports)

    async def _release(self) -> None:
        """Nothing of the pod runs any more: its object may go when somebody deletes it."""
        if FINALIZER in (self._pod["metadata"].get("finalizers") or ()):
            await self._apply_meta(self._ports(), finalizers=[])

    async def _apply_meta(self, ports: Mapping[str, int], **more: list[str]) -> None:
        notes = {f"{PORT_ANNOTATION}{name}": str(port) for name, port in ports.items()}
        metadata = {**_identity(self._pod), **({"annotations": notes} if notes else {}), **more}
        with contextlib.suppress(NotFound, Conflict):  # it is gone already
            self._pod = await self._kube.apply(
                {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}, manager=MANAGER
            )

    async def _say(self, status: Obj) -> None:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": _identity(self._pod)}
        with contextlib.suppress(NotFound):  # deleted meanwhile: the event follows
            await self._kube.apply({**pod, "status": status}, manager=MANAGER, subresource="status")


def _pre_stop(pod: Obj) -> float:
    """Seconds that the container asks to be left alone after its deletion."""
    hook = (pod["spec"]["containers"][0].get("lifecycle") or {}).get("preStop") or {}
    return float((hook.get("sleep") or {}).get("seconds", 0))


def _identity(pod: Obj) -> Obj:
    return {key: pod["metadata"][key] for key in ("name", "namespace", "uid")}
