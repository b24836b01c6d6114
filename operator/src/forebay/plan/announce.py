"""Events for what changed in an object's conditions: said once, when it changes. Called by plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from forebay.api.reasons import Reason
from forebay.kube.port import Obj
from forebay.plan.conditions import STALLED, WARNING, condition
from forebay.plan.types import Event

_CALM = frozenset({Reason.Pending, Reason.Progressing, Reason.Running, Reason.Queued})
_BAD_WHEN_TRUE = frozenset({WARNING, STALLED})


def changes(obj: Obj, conditions: Iterable[Mapping[str, Any]], *kinds: str) -> tuple[Event, ...]:
    """One event for each condition of `kinds` whose status or reason is not what the object shows now.

    A good state and mere progress are Normal, the rest is a Warning. Unknown is not worth an event, nor is a
    Warning or Stalled condition that went away.
    """
    events: dict[tuple[str, str], Event] = {}
    for new in conditions:
        if new["type"] not in kinds or new["status"] == "Unknown":
            continue
        old = condition(obj, new["type"])
        if (old.get("status"), old.get("reason")) == (new["status"], new["reason"]):
            continue
        good = new["reason"] in _CALM or (new["status"] == "True") != (
            new["type"] in _BAD_WHEN_TRUE
        )
        if good and new["type"] in _BAD_WHEN_TRUE:
            continue
        event = Event("Normal" if good else "Warning", new["reason"], new["message"])
        events.setdefault((event.type, event.reason), event)
    return tuple(events.values())
