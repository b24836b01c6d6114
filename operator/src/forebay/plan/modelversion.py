"""Plan of a ModelVersion: it is a record, so its status only repeats the stage that its label gives it."""

from __future__ import annotations

from typing import Any

from forebay.api.reasons import Reason
from forebay.manifests.labels import ARCHIVED, PRODUCTION, STAGE, STAGING, is_paused, labels_of
from forebay.plan.conditions import Conditions
from forebay.plan.paused import paused
from forebay.plan.types import Observed, Plan
from forebay.settings import Settings

_STAGES = (PRODUCTION, STAGING, ARCHIVED)


def plan(observed: Observed, settings: Settings) -> Plan:  # noqa: ARG001 - all plans take both
    """What to do for a ModelVersion now: write its status."""
    version = observed.object
    if version["metadata"].get("deletionTimestamp"):
        return Plan()
    if is_paused(version):
        return paused(observed, ())
    conditions = Conditions(version, (), observed.now)
    stage = labels_of(version).get(STAGE)
    if stage is None or stage in _STAGES:
        conditions.ready(Reason.Published)
    else:
        known = ", ".join(_STAGES)
        conditions.stalled(Reason.InvalidSpec, f"label {STAGE} is {stage!r}, known are {known}")
    status: dict[str, Any] = {
        "observedGeneration": version["metadata"].get("generation", 1),
        "conditions": conditions.items(),
    }
    if stage in _STAGES:
        status["stage"] = stage
    return Plan(status=status)
