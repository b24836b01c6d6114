"""What became of everything that `forebay run` followed, and the document that -o json prints.

Made by `follow.py` at its end, shown by `summary.py` and `run.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from forebay.cli import targets
from forebay.cli.applying import Applied
from forebay.cli.targets import Served
from forebay.cli.views import RunView, run_view
from forebay.kube.port import PIPELINE, RUN, Kube, Obj, Ref
from forebay.plan.streaming import makes_runs


@dataclass(frozen=True)
class Outcome:
    """Runs (those of unchanged pipelines too), served models, and one line per unchanged pipeline."""

    runs: list[RunView] = field(default_factory=list)
    served: list[Served] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)  # pipelines that can start no run, and why
    objects: dict[str, Obj] = field(default_factory=dict)  # the runs' objects by name

    @property
    def succeeded(self) -> bool:
        """Whether every run succeeded and every model that can be served is."""
        runs = all(view.succeeded or view.phase == "Suspended" for view in self.runs)
        return (
            runs
            and not self.stuck
            and all(one.state in ("ready", "waiting") for one in self.served)
        )

    def document(self) -> dict[str, Any]:
        """The one JSON document of `forebay run -o json`."""
        return {
            "runs": [_run_document(view, self.objects.get(view.name) or {}) for view in self.runs],
            "deployments": [
                {"name": s.name, "url": s.url, "version": s.version} for s in self.served
            ],
        }


async def collect(
    kube: Kube, applied: Sequence[Applied], views: Sequence[RunView], served: Sequence[Served]
) -> Outcome:
    """Adds to the followed runs those of pipelines that had nothing to do."""
    shown = {view.pipeline for view in views}
    outcome = Outcome(list(views), list(served))
    for one in applied:
        pipeline = await kube.get(one.ref) if one.ref.kind == PIPELINE else None
        if pipeline is not None and one.ref.name not in shown:
            await _add_idle(kube, pipeline, outcome)
    for view in outcome.runs:
        found = await kube.get(Ref(RUN, view.namespace, view.name))
        if found is not None:
            outcome.objects[view.name] = found
    return outcome


async def _add_idle(kube: Kube, pipeline: Obj, outcome: Outcome) -> None:
    """A pipeline that started nothing: its last run, and why there was nothing to do."""
    name, status = pipeline["metadata"]["name"], pipeline.get("status") or {}
    last = status.get("lastRun") or {}
    run = (
        await kube.get(Ref(RUN, pipeline["metadata"]["namespace"], last["name"]))
        if last.get("name")
        else None
    )
    if run is not None:
        outcome.runs.append(run_view(run))
    ready = targets.condition(pipeline, "Ready")
    if targets.condition(pipeline, "Stalled").get("status") == "True":
        outcome.stuck.append(f"pipeline {name}: {ready.get('reason')}: {ready.get('message')}")
    elif fault := targets.stream_fault(pipeline):
        outcome.stuck.append(f"pipeline {name}: {fault}")
    elif not makes_runs(pipeline) and not pipeline["spec"].get("suspend"):
        ingest = pipeline["spec"]["ingest"]
        outcome.unchanged.append(
            f"pipeline {name} ingests {ingest['from']['topic']} into {ingest['to']['table']} in the background "
            f"(`forebay get nsp {name}`, `forebay dlq ls {name}`; `forebay down` stops it)"
        )
    elif not targets.starts_by_itself(pipeline):
        outcome.unchanged.append(
            f"pipeline {name} waits: {ready.get('message') or 'for its triggers'}"
        )
    elif last.get("phase") == "Succeeded":
        outcome.unchanged.append(
            f"pipeline {name} is unchanged: its run {last['name']} succeeded already (--again runs it once more)"
        )


def _run_document(view: RunView, run: Obj) -> dict[str, Any]:
    return {
        "name": view.name,
        "pipeline": view.pipeline,
        "phase": view.phase,
        "reason": view.reason or None,
        "message": view.message or None,
        "metrics": dict(view.metrics),
        "modelVersion": view.model_version,
        "stages": (run.get("status") or {}).get("stages") or [],
        "report": view.report,
    }
