"""The Job controller of the embedded plane: pods from Jobs, conditions from pods. Rules are in jobrules.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from forebay.errors import AlreadyExists, NotFound
from forebay.kube.port import JOB, Obj, Ref
from forebay.local.children import child_pod, owned_pods
from forebay.local.controller import Controller
from forebay.local.jobrules import (
    FAILURE_TARGET,
    Decision,
    JobView,
    condition,
    decide,
    seconds_to_live,
)
from forebay.plan import times

MANAGER = "local-job-controller"


class JobController(Controller):
    """One pod at a time per Job, or per index of one; what its failure policy ignores is no failure."""

    kind = JOB

    async def look(self, obj: Obj, pods: Sequence[Obj]) -> float | None:
        """See Controller."""
        now = datetime.now(UTC)
        if condition(obj, "Complete", "Failed"):
            return await self._expire(obj, now)
        view = JobView(obj, owned_pods(obj, pods), now)
        decision = decide(view)
        if decision.verdict in ("Failed", "Suspended"):
            for pod in view.active:
                await self._kube.delete(Ref.of(pod), uid=pod["metadata"]["uid"])
        await self._say(view, decision)
        if decision.verdict == "Run":
            for number in view.missing:
                await self._start(view, number)
        return decision.again

    async def _expire(self, job: Obj, now: datetime) -> float | None:
        left = seconds_to_live(job, now)
        if left is not None and left <= 0:
            await self._kube.delete(Ref.of(job), uid=job["metadata"]["uid"])
            return None
        return left

    async def _start(self, view: JobView, index: int) -> None:
        """One more pod, named by its number: a pass that is repeated creates no second one."""
        name = view.job["metadata"]["name"]
        if view.is_indexed:
            name = f"{name}-{index}"
        taken = {pod["metadata"]["name"] for pod in view.pods}
        number = next(n for n in range(len(taken) + 1) if f"{name}-{n}" not in taken)
        pod = child_pod(view.job, f"{name}-{number}", index if view.is_indexed else None)
        try:
            await self._kube.create(pod, manager=MANAGER)
        except AlreadyExists:
            self._woken.set()  # another pass, or another's pod of that name: look again

    async def _say(self, view: JobView, decision: Decision) -> None:
        job = view.job
        identity = {key: job["metadata"][key] for key in ("name", "namespace", "uid")}
        obj = {"apiVersion": "batch/v1", "kind": "Job", "metadata": identity}
        obj["status"] = _status(view, decision)
        try:
            await self._kube.apply(obj, manager=MANAGER, subresource="status")
        except NotFound:  # deleted meanwhile; its pods go with it
            return


def _status(view: JobView, decision: Decision) -> Obj:
    stamp = times.stamp(view.now)
    before = view.job.get("status") or {}
    status: Obj = {
        "active": len(view.active) + (len(view.missing) if decision.verdict == "Run" else 0),
        "failed": len(view.counted),
        "succeeded": len(view.done),
    }
    if decision.verdict != "Suspended":
        resumed = condition(view.job, "Suspended") is not None
        status["startTime"] = before.get("startTime", stamp) if not resumed else stamp
    if decision.verdict == "Complete":
        status["completionTime"] = stamp
    conditions = _conditions(view, decision, stamp)
    return {**status, "conditions": conditions} if conditions else status


def _conditions(view: JobView, decision: Decision, stamp: str) -> list[Obj]:
    """Kept while they hold, so that a pass that changes nothing writes nothing."""
    word = {"Run": "", "Wait": "", "Failed": FAILURE_TARGET}.get(decision.verdict, decision.verdict)
    found: list[Obj] = []
    if word:
        old = condition(view.job, word)
        found.append(old or _condition(word, decision.reason, decision.message, stamp))
    if decision.verdict == "Failed" and not view.active:  # until then a process may be at work
        found.append(_condition("Failed", decision.reason, decision.message, stamp))
    if condition(view.job, "Suspended") and decision.verdict != "Suspended":
        resumed = _condition("Suspended", "JobResumed", "Job resumed", stamp)
        found.append({**resumed, "status": "False"})
    return found


def _condition(kind: str, reason: str, message: str, stamp: str) -> Obj:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": stamp,
    }
