"""The plan of a PipelineRun: the first stage that is not done decides what happens. Pure, level-based.

`plan` is called for every change of the run, its children and what it refers to, and gives the same answer
for the same state, however it came about. A stage that the status records as done is never looked at
again; a finished run never starts anything.
"""

from __future__ import annotations

from forebay.api.reasons import Reason
from forebay.kube.port import JOB_SET, Ref
from forebay.manifests.labels import is_paused
from forebay.plan import (
    deadline,
    deploystage,
    jobstate,
    podstate,
    refusal,
    results,
    retention,
    runstatus,
    stages,
)
from forebay.plan.rundraft import SHORT, Draft
from forebay.plan.runview import RunView
from forebay.plan.stages import StageRecord
from forebay.plan.start import start
from forebay.plan.types import Observed, Plan
from forebay.settings import Settings

_UNWATCHED = 5.0  # seconds between two looks at what no watch tells of


def plan(observed: Observed, settings: Settings) -> Plan:
    """What to do about the run now."""
    view = RunView(observed, settings)
    if view.run["metadata"].get("deletionTimestamp"):
        return Plan()
    if view.status.get("phase") in retention.FINISHED:
        return _finished(view)
    draft = Draft.of(view)
    if is_paused(view.run) or (view.pipeline is not None and is_paused(view.pipeline)):
        return Plan(status=runstatus.paused(draft))
    _stop_failed(draft)
    _advance(draft)
    return Plan(
        create=tuple(draft.create),
        apply=tuple(draft.apply),
        delete=tuple(draft.delete),
        status=runstatus.status(draft),
        events=draft.events() + runstatus.closing_events(draft),
        requeue_after=draft.requeue,
    )


def _finished(view: RunView) -> Plan:
    """Nothing runs any more; the run itself goes when its time is over. Its children follow it."""
    unfinished = _unfinished_jobs(view, stages.ORDER)
    policy = view.spec.get("runPolicy") or {}
    left = retention.seconds_to_live(
        view.run, policy.get("ttlSecondsAfterFinished"), view.observed.now
    )
    if left == 0:
        if view.pipeline is not None and not retention.is_recorded(view.run, view.pipeline):
            return Plan(delete=unfinished, requeue_after=SHORT)
        return Plan(delete=(*unfinished, Ref.of(view.run)))
    return Plan(delete=unfinished, requeue_after=left)


def _unfinished_jobs(view: RunView, names: tuple[str, ...]) -> tuple[Ref, ...]:
    """Jobs of these stages that still run."""
    found = []
    for name in names:
        job = view.job(name)
        if job is not None and jobstate.read(job, (), {}).phase not in ("Succeeded", "Failed"):
            found.append(Ref.of(job))
    return tuple(found)


def _stop_failed(draft: Draft) -> None:
    """What must be undone once the status says that a stage failed: its Job may still run."""
    failed = tuple(
        e["name"] for e in draft.view.status.get("stages") or [] if e.get("state") == stages.FAILED
    )
    draft.delete.extend(_unfinished_jobs(draft.view, failed))
    deploystage.restore(draft)


def _advance(draft: Draft) -> None:
    """Each turn ends at most one stage; the first one that does not end is the one that is waited for."""
    for _ in stages.ORDER:
        record = stages.current(draft.stages)
        if record is None:
            return
        _step(draft, record)
        now = draft.stages[record.name]
        if not now.done:
            deadline.enforce(draft, now)
        now = draft.stages[record.name]
        if now.state == stages.FAILED:
            draft.soon(SHORT)  # the failure is written down before anything else is begun
        if not now.done or now.state == stages.FAILED:
            return


def _step(draft: Draft, record: StageRecord) -> None:
    if record.name == stages.DEPLOY:
        deploystage.step(draft, record)
        return
    job = draft.view.job(record.name)
    if job is None:
        start(draft, record)
        return
    pods = draft.view.pods(record.name)
    observed = draft.view.observed
    state = jobstate.read(job, pods, observed.log_tail, observed.notices)
    draft.start = draft.start or state.start
    record = draft.update(
        record,
        start=record.start or state.start,
        attempts=podstate.attempts(pods) or record.attempts,
    )
    if state.phase == "Succeeded":
        results.finish(draft, record, state)
    elif state.phase == "Failed":
        counts = state.result.rows if state.result else None
        draft.fail(
            record,
            state.reason or Reason.ExitCode,
            state.message,
            at=state.completion,
            counts=counts,
        )
    else:
        how = stages.RETRYING if state.retrying else state.phase
        draft.wait(record, how, state.reason, state.message)
        draft.soon(refusal.look_again(job, pods, observed.now) or draft.requeue)
        if job["kind"] == JOB_SET.kind:
            draft.soon(_UNWATCHED)
