"""Events for what changed in an object's conditions: said once, when it changes. Called by plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from forebay.kube.port import Obj
from forebay.plan.conditions import condition
from forebay.plan.types import Event


def changes(obj: Obj, conditions: Iterable[Mapping[str, Any]], *kinds: str) -> tuple[Event, ...]:
    """One event for each condition of `kinds` whose status or reason is not what the object shows now.

    True is Normal, False a Warning; Unknown is not worth an event, nor is a reason that was just announced.
    """
    events: dict[tuple[str, str], Event] = {}
    for new in conditions:
        if new["type"] not in kinds or new["status"] == "Unknown":
            continue
        old = condition(obj, new["type"])
        if (old.get("status"), old.get("reason")) == (new["status"], new["reason"]):
            continue
        level = "Normal" if new["status"] == "True" else "Warning"
        event = Event("Normal" if level == "Normal" else "Warning", new["reason"], new["message"])
        events.setdefault((event.type, event.reason), event)
    return tuple(events.values())
