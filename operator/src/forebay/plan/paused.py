"""The plan of an object that asks to be left alone: its status says so and is otherwise what it was."""

from __future__ import annotations

from collections.abc import Iterable

from forebay.api.reasons import Reason
from forebay.plan.conditions import READY, RECONCILING, Conditions, condition
from forebay.plan.types import Observed, Plan

_WORDS = {"True": True, "False": False}


def paused(observed: Observed, types: Iterable[str]) -> Plan:
    """Keeps every condition; Ready keeps its status and gives the pause as its reason."""
    obj = observed.object
    conditions = Conditions(obj, types, observed.now)
    was = _WORDS.get(str(condition(obj, READY).get("status")))
    conditions.set(READY, was, Reason.ReconcilePaused, Reason.ReconcilePaused.sentence)
    conditions.set(RECONCILING, False, Reason.ReconcilePaused)
    return Plan(status={**(obj.get("status") or {}), "conditions": conditions.items()})
