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


def seconds_to_write(old: Status, new: Status, now: datetime, interval: float) -> float | None:
    """0.0: write now. A number of seconds: write then. None: there is nothing to write."""
    if _core(old) != _core(new):
        return 0.0
    before, after = old.get("progress") or {}, new.get("progress") or {}
    if _without(before, "lastUpdate") == _without(after, "lastUpdate"):
        return None
    return max(0.0, interval - seconds_since(before.get("lastUpdate"), now)) if before else 0.0


def _core(status: Status) -> dict[str, Any]:
    kept = {k: v for k, v in status.items() if k not in ("progress", "conditions")}
    conditions = [_without(c, "lastTransitionTime") for c in status.get("conditions") or []]
    return {**kept, "conditions": sorted(conditions, key=lambda c: str(c.get("type")))}


def _without(entry: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in entry.items() if k != key}
