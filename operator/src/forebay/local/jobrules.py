"""What is to be done about a Job, from its spec, its status and its pods. Pure; called by jobs.py.

The rules and their words are those of the Kubernetes Job controller, for one pod at a time, or for one pod of
each index of an Indexed Job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from forebay.kube.port import Obj
from forebay.local import podstatus
from forebay.local.backoff import FIRST, delay
from forebay.manifests.nodes import INDEX
from forebay.plan import times

FAILURE_TARGET = "FailureTarget"  # the Job will fail as soon as its last process has ended
Verdict = Literal["Complete", "Failed", "Suspended", "Run", "Wait"]


@dataclass(frozen=True)
class Decision:
    """The verdict, why, and when to look again (seconds)."""

    verdict: Verdict
    reason: str = ""
    message: str = ""
    again: float | None = None


@dataclass(frozen=True)
class JobView:
    """A Job with its pods, oldest first."""

    job: Obj
    pods: Sequence[Obj]
    now: datetime

    @property
    def spec(self) -> Obj:
        """The Job's spec."""
        spec: Obj = self.job["spec"]
        return spec

    @property
    def active(self) -> list[Obj]:
        """Pods that have, or may get, a process."""
        return [pod for pod in self.pods if not podstatus.finished(pod)]

    @property
    def failed(self) -> list[Obj]:
        """Pods that failed, for whatever reason."""
        return [pod for pod in self.pods if podstatus.phase(pod) == "Failed"]

    @property
    def counted(self) -> list[Obj]:
        """Failed pods that count against the back-off limit."""
        return [pod for pod in self.failed if action(self.job, pod) != "Ignore"]

    @property
    def is_indexed(self) -> bool:
        """Whether its pods have each a part of the work."""
        return self.spec.get("completionMode") == "Indexed"

    @property
    def indexes(self) -> range:
        """The parts of its work; a Job that is not Indexed has one."""
        return range(int(self.spec.get("completions") or 1) if self.is_indexed else 1)

    @property
    def done(self) -> set[int]:
        """The parts that a pod did."""
        return {index(pod) for pod in self.pods if podstatus.phase(pod) == "Succeeded"}

    @property
    def succeeded(self) -> bool:
        """Whether its work is done."""
        return self.done >= set(self.indexes)

    @property
    def missing(self) -> list[int]:
        """The parts at which nobody works and which are not done."""
        busy = self.done | {index(pod) for pod in self.active}
        return [number for number in self.indexes if number not in busy]

    @property
    def start(self) -> datetime:
        """When the Job began; now for one that has not yet."""
        text = (self.job.get("status") or {}).get("startTime")
        return _when(text) if text else self.now


def condition(job: Obj, *types: str) -> Obj | None:
    """The Job's first condition of one of the types that is true."""
    for entry in (job.get("status") or {}).get("conditions") or []:
        if entry["type"] in types and entry["status"] == "True":
            found: Obj = entry
            return found
    return None


def decide(view: JobView) -> Decision:
    """The first rule that has something to say; else one more pod."""
    for rule in _RULES:
        decision = rule(view)
        if decision is not None:
            return decision
    return Decision("Run", again=_time_left(view))


def _already_failing(view: JobView) -> Decision | None:
    target = condition(view.job, FAILURE_TARGET)
    return Decision("Failed", target["reason"], target["message"]) if target else None


def _complete(view: JobView) -> Decision | None:
    if not view.succeeded:
        return None
    return Decision("Complete", "CompletionsReached", "Reached expected number of succeeded pods")


def _fatal_exit(view: JobView) -> Decision | None:
    fatal = [pod for pod in view.counted if action(view.job, pod) == "FailJob"]
    if not fatal:
        return None
    name, code = fatal[0]["spec"]["containers"][0]["name"], exit_code(fatal[0])
    pod = f"{fatal[0]['metadata'].get('namespace', 'default')}/{fatal[0]['metadata']['name']}"
    text = f"Container {name} for pod {pod} failed with exit code {code} matching FailJob rule"
    return Decision("Failed", "PodFailurePolicy", text)


