"""Records of JSON → one Arrow batch and the poison among them. Pure, no I/O.

A record is one object: strict UTF-8, no NaN, no name twice in an object, nested at most `depth` deep.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa

from forebay_workloads.codecs.decoded import Bad, Decoded, Row, assemble, reason
from forebay_workloads.codecs.fit import shown

DEPTH = 64  # objects and lists inside each other

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_SPACED = (b" :", b"\t:", b"\n:", b"\r:")
_NESTED = frozenset({dict, list})


class JsonRecords:
    """The codec."""

    def __init__(self, depth: int = DEPTH) -> None:
        self._depth = depth

    def decode(self, records: Sequence[bytes | None], schema: pa.Schema | None = None) -> Decoded:
        """All records at once. Without a schema the columns are those of these records, in order of appearance."""
        rows: list[Row] = []
        places: list[int] = []
        bad: list[Bad] = []
        tombstones: list[int] = []
        for index, record in enumerate(records):
            if record is None:
                tombstones.append(index)
                continue
            try:
                rows.append(self._row(record))
            except ValueError as error:
                bad.append((index, reason(str(error))))
            else:
                places.append(index)
        return assemble(rows, places, schema, bad, tombstones)

    def _row(self, record: bytes) -> Row:
        try:
            value = orjson.loads(record)
        except orjson.JSONDecodeError as error:
            raise ValueError(_why(record, error)) from None
        if type(value) is not dict:
            text = bytes(record[:80]).decode(errors="replace")
            raise ValueError(f"a JSON object is needed, found {shown(text)}")
        members, depth = _measure(value, self._depth)
        if depth > self._depth:
            raise ValueError(f"nested deeper than {self._depth} levels")
        if _members(record, members) != members:  # the parser keeps the last of equal names
            raise ValueError("an object has one name twice")
        return value


def _members(record: bytes, expected: int) -> int:
    """How many members the text has; a cheap look tells in nearly all cases that they are the `expected` ones.

    Each has a colon. Where none follows white space, all follow a quote, so there are not more than such pairs.
    """
    pairs = record.count(b'":')
    if pairs == expected and not any(before in record for before in _SPACED):
        return pairs
    return _STRINGS.sub(b"", record).count(b":")


def _why(record: bytes, error: orjson.JSONDecodeError) -> str:
    if not record:
        return "empty"
    if "depth limit" in error.msg:
        return f"nested deeper than {DEPTH} levels"
    try:
        record.decode()
    except UnicodeDecodeError as wrong:
        return f"not UTF-8: {wrong.reason} at byte {wrong.start}"
    return f"no JSON: {error.msg}"


def _measure(value: Row, most: int) -> tuple[int, int]:
    """Members of all objects, and how deep it is; counting ends at `most` levels."""
    if most and not any(type(one) in _NESTED for one in value.values()):
        return len(value), 1
    members = 0
    depth = 0
    level: list[Any] = [value]
    while level:
        depth += 1
        if depth > most:
            break
        inner: list[Any] = []
        for one in level:
            children = one
            if type(one) is dict:
                members += len(one)
                children = one.values()
            inner += [child for child in children if type(child) in _NESTED]
        level = inner
    return members, depth
