"""Cron schedules: which start is due, and when the next one is. Pure: `now` comes in.

Called by the pipeline's plan. Fields mean what they mean in a CronJob.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError


class ScheduleError(ValueError):
    """The cron expression or the time zone cannot be read; the message begins with the field."""


@dataclass(frozen=True)
class Due:
    """`missed`: a start that is due but too late; `start`: one to make now; `next`: the one to come."""

    start: datetime | None
    missed: datetime | None
    next: datetime | None


def check(cron: str, zone: str | None) -> None:
    """Raises ScheduleError when the operator could not follow this schedule."""
    _simulate(cron, datetime.now(_zone(zone)))


def due(
    cron: str, zone: str | None, since: datetime, now: datetime, starting_deadline: int | None
) -> Due:
    """The newest start after `since` and not after `now`; older ones are passed over. ScheduleError."""
    local = _zone(zone)
    last = _last(cron, local, now)
    following = _next(cron, local, now)
    if last is None or last <= since:
        return Due(None, None, following)
    late = starting_deadline is not None and now - last > timedelta(seconds=starting_deadline)
    return Due(None if late else last, last if late else None, following)


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleError(f"spec.timeZone: {name!r} is no time zone of this machine") from error


def _next(cron: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    found = next(_simulate(cron, now.astimezone(zone)), None)
    return found.astimezone(UTC) if found is not None else None


def _last(cron: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The newest start that is not after `now`."""
    just_after = now.astimezone(zone).replace(microsecond=0) + timedelta(seconds=1)
    found = next(_simulate(cron, just_after, reverse=True), None)
    return found.astimezone(UTC) if found is not None else None


def _simulate(cron: str, start: datetime, *, reverse: bool = False) -> CronSim:
    try:
        return CronSim(cron, start, reverse=reverse)
    except CronSimError as error:
        raise ScheduleError(f"spec.schedule: {error} in {cron!r}") from error
