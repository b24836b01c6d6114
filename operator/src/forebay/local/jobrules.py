"""What a Job needs next, given its pods. Pure: the Job controller's rules, used by jobs.py.

Kubernetes' own meaning: https://kubernetes.io/docs/concepts/workloads/controllers/job/
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from forebay.kube.port import Obj
from forebay.local.backoff import delay

Verdict = Literal["Complete", "Failed", "Suspended", "Run", "Wait"]


@dataclass(frozen=True)
class Decision:
    """The verdict, why, how many failures count, and when to look again (seconds)."""

    verdict: Verdict
    reason: str = ""
    message: str = ""
    failures: int = 0
    again: float | None = None


def finished(job: Obj) -> bool:
    """Whether the Job has a terminal condition."""
    conditions = (job.get("status") or {}).get("conditions", [])
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)


def decide(job: Obj, pods: list[Obj], now: datetime) -> Decision:
    """The first rule that applies, in the Job controller's order."""
    failed = [p for p in pods if _phase(p) == "Failed"]
    counted = [p for p in failed if _action(job, p) != "Ignore"]
    fatal = next((p for p in counted if _action(job, p) == "FailJob"), None)
    if any(_phase(p) == "Succeeded" for p in pods):
        return Decision("Complete", "CompletionsReached", "the pod succeeded", len(counted))
    if fatal is not None:
        return Decision("Failed", "PodFailurePolicy", _failure_text(fatal), len(counted))
    if len(counted) > int(job["spec"].get("backoffLimit", 6)):
        text = f"{len(counted)} pods failed, the last with exit code {exit_code(counted[-1])}"
        return Decision("Failed", "BackoffLimitExceeded", text, len(counted))
    if job["spec"].get("suspend"):
        return Decision("Suspended", "JobSuspended", "the Job is suspended", len(counted))
    left = _time_left(job, now)
    if left is not None and left <= 0:
        text = f"the Job ran longer than {job['spec']['activeDeadlineSeconds']} seconds"
        return Decision("Failed", "DeadlineExceeded", text, len(counted))
    if any(_phase(p) in ("Pending", "Running") for p in pods):
        return Decision("Wait", failures=len(counted), again=left)
    pause = _pause(counted, now)
    if pause > 0:
        return Decision("Wait", failures=len(counted), again=min(pause, left or pause))
    return Decision("Run", failures=len(counted), again=left)


def exit_code(pod: Obj) -> int | None:
    """The exit code of a pod's container; None before it ended."""
    for status in (pod.get("status") or {}).get("containerStatuses", []):
        end = status["state"].get("terminated")
        if end:
            return int(end["exitCode"])
    return None


def _phase(pod: Obj) -> str:
    return str((pod.get("status") or {}).get("phase", "Pending"))


def _action(job: Obj, pod: Obj) -> str:
    """The action of the first rule of podFailurePolicy that matches the pod; Count when none does."""
    for rule in (job["spec"].get("podFailurePolicy") or {}).get("rules", []):
        codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
        if codes and _in(exit_code(pod), codes):
            return str(rule["action"])
        if conditions and _has(pod, conditions):
            return str(rule["action"])
    return "Count"


def _in(code: int | None, codes: dict[str, Any]) -> bool:
    return code is not None and (code in codes["values"]) == (codes["operator"] == "In")


def _has(pod: Obj, patterns: list[dict[str, Any]]) -> bool:
    there = {(c["type"], c["status"]) for c in (pod.get("status") or {}).get("conditions", [])}
    return any((p["type"], p.get("status", "True")) in there for p in patterns)


def _failure_text(pod: Obj) -> str:
    name = pod["spec"]["containers"][0]["name"]
    return f"Container {name} for pod {pod['metadata']['name']} failed with exit code {exit_code(pod)} matching FailJob rule"


def _time_left(job: Obj, now: datetime) -> float | None:
    limit, began = (
        job["spec"].get("activeDeadlineSeconds"),
        (job.get("status") or {}).get("startTime"),
    )
    if limit is None or began is None:
        return float(limit) if limit is not None else None
    return (_when(began) + timedelta(seconds=limit) - now).total_seconds()


def _pause(counted: list[Obj], now: datetime) -> float:
    """Seconds of back-off that are left after the last failure that counts."""
    ends = [
        s["state"]["terminated"]["finishedAt"]
        for p in counted
        for s in p["status"].get("containerStatuses", [])
        if "terminated" in s["state"]
    ]
    if not ends:
        return 0.0
    return (_when(max(ends)) + timedelta(seconds=delay(len(counted))) - now).total_seconds()


def _when(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
