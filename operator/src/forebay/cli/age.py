"""Points in time as kubectl shows them: how long ago, in at most two units. Pure; `now` is given."""

from __future__ import annotations

from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400


def parse_time(text: str) -> datetime:
    """An RFC 3339 time of an object. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def age(since: str | None, now: datetime) -> str:
    """`4d3h` since an RFC 3339 time; `<unknown>` when there is none."""
    if not since:
        return "<unknown>"
    try:
        return human_duration((now - parse_time(since)).total_seconds())
    except ValueError:
        return "<invalid>"


def human_duration(seconds: float) -> str:
    """Rounds as kubectl does: seconds below 2 min, then at most two units."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    for limit, unit, name, rest_unit, rest_name in _STEPS:
        if whole < limit:
            rest = whole % unit // rest_unit if rest_unit else 0
            return f"{whole // unit}{name}" + (f"{rest}{rest_name}" if rest else "")
    return f"{whole // _YEAR}y"


# Below `limit` seconds: shown in this unit, and what is left over in that one (0: dropped).
_STEPS = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)


def parse_duration(text: str) -> float:
    """Seconds of `90`, `90s`, `10m`, `1h30m`. Raises ValueError."""
    units = {"s": 1, "m": _MINUTE, "h": _HOUR, "d": _DAY}
    total, digits = 0.0, ""
    for char in text.strip() + ("s" if text.strip()[-1:].isdigit() else ""):
        if char.isdigit() or char == ".":
            digits += char
        elif char in units and digits:
            total, digits = total + float(digits) * units[char], ""
        else:
            raise ValueError(f"{text!r} is not a duration such as 90s, 10m or 1h30m")
    if total <= 0:
        raise ValueError(f"{text!r} is not a duration such as 90s, 10m or 1h30m")
    return total
