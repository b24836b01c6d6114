"""Cuts a text into blocks that end at the end of a line, in bounded memory. Pure apart from the stream.

Used by the readers of CSV and JSON Lines. A quoted value may hold line breaks; a block is never cut
inside one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from forebay_workloads.errors import DataError

BLOCK_BYTES = 4 << 20
LINE_LIMIT = 64 << 20  # bytes; a longer line is taken for a quote that was never closed


@dataclass(frozen=True)
class Block:
    """Whole lines and where they lie in the (decompressed) text."""

    offset: int
    data: bytes


def blocks(
    stream: BinaryIO,
    name: str,
    start: int,
    end: int | None = None,
    *,
    delimiter: bytes | None = None,
) -> Iterator[Block]:
    """Whole lines of a stream that stands at byte `start`, up to byte `end` or its end.

    With a delimiter, quoted values are respected (CSV). DataError SchemaMismatch when one line is longer
    than LINE_LIMIT.
    """
    quoted = _quoted(delimiter) if delimiter else None
    offset = start
    rest = b""
    while True:
        want = BLOCK_BYTES if end is None else min(BLOCK_BYTES, end - offset - len(rest))
        fresh = fill(stream, want)
        data = rest + fresh
        if not data:
            return
        cut = len(data) if len(fresh) < want or not fresh else _last_line_end(data, quoted)
        if not cut and len(data) > LINE_LIMIT:
            message = f"{name}: a line at byte {offset} is longer than {LINE_LIMIT >> 20} MiB; is a quote open?"
            raise DataError("SchemaMismatch", message)
        if cut:
            yield Block(offset, data[:cut])
        rest = data[cut:]
        offset += cut


def fill(stream: BinaryIO, size: int) -> bytes:
    """Exactly `size` bytes unless the stream ends: decompressors give less at a time."""
    parts: list[bytes] = []
    while size > 0 and (data := stream.read(size)):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def _quoted(delimiter: bytes) -> re.Pattern[bytes]:
    """A quoted value: it opens at the start of a field and closes at a quote that is not doubled."""
    edge = re.escape(delimiter)
    return re.compile(rb"(?:(?<=[\r\n" + edge + rb'])|\A)"(?:[^"]|"")*+("?)')


def _last_line_end(data: bytes, quoted: re.Pattern[bytes] | None) -> int:
    """The place after the last line break that is not inside quotes; 0 when there is none."""
    if quoted is None or b'"' not in data:
        return data.rfind(b"\n") + 1
    end = position = 0
    for match in quoted.finditer(data):
        end = max(end, data.rfind(b"\n", position, match.start()) + 1)
        if not match.group(1):
            return end
        position = match.end()
    return max(end, data.rfind(b"\n", position) + 1)