def _too_many_failures(view: JobView) -> Decision | None:
    if len(view.counted) <= int(view.spec.get("backoffLimit", 6)):
        return None
    text = "Job has reached the specified backoff limit"
    return Decision("Failed", "BackoffLimitExceeded", text)


def _suspended(view: JobView) -> Decision | None:
    if not view.spec.get("suspend"):
        return None
    return Decision("Suspended", "JobSuspended", "Job suspended")


def _too_late(view: JobView) -> Decision | None:
    left = _time_left(view)
    if left is None or left > 0:
        return None
    text = "Job was active longer than specified deadline"
    return Decision("Failed", "DeadlineExceeded", text)


def _busy(view: JobView) -> Decision | None:
    return None if view.missing else Decision("Wait", again=_time_left(view))


def _backing_off(view: JobView) -> Decision | None:
    """Doubled with each failure that counts; one that does not still waits for a moment."""
    ends = [_when(end) for pod in view.failed if (end := _finished_at(pod))]
    if not ends:
        return None
    wait = delay(len(view.counted)) if view.counted else FIRST
    left = (max(ends) + timedelta(seconds=wait) - view.now).total_seconds()
    return Decision("Wait", again=left) if 0 < left <= wait else None


_RULES: tuple[Callable[[JobView], Decision | None], ...] = (
    _complete,
    _already_failing,
    _fatal_exit,
    _too_many_failures,
    _suspended,
    _too_late,
    _busy,
    _backing_off,
)


def seconds_to_live(job: Obj, now: datetime) -> float | None:
    """Seconds until a finished Job is deleted; None when it stays."""
    ttl, over = job["spec"].get("ttlSecondsAfterFinished"), condition(job, "Complete", "Failed")
    if ttl is None or over is None:
        return None
    end = _when(over["lastTransitionTime"]) + timedelta(seconds=int(ttl))
    return (end - now).total_seconds()


def index(pod: Obj) -> int:
    """Which part of an Indexed Job's work is the pod's."""
    return int((pod["metadata"].get("annotations") or {}).get(INDEX, 0))


def exit_code(pod: Obj) -> int | None:
    """The exit code of a pod's container; None before it ended."""
    end = _terminated(pod)
    return int(end["exitCode"]) if end else None


def action(job: Obj, pod: Obj) -> str:
    """The action of the first rule of podFailurePolicy that matches the pod; Count when none does."""
    for rule in (job["spec"].get("podFailurePolicy") or {}).get("rules") or []:
        codes, patterns = rule.get("onExitCodes"), rule.get("onPodConditions")
        if (codes and _in(exit_code(pod), codes)) or (patterns and _has(pod, patterns)):
            return str(rule["action"])
    return "Count"


def _in(code: int | None, codes: dict[str, Any]) -> bool:
    return bool(code) and (code in codes["values"]) == (codes["operator"] == "In")


def _has(pod: Obj, patterns: list[dict[str, Any]]) -> bool:
    there = {(c["type"], c["status"]) for c in (pod.get("status") or {}).get("conditions") or []}
    return any((p["type"], p.get("status", "True")) in there for p in patterns)


def _terminated(pod: Obj) -> Obj | None:
    for entry in (pod.get("status") or {}).get("containerStatuses") or []:
        end: Obj | None = (entry.get("state") or {}).get("terminated")
        if end:
            return end
    return None


def _finished_at(pod: Obj) -> str | None:
    end = _terminated(pod)
    return str(end["finishedAt"]) if end else None


def _time_left(view: JobView) -> float | None:
    limit = view.spec.get("activeDeadlineSeconds")
    if limit is None:
        return None
    return (view.start + timedelta(seconds=int(limit)) - view.now).total_seconds()


def _when(text: str) -> datetime:
    return times.parse(text)
