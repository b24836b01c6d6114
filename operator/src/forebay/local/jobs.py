"""The Job controller of the embedded plane: pods from Jobs, conditions from pods. Rules are in jobrules.py."""

from __future__ import annotations

from datetime import UTC, datetime

from forebay.kube.port import JOB, POD, Obj, Ref
from forebay.local.children import child_pod, owned_pods
from forebay.local.controller import Controller, earliest
from forebay.local.jobrules import Decision, decide, finished

MANAGER = "local-job-controller"


class JobController(Controller):
    """One pod at a time per Job; a pod that was disrupted does not count as a failure."""

    kinds = (JOB, POD)

    async def sweep(self) -> float | None:
        """All unfinished Jobs."""
        again: float | None = None
        pods = await self._kube.list(POD)
        for job in await self._kube.list(JOB):
            if not finished(job):
                again = earliest(again, await self._one(job, owned_pods(job, pods)))
        return again

    async def _one(self, job: Obj, pods: list[Obj]) -> float | None:
        now = datetime.now(UTC)
        decision = decide(job, pods, now)
        if decision.verdict in ("Failed", "Suspended"):
            for pod in pods:
                if pod.get("status", {}).get("phase") not in ("Failed", "Succeeded"):
                    await self._kube.delete(Ref.of(pod), uid=pod["metadata"]["uid"])
        if decision.verdict == "Run":
            # Named by its number: a sweep that is repeated creates no second pod.
            await self._kube.apply(
                child_pod(job, f"{job['metadata']['name']}-{len(pods)}"), manager=MANAGER
            )
        await self._say(job, pods, decision, now)
        return decision.again

    async def _say(self, job: Obj, pods: list[Obj], decision: Decision, now: datetime) -> None:
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {
            "startTime": (job.get("status") or {}).get("startTime", stamp),
            "active": sum(
                p.get("status", {}).get("phase") in (None, "Pending", "Running") for p in pods
            ),
            "failed": decision.failures,
            "succeeded": int(decision.verdict == "Complete"),
        }
        if decision.verdict in ("Complete", "Failed"):
            status["active"] = 0
            status["conditions"] = [_condition(decision, stamp)]
            status |= {"completionTime": stamp} if decision.verdict == "Complete" else {}
        elif decision.verdict == "Suspended":
            status["conditions"] = [
                {"type": "Suspended", "status": "True", "reason": decision.reason}
            ]
        identity = {key: job["metadata"][key] for key in ("name", "namespace", "uid")}
        obj = {"apiVersion": "batch/v1", "kind": "Job", "metadata": identity, "status": status}
        await self._kube.apply(obj, manager=MANAGER, subresource="status")


def _condition(decision: Decision, stamp: str) -> dict[str, str]:
    return {
        "type": decision.verdict, "status": "True", "reason": decision.reason,
        "message": decision.message, "lastTransitionTime": stamp,
    }  # fmt: skip
