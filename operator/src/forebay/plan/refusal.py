"""Why a Job has no pod, or a pod no container: read from the Events about them, since no condition says so.

A pod that a quota, a security rule or a missing service account keeps out leaves nothing behind but
`FailedCreate` events of its Job; a volume that cannot be mounted leaves events of its pod. Called by
jobstate.py and served.py; reconcile/notices.py reads the events of what `in_question` names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from forebay.api.reasons import Reason
from forebay.kube.port import Obj
from forebay.plan.times import seconds_since

PODLESS = 2.0  # seconds that a Job may be without a pod before its events are read
UNMOUNTED = 10.0  # seconds that a pod may be without a container before its events are read
_PREFIX = "Error creating: "
_POD_NAME = re.compile(
    r'^[Pp]ods? "[^"]*" '
)  # another one with each try: the sentence would never rest
_MOUNT = frozenset({"FailedMount", "FailedAttachVolume"})
_POD = _MOUNT | {"FailedCreatePodSandBox", "FailedCreatePodContainer"}
_OVER = frozenset({"Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"})
_QUIET = ("", "ContainerCreating", "PodInitializing")


def because(message: str) -> tuple[Reason, str]:
    """The reason for which the API server refused a pod, from its own sentence."""
    said = _POD_NAME.sub("the pod ", message.removeprefix(_PREFIX))
    if "exceeded quota" in said or "failed quota" in said:
        return Reason.QuotaPending, said
    if said.endswith(
        (" not found", " was found")
    ):  # a service account, a class of priority or runtime
        return Reason.ReferenceMissing, said
    if "is invalid" in said:
        return Reason.InvalidSpec, said
    return Reason.Forbidden, said


def of_job(notices: Iterable[Obj], since: str = "") -> tuple[Reason, str] | None:
    """Why the Job got no pod after `since`, by the newest of its events; None when nothing was refused."""
    told = [n for n in notices if n.get("reason") == "FailedCreate" and last_seen(n) >= since]
    return because(told[-1].get("message") or "") if told else None


def of_pod(notices: Iterable[Obj]) -> tuple[Reason, str] | None:
    """Why a pod that has a node has no container; None when nothing went wrong."""
    told = [n for n in notices if n.get("reason") in _POD]
    if not told:
        return None
    said = told[-1].get("message") or ""
    if told[-1]["reason"] in _MOUNT and "not found" in said:
        return Reason.SecretMissing if "secret" in said else Reason.ReferenceMissing, said
    return Reason.Pending, said


def last_seen(notice: Obj) -> str:
    """When the event happened last, in whole seconds as objects have their times."""
    series = (notice.get("series") or {}).get("lastObservedTime")
    at = series or notice.get("lastTimestamp") or notice.get("eventTime") or ""
    return f"{at[:19]}Z" if at else ""


def unfinished(pods: Iterable[Obj]) -> list[Obj]:
    """Pods that run or are on their way."""
    over = ("Succeeded", "Failed")
    return [pod for pod in pods if (pod.get("status") or {}).get("phase") not in over]


def in_question(job: Obj, pods: Sequence[Obj], now: datetime) -> Obj | None:
    """The Job or the pod whose events may say what its status does not; None while all is well."""
    if is_over(job):
        return None
    left = unfinished(pods)
    if not left:
        active = (job.get("status") or {}).get("active")
        return job if not active and age(job, now) >= PODLESS else None
    return next((pod for pod in left if is_stuck(pod, now)), None)


def is_stuck(pod: Obj, now: datetime) -> bool:
    """Whether the pod has had a node for long and still no container, and does not say why."""
    return _stuck(pod) and age(pod, now) >= UNMOUNTED


def look_again(job: Obj, pods: Sequence[Obj], now: datetime) -> float | None:
    """Seconds until a look at events is worth it: no watch tells of them. None when none will be."""
    if is_over(job):
        return None
    left = unfinished(pods)
    if not left:
        return max(PODLESS + 1, age(job, now))
    stuck = [age(pod, now) for pod in left if _stuck(pod)]
    return max(UNMOUNTED - min(stuck), UNMOUNTED / 2) if stuck else None


def age(obj: Obj, now: datetime) -> float:
    """Seconds since the object was created."""
    return seconds_since(obj["metadata"].get("creationTimestamp"), now)


def is_over(job: Obj) -> bool:
    """Whether the Job starts no more pods as it is."""
    conditions = (job.get("status") or {}).get("conditions") or []
    return any(c.get("type") in _OVER and c.get("status") == "True" for c in conditions)


def _stuck(pod: Obj) -> bool:
    """Whether the pod has a node and no container yet, and does not say why."""
    status = pod.get("status") or {}
    if status.get("phase") != "Pending" or not (pod.get("spec") or {}).get("nodeName"):
        return False
    held = [(c.get("state") or {}).get("waiting") for c in status.get("containerStatuses") or []]
    return all(wait is not None and wait.get("reason", "") in _QUIET for wait in held)
