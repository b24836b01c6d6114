"""How one version's Deployment and pods are doing: how many answer, whether it is settled, what is wrong.

Called by rollout.py and the plan of a ModelDeployment. It looks at children only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebay.api.reasons import Reason
from forebay.kube.port import Obj
from forebay.manifests.deployment import PROGRESS_DEADLINE
from forebay.manifests.labels import MODEL_VERSION, labels_of
from forebay.manifests.names import label_value
from forebay.plan import podstate, refusal
from forebay.plan.times import seconds_since
from forebay.plan.types import Observed

PROBE_PATIENCE = 60.0  # seconds that a running pod may be silent before it is called ProbeFailed
TRIES = 3  # restarts after which a version that ends by itself is given up
FOR_GOOD = frozenset(
    {Reason.DigestMismatch, Reason.SignatureInvalid}
)  # a retry reads the same bytes
_BY_ITSELF = frozenset({Reason.ModelLoadFailed, Reason.OOMKilled, Reason.ExitCode})


@dataclass(frozen=True)
class Fault:
    """What keeps a version from being ready. `final`: waiting will not help."""

    reason: str
    message: str
    final: bool = False


@dataclass(frozen=True)
class Served:
    """One version as it was observed."""

    version: str  # name of the ModelVersion
    deployment: Obj | None
    pods: tuple[Obj, ...]
    observed: Observed

    @property
    def _status(self) -> Mapping[str, Any]:
        status: Mapping[str, Any] = (self.deployment or {}).get("status") or {}
        return status

    @property
    def ready(self) -> int:
        """Pods that answered their probe."""
        return int(self._status.get("readyReplicas") or 0)

    @property
    def wanted(self) -> int:
        """Pods that its Deployment asks for, whoever set their number."""
        return int(((self.deployment or {}).get("spec") or {}).get("replicas", 0))

    def settled(self, replicas: int) -> bool:
        """Whether `replicas` pods of its present template are ready and none of an older one is left."""
        if self.deployment is None:
            return False
        generation = self.deployment["metadata"].get("generation", 1)
        if self._status.get("observedGeneration", generation) < generation:
            return False
        updated = int(self._status.get("updatedReplicas", self.ready) or 0)
        total = int(self._status.get("replicas", updated) or 0)
        return min(updated, self.ready) >= replicas and total <= updated

    def fault(self) -> Fault | None:
        """The first thing that is wrong, newest pod first; None when it only needs time."""
        pods = [
            p for p in self.pods if not p["metadata"].get("deletionTimestamp") and not _is_ready(p)
        ]
        for pod in podstate.newest(pods):
            if found := self._pod_fault(pod):
                return found
        return self._refused() or self._late()

    def _pod_fault(self, pod: Obj) -> Fault | None:
        over = podstate.ended(pod, self.observed.log_tail)
        if over is not None and over.reason:
            final = over.reason in FOR_GOOD or (
                over.reason in _BY_ITSELF and _restarts(pod) >= TRIES
            )
            return Fault(over.reason, over.message, final)
        notices = self.observed.notices.get(pod["metadata"].get("uid", ""), ())
        if held := podstate.waiting(pod) or refusal.of_pod(notices):
            return Fault(*held)
        silent = seconds_since(_running_since(pod), self.observed.now)
        if silent > PROBE_PATIENCE:
            said = f"pod {pod['metadata']['name']} runs for {silent:.0f} s and does not answer its probe"
            return Fault(Reason.ProbeFailed, said)
        return None

    def _refused(self) -> Fault | None:
        """Pods that the API server did not let in: quota, or a security rule."""
        for entry in self._status.get("conditions") or []:
            if entry.get("type") == "ReplicaFailure" and entry.get("status") == "True":
                return Fault(*refusal.because(entry.get("message", "")))
        return None

    def _late(self) -> Fault | None:
        if self.past_deadline():
            return Fault(
                Reason.ProbeFailed, f"not ready within {PROGRESS_DEADLINE} seconds", final=True
            )
        return None

    def past_deadline(self) -> bool:
        """Whether a version that never became ready had its time."""
        created = ((self.deployment or {}).get("metadata") or {}).get("creationTimestamp")
        return seconds_since(created, self.observed.now) > PROGRESS_DEADLINE


def look(observed: Observed, version: str) -> Served:
    """The version named `version` as its children show it."""
    mine = [c for c in observed.children if labels_of(c).get(MODEL_VERSION) == label_value(version)]
    deployment = next((c for c in mine if c["kind"] == "Deployment"), None)
    pods = tuple(c for c in mine if c["kind"] == "Pod" and podstate.phase(c) != "Succeeded")
    return Served(version, deployment, pods, observed)


def _is_ready(pod: Obj) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _restarts(pod: Obj) -> int:
    entries = (pod.get("status") or {}).get("containerStatuses") or []
    return max((int(e.get("restartCount", 0)) for e in entries), default=0)


def _running_since(pod: Obj) -> str | None:
    for entry in (pod.get("status") or {}).get("containerStatuses") or []:
        if since := ((entry.get("state") or {}).get("running") or {}).get("startedAt"):
            return str(since)
    return None
