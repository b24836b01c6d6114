"""Durations of a spec: one whole number and one unit. Pure."""

from __future__ import annotations

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(text: str | None, default: float) -> float:
    """`90s` → 90.0; `default` where nothing is given. ValueError for what the schema lets nobody write."""
    if not text:
        return default
    unit = text.lstrip("0123456789")
    return int(text[: len(text) - len(unit)]) * _UNITS[unit]
