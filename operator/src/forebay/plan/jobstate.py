"""Where a Job is, read from its conditions and its pods. Called by the plans of runs and of probes.

A Job's condition is the judge of success and failure (it knows the retries); its pods say why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from forebay.api.reasons import Reason
from forebay.kube.port import Obj
from forebay.plan import podstate
from forebay_workloads.contract import Result

JobPhase = Literal["Pending", "Running", "Succeeded", "Failed"]


@dataclass(frozen=True)
class JobState:
    """Where a Job is and why. Times are the API's texts."""

    phase: JobPhase
    reason: str = ""
    message: str = ""
    start: str | None = None
    completion: str | None = None
    result: Result | None = None


def read(job: Obj, pods: Sequence[Obj], log_tail: Mapping[str, str]) -> JobState:
    """The state of `job`, whose pods are `pods`."""
    status = job.get("status") or {}
    start = status.get("startTime") or job["metadata"].get("creationTimestamp")
    ordered = podstate.newest(pods)
    if over := _condition(status, "Complete"):
        result = next(
            (e.result for p in ordered if (e := podstate.ended(p, log_tail)) and e.code == 0), None
        )
        at = status.get("completionTime") or over.get("lastTransitionTime")
        return JobState("Succeeded", Reason.Succeeded, "", start, at, result)
    if over := _condition(status, "Failed"):
        return _failed(over, ordered, start, log_tail)
    if _condition(status, "Suspended"):
        return JobState("Pending", Reason.Queued, "the Job waits for its queue", start)
    return _active(ordered, start, log_tail)


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    for entry in status.get("conditions") or []:
        if entry.get("type") == kind and entry.get("status") == "True":
            found: Mapping[str, Any] = entry
            return found
    return None


def _failed(
    over: Mapping[str, Any], pods: Sequence[Obj], start: str | None, log_tail: Mapping[str, str]
) -> JobState:
    at, word, said = over.get("lastTransitionTime"), over.get("reason", ""), over.get("message", "")
    if word == Reason.DeadlineExceeded:
        return JobState("Failed", Reason.DeadlineExceeded, said, start, at)
    ends = [e for p in pods if (e := podstate.ended(p, log_tail)) and e.code != 0]
    if not ends:
        known = (
            Reason.BackoffLimitExceeded if word == Reason.BackoffLimitExceeded else Reason.ExitCode
        )
        return JobState("Failed", known, said or word, start, at)
    last = ends[0]
    tries = f" (gave up after {len(ends)} attempts)" if len(ends) > 1 else ""
    return JobState("Failed", last.reason, last.message + tries, start, at, last.result)


def _active(pods: Sequence[Obj], start: str | None, log_tail: Mapping[str, str]) -> JobState:
    """Neither complete nor failed: what the newest pod says, and what the one before it died of."""
    if not pods:
        return JobState("Pending", Reason.Pending, "waiting for a pod", start)
    if any(podstate.phase(pod) == "Running" for pod in pods):
        return JobState("Running", Reason.Running, "", start)
    if held := podstate.waiting(pods[0]):
        return JobState("Pending", held[0], held[1], start)
    before = next((e for p in pods if (e := podstate.ended(p, log_tail)) and e.code != 0), None)
    if before is not None:
        text = f"{before.reason}: {before.message}; trying again"
        return JobState("Running", Reason.Retrying, text, start)
    if podstate.phase(pods[0]) == "Succeeded":
        return JobState("Running", Reason.Running, "", start)
    return JobState("Pending", Reason.Pending, "the pod is being started", start)
