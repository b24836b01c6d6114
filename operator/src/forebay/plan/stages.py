"""The stages of a run as its status records them, and their order. Pure bookkeeping, no decisions.

Used by everything that plans a run. A stage that is recorded as done is never looked at again, whatever
happened to its Job since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from forebay.api.reasons import Reason
from forebay.plan.conditions import cut
from forebay_workloads.contract import STAGES

PENDING, RUNNING, RETRYING = "Pending", "Running", "Retrying"
SUCCEEDED, FAILED, SKIPPED = "Succeeded", "Failed", "Skipped"
DEPLOY, REPORT = "deploy", "report"
ORDER = (*STAGES, DEPLOY, REPORT)


@dataclass(frozen=True)
class StageRecord:
    """One entry of status.stages."""

    name: str
    state: str = PENDING
    reason: str = ""
    message: str = ""
    start: str | None = None
    completion: str | None = None
    counts: Mapping[str, int] | None = None  # rows by what happened to them
    attempts: int | None = None  # pods that were started

    @property
    def done(self) -> bool:
        """Whether it will not change any more."""
        return self.state in (SUCCEEDED, FAILED, SKIPPED)

    def waiting(self, state: str, reason: str, message: str = "") -> StageRecord:
        """The record of a stage that is not done yet."""
        return replace(self, state=state, reason=str(reason), message=cut(message))

    def ended(
        self,
        state: str,
        at: str,
        reason: str = "",
        message: str = "",
        counts: Mapping[str, int] | None = None,
    ) -> StageRecord:
        """The record of a stage that is done at the time `at`."""
        return replace(
            self,
            state=state,
            reason=str(reason),
            message=cut(message),
            start=self.start or at,
            completion=at,
            counts=dict(counts) if counts else self.counts,
        )

    def to_status(self) -> dict[str, Any]:
        """As it stands in the status, without what is empty."""
        entry = {
            "name": self.name,
            "state": self.state,
            "reason": self.reason,
            "message": self.message,
            "startTime": self.start,
            "completionTime": self.completion,
            "rows": main_count(self.counts or {}),
            "counts": dict(self.counts or {}),
            "attempts": self.attempts,
        }
        return {key: value for key, value in entry.items() if value not in (None, "", {})}

    @classmethod
    def from_status(cls, entry: Mapping[str, Any]) -> StageRecord:
        """Reads what `to_status` wrote."""
        return cls(
            name=entry["name"],
            state=entry.get("state", PENDING),
            reason=entry.get("reason", ""),
            message=entry.get("message", ""),
            start=entry.get("startTime"),
            completion=entry.get("completionTime"),
            counts=entry.get("counts"),
            attempts=entry.get("attempts"),
        )


def main_count(counts: Mapping[str, int]) -> int | None:
    """The one number of rows that is shown: what was written, else what was read, else all parts together."""
    for name in ("written", "rows", "read"):
        if name in counts:
            return counts[name]
    return sum(counts.values()) if counts else None


def recorded(status: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, StageRecord]:
    """The stages by name in their order: as the status has them, new ones from the spec."""
    known = {e["name"]: StageRecord.from_status(e) for e in status.get("stages") or []}
    return {name: known.get(name) or _first(name, spec) for name in ORDER}


def _first(name: str, spec: Mapping[str, Any]) -> StageRecord:
    if name == "ingest" and (spec.get(name) or {}).get("mode") == "stream":
        return StageRecord(
            name, SKIPPED, str(Reason.Skipped), "the stream is ingested all the time"
        )
    if name == REPORT or spec.get(name) is not None:
        return StageRecord(name, reason=str(Reason.Pending))
    return StageRecord(name, SKIPPED, str(Reason.Skipped), f"spec has no {name}")


def failure(stages: Mapping[str, StageRecord]) -> StageRecord | None:
    """The stage that failed the run; a report that failed does not."""
    for record in stages.values():
        if record.state == FAILED and record.name != REPORT:
            return record
    return None


def current(stages: Mapping[str, StageRecord]) -> StageRecord | None:
    """The first stage that is not done; None when all are."""
    return next((record for record in stages.values() if not record.done), None)


def skip_rest(stages: dict[str, StageRecord], failed: str) -> None:
    """After a failure only the report is still made."""
    for name, record in stages.items():
        if not record.done and name != REPORT:
            why = f"not reached: {failed} failed"
            stages[name] = replace(record, state=SKIPPED, reason=str(Reason.Skipped), message=why)
