"""The small part of JSONPath that print columns use: `.status.conditions[?(@.type=="Ready")].reason`.

Called by `columns.py`. Knows fields, list indices and one equality filter; anything else is an error,
never a silently empty cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_STEP = re.compile(
    r"""\.(?P<field>(?:[\w/-]|\\\.)+)
      | \['(?P<quoted>[^']+)'\]
      | \[(?P<index>\d+)\]
      | \[\?\(@\.(?P<key>[\w.-]+)\s*==\s*["'](?P<value>[^"']*)["']\)\]""",
    re.VERBOSE,
)


def find(path: str, value: Any) -> Any:
    """What the path leads to, or None when some step of it is not there. Raises ValueError for a bad path."""
    for step in _steps(path):
        value = _follow(step, value)
        if value is None:
            return None
    return value


@lru_cache(maxsize=256)
def _steps(path: str) -> tuple[re.Match[str], ...]:
    return tuple(_parse(path))


def _parse(path: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise ValueError(f"JSONPath {path!r} is not understood at {path[at:]!r}")
        yield match
        at = match.end()


def _follow(step: re.Match[str], value: Any) -> Any:
    name = (step["field"] or step["quoted"] or "").replace("\\.", ".")
    if name:
        return value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, list):
        return None
    if step["index"] is not None:
        index = int(step["index"])
        return value[index] if index < len(value) else None
    matching = (
        item for item in value if isinstance(item, dict) and item.get(step["key"]) == step["value"]
    )
    return next(matching, None)
