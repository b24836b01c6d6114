"""Where a Job is, read from its conditions and its pods. Called by the plans of runs and of probes.

A Job's condition is the judge of success and failure (it knows the retries); its pods say why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from forebay.api.reasons import Reason
from forebay.kube.port import Obj
from forebay.plan import podstate, refusal
from forebay_workloads.contract import EXIT_FINAL, Result

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
    retrying: bool = False  # an attempt failed for this reason and the next one follows


def read(
    job: Obj,
    pods: Sequence[Obj],
    log_tail: Mapping[str, str],
    notices: Mapping[str, Sequence[Obj]] | None = None,
) -> JobState:
    """The state of `job`, whose pods are `pods`; `notices` are events by the uid of what they are about."""
    status = job.get("status") or {}
    start = status.get("startTime") or job["metadata"].get("creationTimestamp")
    ordered = podstate.newest(pods)
    if over := _condition(status, "Complete") or _condition(status, "Completed"):  # a JobSet's word
        leaders = (pod for pod in ordered if podstate.index(pod) == 0)
        result = next(
            (e.result for p in leaders if (e := podstate.ended(p, log_tail)) and e.code == 0), None
        )
        at = status.get("completionTime") or over.get("lastTransitionTime")
        return JobState("Succeeded", Reason.Succeeded, "", start, at, result)
    if over := _condition(status, "Failed"):
        return _failed(over, ordered, start, log_tail)
    if _condition(status, "Suspended"):
        return JobState("Pending", Reason.Queued, "the Job waits for its queue", start)
    return _active(job, ordered, start, log_tail, notices or {})


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
    ends = podstate.failures(pods, log_tail)
    if not ends:
        known = (
            Reason.BackoffLimitExceeded if word == Reason.BackoffLimitExceeded else Reason.ExitCode
        )
        return JobState("Failed", known, said or word, start, at)
    last = ends[0]
    tries = f" (gave up after {len(ends)} attempts)" if len(ends) > 1 else ""
    return JobState("Failed", last.reason, last.message + tries, start, at, last.result)


def _parallelism(job: Obj) -> int:
    """How many pods work at the same time."""
    sets = (job.get("spec") or {}).get("replicatedJobs")
    spec = sets[0]["template"]["spec"] if sets else job.get("spec") or {}
    return int(spec.get("parallelism") or 1)


def _active(
    job: Obj,
    pods: Sequence[Obj],
    start: str | None,
    log_tail: Mapping[str, str],
    notices: Mapping[str, Sequence[Obj]],
) -> JobState:
    """Neither complete nor failed: what its pods do, or what keeps one of them from it."""
    running = sum(podstate.phase(pod) == "Running" for pod in pods)
    if running >= _parallelism(job):
        return JobState("Running", Reason.Running, "", start)
    if held := _held(job, pods, notices):
        return JobState("Pending", held[0], held[1], start)
    if running:
        return JobState("Running", Reason.Running, "", start)
    if not pods and not refusal.is_over(job):
        return JobState("Pending", Reason.Pending, "waiting for a pod", start)
    return _between(job, pods, start, log_tail)


def _between(
    job: Obj, pods: Sequence[Obj], start: str | None, log_tail: Mapping[str, str]
) -> JobState:
    """No pod runs and nothing holds one: the first has not begun, or what the one before died of."""
    before = next(iter(podstate.failures(pods, log_tail)), None)
    if before is not None and not _is_last(job, pods, before):
        text = f"{before.message.removesuffix('.')}; trying again"
        return JobState("Running", before.reason, text, start, retrying=True)
    if before is not None or not pods or podstate.phase(pods[0]) == "Succeeded":
        return JobState("Running", Reason.Running, "", start)
    return JobState("Pending", Reason.Pending, "the pod is being started", start)


def _held(
    job: Obj, pods: Sequence[Obj], notices: Mapping[str, Sequence[Obj]]
) -> tuple[str, str] | None:
    """What keeps the next pod from being made, or from being started."""
    left = refusal.unfinished(pods)
    if not left:
        since = pods[0]["metadata"].get("creationTimestamp", "") if pods else ""
        return refusal.of_job(notices.get(job["metadata"].get("uid", ""), ()), since)
    told = (
        podstate.waiting(pod) or refusal.of_pod(notices.get(pod["metadata"].get("uid", ""), ()))
        for pod in left
    )
    return next((held for held in told if held is not None), None)


def _is_last(job: Obj, pods: Sequence[Obj], before: podstate.Ended) -> bool:
    """Whether no attempt follows one that failed: the Job's own condition comes a moment after its pod's."""
    if before.code in EXIT_FINAL or refusal.is_over(job):
        return True
    limit = (job.get("spec") or {}).get("backoffLimit")
    failed = [p for p in pods if podstate.phase(p) == "Failed" and podstate.counts(p)]
    return limit is not None and len(failed) > limit
