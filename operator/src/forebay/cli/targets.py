"""When is what was applied done? Pure decisions over objects; called by `follow.py` on every look.

A pipeline is done when its reconciler saw the newest spec, the run that this calls for is there, and no
run of it is active. A served model is done when it is ready, or when it is certain that it will not be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forebay.cli import runs
from forebay.cli.applying import Applied
from forebay.kube.port import Obj

PAUSED = ("forebay.dev/reconcile", "paused")


@dataclass(frozen=True)
class Served:
    """A ModelDeployment as the command line reports it."""

    name: str
    state: str  # ready | waiting | failed | pending
    url: str | None = None
    version: str | None = None
    reason: str = ""
    message: str = ""


def starts_by_itself(pipeline: Obj) -> bool:
    """Whether a change of its spec starts a run: no schedule, no triggers, not suspended, not paused."""
    spec = pipeline["spec"]
    return not (
        spec.get("schedule") or spec.get("triggers") or spec.get("suspend") or paused(pipeline)
    )


def paused(obj: Obj) -> bool:
    """Whether its reconciler leaves it alone."""
    return (obj["metadata"].get("annotations") or {}).get(PAUSED[0]) == PAUSED[1]


def runs_of(pipeline: Obj, all_runs: Sequence[Obj]) -> list[Obj]:
    """The pipeline's runs, oldest first."""
    meta = pipeline["metadata"]
    mine = [
        run
        for run in all_runs
        if run["spec"]["pipelineRef"]["name"] == meta["name"]
        and run["metadata"]["namespace"] == meta["namespace"]
    ]
    return sorted(mine, key=runs.created)


def pipeline_done(
    pipeline: Obj, applied: Applied, all_runs: Sequence[Obj], earlier: set[str]
) -> bool:
    """Whether nothing more will happen by itself; `earlier` are uids of runs that were over before."""
    if paused(pipeline):
        return True
    status = pipeline.get("status") or {}
    if int(status.get("observedGeneration") or 0) < int(
        pipeline["metadata"].get("generation") or 0
    ):
        return False
    mine = runs_of(pipeline, all_runs)
    if any(not over(run) for run in mine):
        return False
    last = status.get("lastRun") or {}
    keys = {run["spec"].get("trigger", {}).get("key") for run in mine} | {last.get("key")}
    if applied.key is not None:
        return applied.key in keys
    if not starts_by_itself(pipeline):
        return True
    fresh = any(run["metadata"]["uid"] not in earlier for run in mine)
    generation = str(pipeline["metadata"].get("generation"))
    return fresh or generation in keys or (not applied.spec_changed and bool(last))


def over(run: Obj) -> bool:
    """Whether a run moves no more: finished or suspended."""
    return runs.phase(run) in (*runs.FINISHED, "Suspended")


def served(deployment: Obj, versions: Sequence[Obj]) -> Served:
    """How a ModelDeployment stands; `versions` are all ModelVersions of its namespace."""
    status = deployment.get("status") or {}
    ready = condition(deployment, "Ready")
    state = "pending"
    if int(status.get("observedGeneration") or 0) >= int(
        deployment["metadata"].get("generation") or 0
    ):
        if ready.get("status") == "True":
            state = "ready"
        elif _no_version_chosen(deployment, versions):
            state = "waiting"
        elif condition(deployment, "Stalled").get("status") == "True":
            state = "failed"
    return Served(
        name=deployment["metadata"]["name"],
        state=state,
        url=status.get("url"),
        version=(status.get("stable") or {}).get("version"),
        reason=str(ready.get("reason") or ""),
        message=str(ready.get("message") or ""),
    )


def condition(obj: Obj, kind: str) -> Mapping[str, Any]:
    """One condition of an object; empty when it is not set."""
    for found in (obj.get("status") or {}).get("conditions") or ():
        if found.get("type") == kind:
            return dict(found)
    return {}


def _no_version_chosen(deployment: Obj, versions: Sequence[Obj]) -> bool:
    """Whether it serves a stage that no version of its model has: somebody must promote one first."""
    model = deployment["spec"]["model"]
    stage = model.get("stage")
    if not stage:
        return False
    return not any(
        version["spec"]["model"] == model["name"]
        and (version["metadata"].get("labels") or {}).get("forebay.dev/stage") == stage
        for version in versions
    )
