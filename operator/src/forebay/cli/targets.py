"""When is what was applied done? Pure decisions over objects; called by `follow.py` on every look.

A pipeline is done when its reconciler saw the newest spec, the run that this calls for is there, and no
run of it is active. A served model is done when it is ready, or when it is certain that it will not be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forebay.cli import runs
from forebay.kube.port import Obj
from forebay.manifests.ingest_deployment import is_stream
from forebay.plan.streaming import INGESTING, makes_runs

UNFINISHED = ("Pending", "Running")
MISSING = ("ReferenceMissing", "SecretMissing")  # reasons that no waiting cures
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


def observed(obj: Obj) -> bool:
    """Whether its status belongs to its newest spec."""
    seen = (obj.get("status") or {}).get("observedGeneration")
    return int(seen or 0) >= int(obj["metadata"].get("generation") or 0)


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


def pipeline_done(pipeline: Obj, asked: str | None, all_runs: Sequence[Obj]) -> bool:
    """Whether nothing more will happen by itself; `asked` is the key of the further run that was asked for.

    The reconciler makes a run before it writes the status that goes with it, so a status that belongs to
    the newest spec and knows of no active run means that every run which is called for was made and is over.
    """
    if paused(pipeline):
        return True
    status = pipeline.get("status") or {}
    if not observed(pipeline) or not stream_settled(pipeline):
        return False
    if status.get("active") or any(not over(run) for run in runs_of(pipeline, all_runs)):
        return False
    if (status.get("lastRun") or {}).get("phase") in UNFINISHED:
        return False
    if not makes_runs(pipeline):
        return True
    handled = {trigger.get("key") for trigger in status.get("triggers") or ()}
    return asked is None or asked in handled or bool(pipeline["spec"].get("suspend"))


def stream_settled(pipeline: Obj) -> bool:
    """Whether its ingest of a stream, where it has one, runs or says why it does not."""
    if not is_stream(pipeline):
        return True
    found = condition(pipeline, INGESTING)
    return found.get("status") == "True" or stream_fault(pipeline) is not None


def stream_fault(pipeline: Obj) -> str | None:
    """Why a stream is not ingested; None while it is, or is about to be."""
    found = condition(pipeline, INGESTING)
    if not is_stream(pipeline) or found.get("status") != "False":
        return None
    if found.get("reason") in ("Pending", "Progressing", "Suspended"):
        return "" if found["reason"] == "Suspended" else None
    return f"{found.get('reason')}: {found.get('message', '')}"


def over(run: Obj) -> bool:
    """Whether a run moves no more: finished or suspended."""
    return runs.phase(run) in (*runs.FINISHED, "Suspended")


def served(deployment: Obj, versions: Sequence[Obj]) -> Served:
    """How a ModelDeployment stands; `versions` are all ModelVersions of its namespace."""
    status = deployment.get("status") or {}
    ready = condition(deployment, "Ready")
    return Served(
        name=deployment["metadata"]["name"],
        state=_state(deployment, versions),
        url=status.get("url"),
        version=(status.get("stable") or {}).get("version"),
        reason=str(ready.get("reason") or ""),
        message=str(ready.get("message") or ""),
    )


def _state(deployment: Obj, versions: Sequence[Obj]) -> str:
    if not observed(deployment):
        return "pending"
    ready = condition(deployment, "Ready")
    rolling = condition(deployment, "Reconciling").get("status") == "True"
    if ready.get("status") == "True" and not rolling:
        return "ready"
    if not _chosen(deployment, versions):
        return "waiting" if deployment["spec"]["model"].get("stage") else "failed"
    stalled = condition(deployment, "Stalled").get("status") == "True"
    return "failed" if stalled or ready.get("reason") in MISSING else "pending"


def condition(obj: Obj, kind: str) -> Mapping[str, Any]:
    """One condition of an object; empty when it is not set."""
    for found in (obj.get("status") or {}).get("conditions") or ():
        if found.get("type") == kind:
            return dict(found)
    return {}


def _chosen(deployment: Obj, versions: Sequence[Obj]) -> bool:
    """Whether the version that it serves exists; one of a stage has to be promoted first."""
    model = deployment["spec"]["model"]
    return any(
        version["spec"]["model"] == model["name"]
        and (
            version["spec"].get("version") == model["version"]
            if model.get("version")
            else (version["metadata"].get("labels") or {}).get("forebay.dev/stage")
            == model.get("stage")
        )
        for version in versions
    )
