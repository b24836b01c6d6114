"""What a follower shows of a run: plain values made from the run's status and its newest progress.

Made by `follow.py`, shown by `bars.py`, `lines.py` and `summary.py`. Pure: no clock, no output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from forebay.cli import runs
from forebay.kube.port import Obj
from forebay_workloads.contract import Progress

RUNNING, SUCCEEDED, FAILED, SKIPPED = "Running", "Succeeded", "Failed", "Skipped"


@dataclass(frozen=True)
class StageView:
    """One stage of a run."""

    name: str
    state: str  # Pending | Running | Retrying | Succeeded | Failed | Skipped
    reason: str = ""
    message: str = ""
    start: str | None = None
    end: str | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    progress: Progress | None = None

    @property
    def settled(self) -> bool:
        """Whether the stage will not change any more."""
        return self.state in (SUCCEEDED, FAILED, SKIPPED)


@dataclass(frozen=True)
class RunView:
    """One run."""

    name: str
    namespace: str
    pipeline: str
    phase: str
    stages: tuple[StageView, ...] = ()
    metrics: Mapping[str, str] = field(default_factory=dict)
    model_version: str | None = None
    report: str | None = None
    reason: str = ""  # of the condition Ready, or of the failed stage
    message: str = ""

    @property
    def finished(self) -> bool:
        """Whether the run has come to an end."""
        return self.phase in runs.FINISHED

    @property
    def succeeded(self) -> bool:
        """Whether it came to a good end."""
        return self.phase == "Succeeded"


def run_view(run: Obj, progress: Progress | None = None) -> RunView:
    """The view of a PipelineRun; `progress` belongs to the stage that is running."""
    status = run.get("status") or {}
    stages = tuple(_stage(raw, progress) for raw in status.get("stages") or ())
    reason, message = _why(status, stages)
    return RunView(
        name=run["metadata"]["name"],
        namespace=run["metadata"]["namespace"],
        pipeline=run["spec"]["pipelineRef"]["name"],
        phase=runs.phase(run),
        stages=stages,
        metrics={name: str(value) for name, value in (status.get("metrics") or {}).items()},
        model_version=status.get("modelVersion"),
        report=status.get("report"),
        reason=reason,
        message=message,
    )


def _stage(raw: Mapping[str, Any], progress: Progress | None) -> StageView:
    state = str(raw.get("state") or "Pending")
    return StageView(
        name=str(raw["name"]),
        state=state,
        reason=str(raw.get("reason") or ""),
        message=str(raw.get("message") or ""),
        start=raw.get("startTime"),
        end=raw.get("completionTime"),
        rows=row_counts(raw),
        progress=progress
        if state == RUNNING and progress and progress.step == raw["name"]
        else None,
    )


def row_counts(stage: Mapping[str, Any]) -> dict[str, int]:
    """A stage's rows by kind; its plain number of rows counts as `rows`."""
    counts = {str(name): int(count) for name, count in (stage.get("counts") or {}).items()}
    return counts or ({} if stage.get("rows") is None else {"rows": int(stage["rows"])})


def _why(status: Mapping[str, Any], stages: tuple[StageView, ...]) -> tuple[str, str]:
    """Reason and message: of the first failed stage, else of the Ready condition."""
    for stage in stages:
        if stage.state == FAILED and stage.name != "report":
            return stage.reason, stage.message
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready":
            return str(condition.get("reason") or ""), str(condition.get("message") or "")
    return "", ""
