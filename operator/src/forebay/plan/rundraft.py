"""The new state of a run while it is planned: stages, results, and the writes that lead there.

Made by run.py at the beginning of a pass from what the status has, changed by the steps, and turned into
status and events at the end. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from forebay.api.reasons import Reason
from forebay.kube.port import Obj, Ref
from forebay.plan import stages
from forebay.plan.runview import RunView
from forebay.plan.stages import StageRecord
from forebay.plan.times import stamp
from forebay.plan.types import Event

SHORT = 1.0  # seconds: something of ours is about to change
LONG = 30.0  # seconds: we are woken by events; this is for the one that was missed


@dataclass
class Draft:
    """What the run will be after this pass."""

    view: RunView
    stages: dict[str, StageRecord]
    metrics: dict[str, str]
    model_version: str | None
    report: str | None
    start: str | None
    create: list[Obj] = field(default_factory=list)
    apply: list[Obj] = field(default_factory=list)
    delete: list[Ref] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)  # reason, message
    suspended: str = ""  # why nothing is started: a reason
    requeue: float = LONG

    @classmethod
    def of(cls, view: RunView) -> Draft:
        """The draft that continues the run's status."""
        status = view.status
        return cls(
            view=view,
            stages=stages.recorded(status, view.spec),
            metrics=dict(status.get("metrics") or {}),
            model_version=status.get("modelVersion"),
            report=status.get("report"),
            start=status.get("startTime"),
        )

    @property
    def now(self) -> str:
        """The time of this pass."""
        return stamp(self.view.observed.now)

    def soon(self, seconds: float) -> None:
        """Comes back in `seconds` at the latest."""
        self.requeue = min(self.requeue, max(seconds, SHORT))

    def wait(self, record: StageRecord, state: str, reason: str, message: str = "") -> None:
        """The stage is not done; this is why."""
        self.stages[record.name] = self.stages[record.name].waiting(state, reason, message)

    def succeed(
        self,
        record: StageRecord,
        message: str = "",
        *,
        at: str | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """The stage is done."""
        self._end(record, stages.SUCCEEDED, Reason.Succeeded, message, at, counts)

    def skip(self, record: StageRecord, message: str) -> None:
        """The stage has nothing to do; the message says why."""
        self._end(record, stages.SKIPPED, Reason.Skipped, message, None, None)

    def fail(
        self,
        record: StageRecord,
        reason: str,
        message: str,
        *,
        at: str | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """The stage failed, and with it the run: what follows is not reached. Not so for the report."""
        self._end(record, stages.FAILED, reason, message, at, counts)
        if record.name != stages.REPORT:
            stages.skip_rest(self.stages, record.name)

    def _end(
        self,
        record: StageRecord,
        state: str,
        reason: str,
        message: str,
        at: str | None,
        counts: Mapping[str, int] | None,
    ) -> None:
        now = self.stages[record.name]
        self.stages[record.name] = now.ended(state, at or self.now, reason, message, counts)

    def update(self, record: StageRecord, **changes: Any) -> StageRecord:
        """Changes fields of the stage's record; gives the new one."""
        self.stages[record.name] = replace(self.stages[record.name], **changes)
        return self.stages[record.name]

    def events(self) -> tuple[Event, ...]:
        """An event for each stage whose state or reason this pass changed, and for the end of the run."""
        before = stages.recorded(self.view.status, self.view.spec)
        return tuple(
            _event(record)
            for name, record in self.stages.items()
            if (record.state, record.reason) != (before[name].state, before[name].reason)
            and record.state != stages.SKIPPED
        )


def _event(record: StageRecord) -> Event:
    bad = record.state == stages.FAILED or record.reason not in (
        Reason.Pending,
        Reason.Running,
        Reason.Succeeded,
        Reason.Progressing,
    )
    reason = record.reason or record.state
    text = f"{record.name} {record.state.lower()}"
    return Event(
        "Warning" if bad else "Normal",
        reason,
        f"{text}: {record.message}" if record.message else text,
    )
