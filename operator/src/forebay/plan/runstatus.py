"""The status of a PipelineRun, made from the draft of its new state. Called by run.py at the end of a pass."""

from __future__ import annotations

from typing import Any

from forebay.api.reasons import Reason
from forebay.plan import optional, stages
from forebay.plan.conditions import Conditions
from forebay.plan.progress import progress_status
from forebay.plan.rundraft import Draft
from forebay.plan.types import Event

COMPLETED, WARNING = "Succeeded", "Warning"
PENDING, RUNNING, SUCCEEDED, FAILED, SUSPENDED = (
    "Pending",
    "Running",
    "Succeeded",
    "Failed",
    "Suspended",
)


def phase(draft: Draft) -> str:
    """How far the run is, in one word."""
    if stages.current(draft.stages) is None:
        return FAILED if stages.failure(draft.stages) else SUCCEEDED
    if draft.suspended:
        return SUSPENDED
    begun = any(r.state not in (stages.PENDING, stages.SKIPPED) for r in draft.stages.values())
    return RUNNING if begun else PENDING


def status(draft: Draft) -> dict[str, Any]:
    """The whole new status."""
    word = phase(draft)
    ended = word in (SUCCEEDED, FAILED)
    known = {
        "observedGeneration": draft.view.run["metadata"].get("generation", 1),
        "phase": word,
        "conditions": _conditions(draft, word).items(),
        "startTime": draft.start,
        "completionTime": draft.now if ended else None,
        "stages": [record.to_status() for record in draft.stages.values()],
        "metrics": draft.metrics,
        "modelVersion": draft.model_version,
        "report": draft.report,
        "progress": None if ended else _progress(draft),
    }
    return {key: value for key, value in known.items() if value not in (None, {}, [])}


def paused(draft: Draft) -> dict[str, Any]:
    """The status of a run that is to be left alone: as it was, and why nothing happens."""
    draft.suspended = Reason.ReconcilePaused
    made = status(draft)
    conditions = Conditions(draft.view.run, (COMPLETED, WARNING), draft.view.observed.now)
    conditions.reconciling(Reason.ReconcilePaused, Reason.ReconcilePaused.sentence)
    return {**made, "conditions": conditions.items()}


def _progress(draft: Draft) -> dict[str, Any] | None:
    """What the stage told last; until it tells something, which stage it is."""
    now = stages.current(draft.stages)
    progress = draft.view.observed.progress
    if now is None or now.state == stages.PENDING:
        return None
    if progress is not None and progress.step == now.name:
        return progress_status(progress, draft.now)
    before: dict[str, Any] | None = draft.view.status.get("progress")
    known = before is not None and before.get("step") == now.name
    return before if known else {"text": now.name, "step": now.name}


def _conditions(draft: Draft, word: str) -> Conditions:
    conditions = Conditions(draft.view.run, (COMPLETED, WARNING), draft.view.observed.now)
    failed = stages.failure(draft.stages)
    if word == SUCCEEDED:
        conditions.ready(Reason.Succeeded, _summary(draft))
        conditions.set(COMPLETED, True, Reason.Succeeded, _summary(draft))
    elif word == FAILED and failed is not None:
        text = f"{failed.name}: {failed.message}"
        conditions.stalled(failed.reason, text)
        conditions.set(COMPLETED, False, failed.reason, text)
    else:
        reason, text = _waits_for(draft)
        conditions.reconciling(reason, text)
        conditions.set(COMPLETED, None, reason, text)
    _warn(draft, conditions)
    return conditions


def _waits_for(draft: Draft) -> tuple[str, str]:
    record = stages.current(draft.stages)
    failed = stages.failure(draft.stages)
    if failed is not None:
        return failed.reason, f"{failed.name}: {failed.message}"
    if record is None:
        return Reason.Pending, ""
    text = f"{record.name}: {record.message}" if record.message else record.name
    return record.reason or Reason.Pending, text


def _warn(draft: Draft, conditions: Conditions) -> None:
    """What could not be honoured, and a report that was not made. Neither fails the run."""
    apis, plane = draft.view.observed.apis, draft.view.settings.plane
    reason: str | None
    reason, texts = optional.warning("NoSQLPipeline", draft.view.spec, plane, apis)
    report = draft.stages[stages.REPORT]
    if report.state == stages.FAILED:
        reason = reason or report.reason
        texts = [*texts, f"the report was not made: {report.message}"]
    conditions.warn(reason, texts)


def _summary(draft: Draft) -> str:
    numbers = ", ".join(f"{name} {value}" for name, value in list(draft.metrics.items())[:5])
    return " ".join(part for part in (draft.model_version, numbers) if part)


def closing_events(draft: Draft) -> tuple[Event, ...]:
    """The event of the run's end."""
    word = phase(draft)
    failed = stages.failure(draft.stages)
    if word == SUCCEEDED:
        return (Event("Normal", Reason.Succeeded, f"run succeeded {_summary(draft)}".strip()),)
    if word == FAILED and failed is not None:
        return (Event("Warning", Reason.Failed, f"run failed in {failed.name}: {failed.reason}"),)
    return ()
