"""Values as people read them: numbers, spans of time, and text that cannot be taken for markup.

Used by the sections and templates of the report. Pure.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

MINUTE, HOUR = 60, 3600
LONGEST = 400  # characters of one value in a table
DASH = "—"


def number(value: Any) -> str:
    """`100,000`, `0.9134`, `1.2e-07`; a dash for nothing; other values as text."""
    if value is None:
        return DASH
    if isinstance(value, bool) or not isinstance(value, int | float):
        return plain(value)
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:  # noqa: PLR2004 - exact in a float
        return f"{int(value):,}"
    return f"{value:.5g}"


def span(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 04 s`, `2 h 05 min`."""
    if seconds is None:
        return DASH
    if seconds < 10:  # noqa: PLR2004 - where tenths stop being of interest
        return f"{seconds:.1f} s"
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min {int(seconds % MINUTE):02} s"
    return f"{int(seconds // HOUR)} h {int(seconds % HOUR // MINUTE):02} min"


def plain(value: Any) -> str:
    """Any JSON value as one line of text of bounded length."""
    if value is None:
        return DASH
    text = (
        value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    )
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def pretty(value: Any) -> str:
    """A JSON document as people read it."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def flat(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """The leaves of nested objects with dotted names; lists stay whole."""
    if not isinstance(value, dict):
        return [(prefix, value)]
    leaves: list[tuple[str, Any]] = []
    for key, one in value.items():
        leaves += flat(one, f"{prefix}.{key}" if prefix else str(key))
    return leaves


def markdown(value: Any) -> str:
    """A value inside Markdown: one line, and nothing of it is markup, HTML or a link."""
    text = " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_{}\[\]()#+!|~$])", r"\\\1", text)
    # A bare address would become a link; a broken scheme does not, and reads the same.
    return re.sub(r"(?i)\b(https?|ftp|mailto|javascript|data)(:)(?=\S)", r"\1&#58;", text)
