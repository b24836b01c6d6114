"""What may go: finished runs beyond the history limits or their TTL, versions beyond `keep`.

Pure selection by time stamps and labels; the plans of pipelines and runs carry it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from forebay.kube.port import Obj, Ref
from forebay.manifests.labels import PRODUCTION, STAGE, labels_of
from forebay.manifests.modelversion import version_number
from forebay.plan.times import seconds_since

KEEP_VERSIONS = 10
FINISHED = ("Succeeded", "Failed")


def run_phase(run: Obj) -> str:
    """The run's phase; Pending before its first status."""
    return str((run.get("status") or {}).get("phase") or "Pending")


def age_key(obj: Obj, newest: str | None = None) -> tuple[str, bool, str]:
    """Sorts oldest first; of one second, `newest` is the last: time stamps know no fractions."""
    name = str(obj["metadata"]["name"])
    return str(obj["metadata"].get("creationTimestamp", "")), name == newest, name


def is_recorded(run: Obj, pipeline: Obj) -> bool:
    """Whether the pipeline's status tells of the finished run's end, or of a later run. Only then may the run go."""
    last = (pipeline.get("status") or {}).get("lastRun") or {}
    if last.get("name") == run["metadata"]["name"]:
        return last.get("phase") in FINISHED
    began = str((run.get("status") or {}).get("startTime") or "")
    return bool(last) and str(last.get("startTime") or "~") >= began


def surplus_runs(runs: Iterable[Obj], succeeded: int, failed: int) -> list[Ref]:
    """Finished runs beyond the limits; `runs` oldest first, as is the answer."""
    by_phase: dict[str, list[Obj]] = {"Succeeded": [], "Failed": []}
    for run in runs:
        if run_phase(run) in FINISHED:
            by_phase[run_phase(run)].append(run)
    limits = {"Succeeded": succeeded, "Failed": failed}
    return [
        Ref.of(run)
        for phase, found in by_phase.items()
        for run in found[: max(0, len(found) - limits[phase])]
    ]


def seconds_to_live(run: Obj, ttl: int | None, now: datetime) -> float | None:
    """Seconds until a finished run has to go, 0 when it has; None when it stays."""
    done = (run.get("status") or {}).get("completionTime")
    if ttl is None or done is None:
        return None
    return max(0.0, ttl - seconds_since(done, now))


def surplus_versions(versions: Sequence[Obj], keep: int, *, spared: str) -> list[Ref]:
    """The oldest versions beyond `keep`, never the one in production nor `spared`."""
    ordered = sorted(versions, key=version_number)
    may_go = [
        v
        for v in ordered
        if labels_of(v).get(STAGE) != PRODUCTION and v["metadata"]["name"] != spared
    ]
    return [Ref.of(v) for v in may_go[: max(0, len(ordered) - keep)]]
