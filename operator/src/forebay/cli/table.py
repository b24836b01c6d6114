"""Rows to aligned text, as kubectl prints them: columns three spaces apart, no lines, no colours. Pure."""

from __future__ import annotations

from collections.abc import Sequence

MISSING = "–"  # noqa: RUF001 - the dash that the design shows
GAP = "   "


def render(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The table's text without a final newline; an empty cell shows as a dash."""
    lines = [list(header), *([cell(value) for value in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        GAP.join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def cell(value: object) -> str:
    """One line of text for a value; control characters are shown, not sent to the terminal."""
    text = "" if value is None else str(value)
    if not text:
        return MISSING
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
