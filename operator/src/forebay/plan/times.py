"""Times as the API writes them: RFC 3339, UTC, whole seconds. Plans get `now` and never ask a clock."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """A moment as the API writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> datetime:
    """Reads what the API wrote, with or without a fraction of a second."""
    return datetime.fromisoformat(text).astimezone(UTC)


def seconds_since(text: str | None, now: datetime) -> float:
    """Seconds from `text` to `now`, never negative: clocks of two machines differ. 0 when there is no text."""
    return max(0.0, (now - parse(text)).total_seconds()) if text else 0.0
