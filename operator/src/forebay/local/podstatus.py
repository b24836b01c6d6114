"""A pod's status as a kubelet would write it. Pure; used by worker.py."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from forebay.kube.port import Obj
from forebay.plan import times

DISRUPTED = "DisruptionTarget"
_MESSAGE = 4096  # bytes of a termination message that Kubernetes shows
_SIGNALLED = 128


def stamp(seconds: float) -> str:
    """Seconds since 1970 as the API writes times."""
    return times.stamp(datetime.fromtimestamp(seconds, UTC))


def phase(pod: Obj) -> str:
    """Pending, Running, Succeeded or Failed."""
    return str((pod.get("status") or {}).get("phase", "Pending"))


def finished(pod: Obj) -> bool:
    """Whether the pod runs no more and never will again."""
    return phase(pod) in ("Succeeded", "Failed")


def is_ready(pod: Obj) -> bool:
    """Whether the pod's Ready condition is true and nobody deletes it."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and not pod["metadata"].get("deletionTimestamp")


@dataclass(frozen=True)
class History:
    """What happened to a pod's container before its present start."""

    restarts: int = 0
    last: Mapping[str, Any] | None = None  # how the start before ended: `terminated` of Kubernetes

    @classmethod
    def of(cls, pod: Obj) -> History:
        """As far as the pod's own status tells."""
        entries = (pod.get("status") or {}).get("containerStatuses") or [{}]
        last = (entries[0].get("lastState") or {}).get("terminated")
        return cls(int(entries[0].get("restartCount", 0)), last)


def terminated(code: int, message: str, started: float, ended: float) -> dict[str, Any]:
    """`state.terminated` of a container; times in seconds since 1970."""
    end = {
        "exitCode": code,
        "reason": "Completed" if code == 0 else "Error",
        "startedAt": stamp(started),
        "finishedAt": stamp(ended),
    }
    if code > _SIGNALLED and code - _SIGNALLED in set(signal.Signals):
        end["signal"] = code - _SIGNALLED
    cut = message.encode()[:_MESSAGE].decode(errors="ignore")
    return {**end, "message": cut} if cut else end


def waiting(pod: Obj, reason: str, message: str, history: History) -> Obj:
    """The container does not run now: what it needs is missing, or it waits for its next start."""
    state = {"waiting": {"reason": reason, "message": message}}
    return _status(pod, "Running" if history.last else "Pending", state, history)


def running(pod: Obj, started: float, history: History, *, ready: bool) -> Obj:
    """The container runs; `ready` is what its probes say."""
    state = {"running": {"startedAt": stamp(started)}}
    return _status(pod, "Running", state, history, ready=ready)


def ended(pod: Obj, end: Mapping[str, Any], history: History, *, disrupted: str = "") -> Obj:
    """The pod is over. `disrupted` says that it was not its own fault, and how it came."""
    name = "Succeeded" if end["exitCode"] == 0 else "Failed"
    status = _status(pod, name, {"terminated": dict(end)}, history)
    if disrupted and name == "Failed":
        status["conditions"].append(
            {
                "type": DISRUPTED,
                "status": "True",
                "reason": "TerminationByKubelet",
                "message": disrupted,
                "lastTransitionTime": end["finishedAt"],
            }
        )
    return status


def _status(
    pod: Obj, name: str, state: Mapping[str, Any], history: History, *, ready: bool = False
) -> Obj:
    main = pod["spec"]["containers"][0]
    container = {
        "name": main["name"],
        "image": main.get("image", ""),
        "ready": ready,
        "started": "running" in state,
        "restartCount": history.restarts,
        "state": dict(state),
    }
    if history.last:
        container["lastState"] = {"terminated": dict(history.last)}
    word = str(ready)
    return {
        "phase": name,
        "podIP": "127.0.0.1",
        "startTime": pod["metadata"].get("creationTimestamp"),
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "ContainersReady", "status": word},
            {"type": "Ready", "status": word},
        ],
        "containerStatuses": [container],
    }
