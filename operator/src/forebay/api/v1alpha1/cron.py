"""The grammar of a schedule as one regular expression (RE2), so that admission can judge it.

Used by a rule of the pipeline. It takes all that the operator's own reader (plan/schedule.py) takes, and leaves to that
one what no expression can tell: ranges that run backwards, days that never come. It reads nothing.
"""

from __future__ import annotations

_MINUTE = "0*[1-5]?[0-9]"
_HOUR = "0*(?:1?[0-9]|2[0-3])"
_DAY = "0*(?:[1-9]|[12][0-9]|3[01])"
_MONTH = "(?:0*(?:[1-9]|1[0-2])|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_WEEKDAY = "(?:0*[0-7]|sun|mon|tue|wed|thu|fri|sat)"


def _field(value: str, *more: str) -> str:
    """A list of stars, values and ranges, each with a step; `more` are further forms of one item."""
    item = "|".join((rf"(?:[*]|{value}(?:-{value})?)(?:/0*[1-9][0-9]*)?", *more))
    return f"(?:{item})(?:,(?:{item}))*"


PATTERN = (
    "(?i)^"
    + " +".join(
        (
            _field(_MINUTE),
            _field(_HOUR),
            _field(_DAY, "lw?(?:/0*[1-9][0-9]*)?"),
            _field(_MONTH),
            _field(_WEEKDAY, "0*[0-7]l", f"{_WEEKDAY}#0*[1-5]"),
        )
    )
    + "$"
)
"""Minute, hour, day of the month, month, day of the week."""

SAID = (
    "schedule has five fields: minute (0-59), hour (0-23), day (1-31), month (1-12 or jan-dec), weekday (0-7 or "
    "sun-sat); each *, a value, a range, a list, or with a step"
)
