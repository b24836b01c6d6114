"""Finding a run by its name or by its pipeline's, and the pods that belong to an object.

Called by `logs`, `report` and `run`. Reads only.
"""

from __future__ import annotations

from forebay.cli.failure import UserError
from forebay.kube.port import PIPELINE, POD, RUN, Kube, Obj

OWNER_UID = "forebay.dev/owner-uid"
STAGE_NAME = "forebay.dev/stage-name"
FINISHED = ("Succeeded", "Failed")


async def find_run(kube: Kube, name: str, namespace: str | None = None) -> Obj:
    """The run of that name, or the newest run of the pipeline of that name. Raises UserError."""
    runs = await kube.list(RUN, namespace)
    exact = [run for run in runs if run["metadata"]["name"] == name]
    if len(exact) == 1:
        return exact[0]
    of_pipeline = [run for run in runs if run["spec"]["pipelineRef"]["name"] == name]
    if of_pipeline:
        return max(of_pipeline, key=created)
    pipelines = [p for p in await kube.list(PIPELINE, namespace) if p["metadata"]["name"] == name]
    if pipelines:
        raise UserError(f"pipeline {name!r} has no run yet")
    raise UserError(f'pipelineruns "{name}" not found', hint="`forebay get nsr` lists the runs.")


async def pods_of(kube: Kube, owner: Obj, stage: str | None = None) -> list[Obj]:
    """The pods of an object's children in the order they were made; of one stage when it is named."""
    labels = {OWNER_UID: owner["metadata"]["uid"], **({STAGE_NAME: stage} if stage else {})}
    return sorted(await kube.list(POD, owner["metadata"]["namespace"], labels), key=created)


def stage_of(pod: Obj) -> str:
    """The stage that a pod runs; its name when it runs none."""
    return str(pod["metadata"].get("labels", {}).get(STAGE_NAME) or pod["metadata"]["name"])


def created(obj: Obj) -> tuple[str, str]:
    """Sort key: oldest first, by name among equals."""
    return str(obj["metadata"].get("creationTimestamp") or ""), obj["metadata"]["name"]


def phase(run: Obj) -> str:
    """The run's phase; Pending before the first status."""
    return str((run.get("status") or {}).get("phase") or "Pending")
