"""What the end of a stage's Job means for the run: metrics, gates, the model version, the report.

Called by run.py when a Job has succeeded. Each function ends the stage or leaves it waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from forebay.api.reasons import Reason
from forebay.kube.port import Ref
from forebay.manifests.modelversion import model_version, version_number
from forebay.plan import gates, retention, stages
from forebay.plan.jobstate import JobState
from forebay.plan.rundraft import SHORT, Draft
from forebay.plan.stages import StageRecord
from forebay.plan.times import seconds_since
from forebay_workloads.contract import Result

NEEDED = frozenset({"evaluate", "publish"})  # without its result the run cannot go on
_GRACE = 60.0  # seconds for a pod's last message to become visible


def finish(draft: Draft, record: StageRecord, state: JobState) -> None:
    """Ends a stage whose Job succeeded."""
    if state.result is None and record.name in NEEDED:
        _lost(draft, record, state)
        return
    result = state.result or Result()
    _ENDS.get(record.name, _plain)(draft, record, state, result)


def _lost(draft: Draft, record: StageRecord, state: JobState) -> None:
    """The Job is complete and its pod, with the result, is gone: such a stage is cheap and is run again."""
    if seconds_since(state.completion, draft.view.observed.now) < _GRACE:
        draft.soon(SHORT)
    else:
        job = draft.view.job(record.name)
        draft.delete.extend([Ref.of(job)] if job else [])
    draft.wait(
        record, stages.RUNNING, Reason.Running, "its result is not to be read; it is run again"
    )


def _plain(draft: Draft, record: StageRecord, state: JobState, result: Result) -> None:
    draft.succeed(record, result.message or "", at=state.completion, counts=result.rows)


def _train(draft: Draft, record: StageRecord, state: JobState, result: Result) -> None:
    if draft.view.spec.get("evaluate") is None:
        draft.metrics = as_text(result.metrics)
    _plain(draft, record, state, result)


def _evaluate(draft: Draft, record: StageRecord, state: JobState, result: Result) -> None:
    draft.metrics = as_text(result.metrics)
    wished = (draft.view.spec.get("evaluate") or {}).get("gates") or []
    missed = gates.missed(wished, result.metrics, _baseline(result))
    if missed:
        text = "; ".join(missed)
        draft.fail(record, Reason.GateFailed, text, at=state.completion, counts=result.rows)
        return
    text = f"{len(wished)} of {len(wished)} gates passed" if wished else ""
    draft.succeed(record, text, at=state.completion, counts=result.rows)


def _baseline(result: Result) -> Mapping[str, float] | None:
    """Metrics of the Production version as evaluate measured them; None when there is no such version."""
    detail = result.detail
    found = detail.get("baseline") or (detail if "metrics" in detail else None)
    return None if found is None else dict(found.get("metrics") or {})


def _publish(draft: Draft, record: StageRecord, state: JobState, result: Result) -> None:
    """Done when the ModelVersion is there: only then can nothing of the result be lost any more."""
    view = draft.view
    version = view.own_version
    if version is None and not {"digest", "key"} <= set(result.detail):
        draft.fail(
            record, Reason.ExitCode, "publish ended without digest and key", at=state.completion
        )
        return
    if version is None:
        number = max((version_number(v) for v in view.versions), default=0) + 1
        made = model_version(view.run, number, result.detail, draft.metrics, view.settings)
        draft.create.append(made)
        draft.wait(record, stages.RUNNING, Reason.Running, f"recording {made['metadata']['name']}")
        draft.soon(SHORT)
        return
    name = version["metadata"]["name"]
    draft.model_version = name
    keep = (view.spec.get("publish") or {}).get("keep", retention.KEEP_VERSIONS)
    draft.delete.extend(retention.surplus_versions(view.versions, keep, spared=name))
    draft.succeed(
        record, f"{name} {version['spec']['digest'][:15]}", at=state.completion, counts=result.rows
    )


def _report(draft: Draft, record: StageRecord, state: JobState, result: Result) -> None:
    where = result.detail.get("report") or result.detail.get("key") or result.detail.get("path")
    if where:
        draft.report = str(where)
    _plain(draft, record, state, result)


_ENDS: Mapping[str, Callable[[Draft, StageRecord, JobState, Result], None]] = {
    "train": _train,
    "evaluate": _evaluate,
    "publish": _publish,
    stages.REPORT: _report,
}


def as_text(metrics: Mapping[str, float]) -> dict[str, str]:
    """Metrics as the API carries them: strings of six significant digits."""
    return {name: f"{value:.6g}" for name, value in sorted(metrics.items())}
