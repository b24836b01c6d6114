"""Deadlines of a run: how long a stage may wait, and how long the run may take. Called by run.py.

Both are measured on the API's own time stamps, so a restart of the operator does not reset them.
"""

from __future__ import annotations

import math

from forebay.api.reasons import Reason
from forebay.plan import stages
from forebay.plan.rundraft import Draft
from forebay.plan.runview import ACTIVE_DEADLINE, PENDING_DEADLINE, REPORT_DEADLINE
from forebay.plan.stages import StageRecord
from forebay.plan.times import seconds_since


def enforce(draft: Draft, record: StageRecord) -> None:
    """Fails a stage that is not done in time; else comes back when the time is up."""
    if draft.suspended:
        return
    if record.name == stages.REPORT:
        _limit(draft, record, _waited(draft, record), REPORT_DEADLINE, Reason.DeadlineExceeded)
        return
    total = draft.view.policy("activeDeadlineSeconds", ACTIVE_DEADLINE)
    took = seconds_since(draft.start, draft.view.observed.now)
    if _limit(draft, record, took, total, Reason.DeadlineExceeded):
        return
    now = draft.stages[record.name]
    if now.state == stages.PENDING and now.reason != Reason.Queued:
        limit = draft.view.policy("pendingDeadlineSeconds", PENDING_DEADLINE)
        waited = min(_waited(draft, record), _since_newest_pod(draft, record))
        _limit(draft, record, waited, limit, Reason.PendingDeadlineExceeded)


def _waited(draft: Draft, record: StageRecord) -> float:
    """Seconds since the stage before ended, or since the run began."""
    ends = [r.completion for r in draft.stages.values() if r.completion and r.name != record.name]
    since = max([*ends, *([draft.start] if draft.start else [])], default=None)
    return seconds_since(since, draft.view.observed.now)


def _since_newest_pod(draft: Draft, record: StageRecord) -> float:
    """A pod that takes the place of a lost one, or comes back from the queue, has its own time to start."""
    made = [str(pod["metadata"]["creationTimestamp"]) for pod in draft.view.pods(record.name)]
    return seconds_since(max(made), draft.view.observed.now) if made else math.inf


def _limit(draft: Draft, record: StageRecord, took: float, limit: int, reason: Reason) -> bool:
    if took < limit:
        draft.soon(limit - took)
        return False
    now = draft.stages[record.name]
    doing = f"; {record.name} was {now.state.lower()}"
    why = f" ({now.reason}: {now.message})" if now.reason and now.message else ""
    draft.fail(record, reason, f"not done within {limit} seconds{doing}{why}")
    return True
