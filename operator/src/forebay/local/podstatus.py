"""A pod's status as the kubelet would write it. Pure; used by pods.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from forebay.kube.port import Obj

NODE_LOST = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "DeletionByPodGC",
    "message": "the process vanished without an exit code: its machine or its supervisor was stopped",
}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _container(pod: Obj, state: Mapping[str, Any], *, ready: bool, restarts: int) -> dict[str, Any]:
    main = pod["spec"]["containers"][0]
    return {
        "name": main["name"], "image": main["image"], "ready": ready, "restartCount": restarts,
        "state": dict(state),
    }  # fmt: skip


def _status(
    phase: str, container: Mapping[str, Any], started: float, *conditions: Mapping[str, Any]
) -> Obj:
    ready = "True" if container["ready"] else "False"
    return {
        "phase": phase,
        "podIP": "127.0.0.1",
        "startTime": _time(started),
        "conditions": [{"type": "Ready", "status": ready}, *(dict(c) for c in conditions)],
        "containerStatuses": [dict(container)],
    }


def running(pod: Obj, started: float, *, ready: bool, restarts: int) -> Obj:
    """The container runs; `ready` is the readiness probe's last answer."""
    state = {"running": {"startedAt": _time(started)}}
    return _status("Running", _container(pod, state, ready=ready, restarts=restarts), started)


def waiting(pod: Obj, started: float, reason: str, message: str, *, restarts: int = 0) -> Obj:
    """The container does not run: CrashLoopBackOff, or what it needs is missing."""
    state = {"waiting": {"reason": reason, "message": message}}
    phase = "Running" if restarts else "Pending"
    return _status(phase, _container(pod, state, ready=False, restarts=restarts), started)


def terminated(
    pod: Obj,
    started: float,
    finished: float,
    code: int,
    message: str,
    *,
    restarts: int = 0,
    lost: bool = False,
) -> Obj:
    """The container ended for good. `lost` says that nobody saw how: a disruption, not a failure of its own."""
    end = {
        "exitCode": code,
        "reason": "Completed" if code == 0 else "Error",
        "message": message,
        "startedAt": _time(started),
        "finishedAt": _time(finished),
    }
    phase = "Succeeded" if code == 0 else "Failed"
    container = _container(pod, {"terminated": end}, ready=False, restarts=restarts)
    return _status(phase, container, started, *([NODE_LOST] if lost else []))
