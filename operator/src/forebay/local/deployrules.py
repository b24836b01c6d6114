"""What is to be done about a Deployment, from its spec, its status and its pods. Pure; called by deployments.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from forebay.kube.port import Obj
from forebay.local import podstatus
from forebay.local.children import TEMPLATE_HASH, template_hash
from forebay.plan import times

_PROGRESS_DEADLINE = 600  # seconds, Kubernetes' default


@dataclass(frozen=True)
class Replicas:
    """A Deployment's pods by what they are to it; pods that are being deleted are in none of the groups."""

    wanted: int
    recreate: bool
    new: list[Obj] = field(default_factory=list)  # of the present template
    old: list[Obj] = field(default_factory=list)
    over: list[Obj] = field(default_factory=list)  # ended: to be replaced
    leaving: list[Obj] = field(default_factory=list)

    @property
    def ready(self) -> list[Obj]:
        """New pods that answer."""
        return [pod for pod in self.new if podstatus.is_ready(pod)]

    @property
    def old_ready(self) -> list[Obj]:
        """Old pods that still answer."""
        return [pod for pod in self.old if podstatus.is_ready(pod)]


def replicas(deployment: Obj, pods: Sequence[Obj]) -> Replicas:
    """Sorts the pods."""
    spec, digest = deployment["spec"], template_hash(deployment)
    recreate = (spec.get("strategy") or {}).get("type") == "Recreate"
    found = Replicas(int(spec.get("replicas", 1)), recreate)
    for pod in pods:
        if pod["metadata"].get("deletionTimestamp"):
            found.leaving.append(pod)
        elif podstatus.finished(pod):
            found.over.append(pod)
        elif (pod["metadata"].get("labels") or {}).get(TEMPLATE_HASH) == digest:
            found.new.append(pod)
        else:
            found.old.append(pod)
    return found


def missing(found: Replicas) -> int:
    """How many pods to start now: one more than wanted while old ones are replaced, none next to them with Recreate."""
    if found.recreate and (found.old or found.leaving):
        return 0
    surge = 1 if found.old else 0
    room = found.wanted + surge - len(found.new) - len(found.old)
    return max(0, min(room, found.wanted - len(found.new)))


def surplus(found: Replicas) -> list[Obj]:
    """Pods to delete now: ended ones, old ones that are not needed any more, new ones beyond the wished number."""
    extra = max(0, len(found.new) - found.wanted)
    shrink = sorted(found.new, key=podstatus.is_ready)[:extra]
    if found.recreate:
        return [*found.over, *found.old, *shrink]
    deaf = [pod for pod in found.old if not podstatus.is_ready(pod)]
    spare = max(0, len(found.ready) + len(found.old_ready) - found.wanted)
    return [*found.over, *deaf, *found.old_ready[:spare], *shrink]


def status(deployment: Obj, found: Replicas, now: datetime) -> tuple[Obj, float | None]:
    """The status, and the seconds until its progress deadline while it is not reached."""
    ready = len(found.ready)
    conditions, again = _conditions(deployment, found, now)
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": len(found.new) + len(found.old),
        "updatedReplicas": len(found.new),
        "readyReplicas": ready + len(found.old_ready),
        "availableReplicas": ready + len(found.old_ready),
        "unavailableReplicas": max(0, found.wanted - ready - len(found.old_ready)),
        "conditions": conditions,
    }, again


def _conditions(deployment: Obj, found: Replicas, now: datetime) -> tuple[list[Obj], float | None]:
    old = {c["type"]: c for c in (deployment.get("status") or {}).get("conditions") or []}
    available = len(found.ready) + len(found.old_ready) >= found.wanted
    done = len(found.ready) >= found.wanted and not found.old
    since, left = _progress(deployment, old.get("Progressing"), now)
    late = not done and left <= 0
    reason = "NewReplicaSetAvailable" if done else "ReplicaSetUpdated"
    conditions = [
        _condition(
            old.get("Available"),
            "Available",
            str(available),
            "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable",
            now,
        ),
        {
            **_condition(
                old.get("Progressing"),
                "Progressing",
                str(not late),
                "ProgressDeadlineExceeded" if late else reason,
                now,
            ),
            "message": f"generation {deployment['metadata']['generation']}",
            "lastUpdateTime": since,
        },
    ]
    return conditions, None if done or late else left


def _progress(deployment: Obj, old: Obj | None, now: datetime) -> tuple[str, float]:
    """Since when this generation is on its way, and the seconds that are left to it."""
    word = f"generation {deployment['metadata']['generation']}"
    since = old["lastUpdateTime"] if old and old.get("message") == word else _text(now)
    limit = int(deployment["spec"].get("progressDeadlineSeconds", _PROGRESS_DEADLINE))
    end = times.parse(since)
    return since, (end + timedelta(seconds=limit) - now).total_seconds()


def _condition(old: Obj | None, kind: str, word: str, reason: str, now: datetime) -> Obj:
    same = old is not None and old["status"] == word
    since = old["lastTransitionTime"] if old is not None and same else _text(now)
    return {"type": kind, "status": word, "reason": reason, "lastTransitionTime": since}


def _text(moment: datetime) -> str:
    return times.stamp(moment)
