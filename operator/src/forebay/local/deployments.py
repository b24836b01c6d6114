"""The Deployment controller of the embedded plane: replicas of one template, replaced only by ready ones."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from forebay.kube.port import K8S_DEPLOYMENT, POD, Obj, Ref
from forebay.local.children import TEMPLATE_HASH, child_pod, owned_pods, template_hash
from forebay.local.controller import Controller, earliest
from forebay.local.podstatus import is_ready

MANAGER = "local-deployment-controller"


class DeploymentController(Controller):
    """Surges by one: a pod of an old template goes when a new one is ready (at once with Recreate)."""

    kinds = (K8S_DEPLOYMENT, POD)

    async def sweep(self) -> float | None:
        """All Deployments."""
        pods = await self._kube.list(POD)
        again: float | None = None
        for deployment in await self._kube.list(K8S_DEPLOYMENT):
            again = earliest(again, await self._one(deployment, owned_pods(deployment, pods)))
        return again

    async def _one(self, deployment: Obj, pods: list[Obj]) -> float | None:
        wanted = int(deployment["spec"].get("replicas", 1))
        digest = template_hash(deployment)
        new = [p for p in pods if p["metadata"]["labels"].get(TEMPLATE_HASH) == digest]
        old = [p for p in pods if p not in new]
        ready = [p for p in new if is_ready(p)]
        recreate = deployment["spec"].get("strategy", {}).get("type") == "Recreate"
        room = wanted if not old else (0 if recreate else min(wanted, len(ready) + 1))
        for number in _free_numbers(deployment, digest, new, room - len(new)):
            name = f"{deployment['metadata']['name']}-{digest[:6]}-{number}"
            await self._kube.apply(child_pod(deployment, name), manager=MANAGER)
        surplus = sorted(new, key=is_ready)[: max(0, len(new) - wanted)]
        stale = old if recreate else old[: max(0, len(old) + len(ready) - wanted)]
        for pod in (*surplus, *stale):
            await self._kube.delete(Ref.of(pod), uid=pod["metadata"]["uid"])
        return await self._say(deployment, pods, new, ready, wanted)

    async def _say(
        self, deployment: Obj, pods: list[Obj], new: list[Obj], ready: list[Obj], wanted: int
    ) -> float | None:
        now = datetime.now(UTC)
        conditions, again = _conditions(deployment, len(ready), wanted, now)
        status = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": len(pods),
            "updatedReplicas": len(new),
            "readyReplicas": len(ready),
            "availableReplicas": len(ready),
            "conditions": conditions,
        }
        identity = {key: deployment["metadata"][key] for key in ("name", "namespace", "uid")}
        obj = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": identity,
            "status": status,
        }
        await self._kube.apply(obj, manager=MANAGER, subresource="status")
        return again


def _free_numbers(deployment: Obj, digest: str, new: list[Obj], count: int) -> list[int]:
    pattern = re.compile(rf"{re.escape(deployment['metadata']['name'])}-{digest[:6]}-(\d+)")
    taken = {int(m[1]) for p in new if (m := pattern.fullmatch(p["metadata"]["name"]))}
    return [n for n in range(len(taken) + max(count, 0)) if n not in taken][: max(count, 0)]


def _conditions(
    deployment: Obj, ready: int, wanted: int, now: datetime
) -> tuple[list[dict[str, str]], float | None]:
    """Available and Progressing; seconds until the progress deadline while it is not reached."""
    available = ready >= wanted
    old = {c["type"]: c for c in (deployment.get("status") or {}).get("conditions", [])}
    limit = timedelta(seconds=int(deployment["spec"].get("progressDeadlineSeconds", 600)))
    generation = str(deployment["metadata"]["generation"])
    since = old.get("Progressing", {}).get("lastUpdateTime", "")
    if not since or available or old["Progressing"].get("message") != generation:
        since = now.strftime("%Y-%m-%dT%H:%M:%SZ") if not available or not since else since
    left = datetime.strptime(since, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) + limit - now
    late = not available and left <= timedelta(0)
    reason = (
        "ProgressDeadlineExceeded"
        if late
        else "NewReplicaSetAvailable"
        if available
        else "ReplicaSetUpdated"
    )
    progressing = {
        "type": "Progressing", "status": "False" if late else "True", "reason": reason,
        "lastUpdateTime": since, "message": generation,
    }  # fmt: skip
    first = {"type": "Available", "status": str(available), "reason": "MinimumReplicasAvailable"}
    return [first, progressing], None if available or late else left.total_seconds()
