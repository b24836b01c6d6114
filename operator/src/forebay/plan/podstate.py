"""What a pod says about itself, as one reason and one message: why it waits, why it ended.

Called by jobstate.py and by the plans of probes and deployments. The stage's own words win over what
Kubernetes makes of the exit code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from forebay.api.reasons import Reason
from forebay.kube.port import Obj
from forebay.manifests.labels import annotations_of
from forebay.manifests.nodes import INDEX
from forebay_workloads.contract import EXIT_PEER, EXIT_PREEMPTED, Result

_PULL = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError"})
_UNSCHEDULED = {  # any other word: the scheduler found no node
    "SchedulingGated": Reason.Queued,
    "SchedulerError": Reason.Pending,  # mostly a conflict with another write: it tries again at once
}


@dataclass(frozen=True)
class Ended:
    """How the container of a pod ended."""

    code: int
    result: Result | None  # None: it left no message that can be read
    reason: str  # "" for a good end
    message: str


def newest(pods: Iterable[Obj]) -> list[Obj]:
    """Newest first; by name among equals."""
    key = lambda pod: (pod["metadata"].get("creationTimestamp", ""), pod["metadata"]["name"])  # noqa: E731
    return sorted(pods, key=key, reverse=True)


def index(pod: Obj) -> int:
    """Which of a Job's pods it is; 0 for the only one. The pod of index 0 has the stage's result."""
    return int(annotations_of(pod).get(INDEX, 0))


def attempts(pods: Iterable[Obj]) -> int:
    """How often the stage was begun: pods that work together are one attempt."""
    return max(Counter(index(pod) for pod in pods).values(), default=0)


def failures(pods: Sequence[Obj], log_tail: Mapping[str, str]) -> list[Ended]:
    """How pods failed, in their order. That of a pod which only followed another is told last of all."""
    ends = [e for p in pods if (e := ended(p, log_tail)) and e.code != 0]
    return [e for e in ends if e.code != EXIT_PEER] or ends


def phase(pod: Obj) -> str:
    """Pending, Running, Succeeded, Failed or Unknown."""
    return str((pod.get("status") or {}).get("phase", "Pending"))


def waiting(pod: Obj) -> tuple[str, str] | None:
    """Reason and message of a pod that cannot start; None when nothing is known to stand in its way."""
    for entry in (pod.get("status") or {}).get("conditions") or []:
        if entry.get("type") == "PodScheduled" and entry.get("status") == "False":
            why = _UNSCHEDULED.get(entry.get("reason", ""), Reason.Unschedulable)
            return why, entry.get("message", "")
    for entry in _containers(pod):
        held = (entry.get("state") or {}).get("waiting") or {}
        word, text = held.get("reason", ""), held.get("message", "")
        if word in _PULL:
            return Reason.ImagePullFailed, f"{entry.get('image', '')}: {text or word}"
        if word in _CONFIG:
            missing = Reason.SecretMissing if "secret" in text.lower() else Reason.ReferenceMissing
            return missing, text
    return None


def is_disrupted(pod: Obj) -> bool:
    """Whether the pod was ended by what happened to its node: no failure of its own."""
    return any(
        c.get("type") == "DisruptionTarget" and c.get("status") == "True"
        for c in (pod.get("status") or {}).get("conditions") or []
    )


def counts(pod: Obj) -> bool:
    """Whether a failed pod counts against its Job's back-off limit."""
    over = ended(pod, {})
    return not is_disrupted(pod) and (over is None or over.code != EXIT_PEER)


def ended(pod: Obj, log_tail: Mapping[str, str]) -> Ended | None:
    """How the pod ended; None while it has not. `log_tail` holds last log lines by pod name."""
    for entry in _containers(pod):
        state = entry.get("state") or {}
        over = state.get("terminated") or (entry.get("lastState") or {}).get("terminated")
        if over:
            found = _terminated(over, log_tail.get(pod["metadata"]["name"], ""))
            return _with_limit(found, entry) if found.reason == Reason.OOMKilled else found
    status = pod.get("status") or {}
    if phase(pod) == "Failed":  # evicted before its container could say anything
        text = status.get("message") or status.get("reason") or "the pod failed"
        return Ended(-1, None, Reason.ExitCode, text)
    return None


def _with_limit(found: Ended, container: Mapping[str, Any]) -> Ended:
    """Which limit it was, where the cluster says it of its containers (Kubernetes 1.33)."""
    limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return replace(found, message=f"{found.message} It was {limit}.") if limit else found


def _terminated(over: Mapping[str, Any], tail: str) -> Ended:
    code, text = int(over.get("exitCode", -1)), over.get("message") or ""
    result = _result(text)
    if code == 0:
        return Ended(code, result, "", "")
    if result is not None and result.reason:
        return Ended(code, result, result.reason, result.message or "")
    if over.get("reason") == "OOMKilled":
        return Ended(code, result, Reason.OOMKilled, Reason.OOMKilled.sentence)
    if code == EXIT_PREEMPTED:
        return Ended(code, result, Reason.Preempted, Reason.Preempted.sentence)
    lines = tail or ("" if result else text)
    message = f"exit code {code}" + (f"; last lines:\n{lines.strip()}" if lines.strip() else "")
    return Ended(code, result, Reason.ExitCode, message)


def _result(text: str) -> Result | None:
    if not text:
        return None
    try:
        return Result.decode(text)
    except ValueError:  # log lines instead of a result
        return None


def _containers(pod: Obj) -> list[Mapping[str, Any]]:
    return list((pod.get("status") or {}).get("containerStatuses") or [])
