"""Is a new status worth a write? Pure. Called by execute.

Transition times alone are no news, and progress is written at its own pace; everything else is written at
once. Without this a status write would wake its own object for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from forebay.plan.times import seconds_since

Status = Mapping[str, Any]
_PACED = ("progress", "ingest")


def seconds_to_write(old: Status, new: Status, now: datetime, interval: float) -> float | None:
    """0.0: write now. A number of seconds: write then. None: there is nothing to write."""
    if _core(old) != _core(new):
        return 0.0
    waits = (_pace(old.get(name) or {}, new.get(name) or {}, now, interval) for name in _PACED)
    return min((wait for wait in waits if wait is not None), default=None)


def _pace(before: Status, after: Status, now: datetime, interval: float) -> float | None:
    """As above, for one block of numbers that move all the time."""
    if _without(before, "lastUpdate") == _without(after, "lastUpdate"):
        return None
    last = before.get("lastUpdate")
    return max(0.0, interval - seconds_since(last, now)) if last else 0.0


def _core(status: Status) -> dict[str, Any]:
    kept = {k: v for k, v in status.items() if k not in (*_PACED, "conditions")}
    conditions = [_without(c, "lastTransitionTime") for c in status.get("conditions") or []]
    return {**kept, "conditions": sorted(conditions, key=lambda c: str(c.get("type")))}


def _without(entry: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in entry.items() if k != key}
