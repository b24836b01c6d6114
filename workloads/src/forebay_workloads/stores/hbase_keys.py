"""The name of a row: the columns of its key as bytes that sort as their values do. Pure, no I/O.

Used by the HBase adapter's writes and look-ups. Numbers and times have 8 bytes; a text or bytes that is not the last
column ends with a mark, so that no two keys have one name.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from forebay_workloads.codecs.nested import is_bytes, is_text, raw_type

ROW_BYTES = 32_767
_SIGN = 1 << 63
_ALL = (1 << 64) - 1

Bad = dict[int, str]  # row → why it has no name


def names_of(columns: Sequence[pa.Array]) -> tuple[list[bytes], Bad]:
    """A name for each row; a row whose key HBase cannot hold is bad."""
    last = len(columns) - 1
    parts = [_encoded(column, last=index == last) for index, column in enumerate(columns)]
    names = [b"".join(row) for row in zip(*parts, strict=True)]
    bad: Bad = {}
    for index, name in enumerate(names):
        if not name:
            bad[index] = "its key is empty, which HBase refuses"
        elif len(name) > ROW_BYTES:
            bad[index] = f"its key has {len(name):,} bytes, HBase takes {ROW_BYTES:,}"
    return names, bad


def _encoded(column: pa.Array, *, last: bool) -> list[bytes]:
    encode = _encoder(column.type)
    values = [encode(one) for one in column.cast(raw_type(column.type)).to_pylist()]
    if last or not _is_open(column.type):
        return values
    return [value.replace(b"\0", b"\0\xff") + b"\0\1" for value in values]


def _is_open(kind: pa.DataType) -> bool:
    """Whether its values have no length of their own."""
    return is_text(kind) or is_bytes(kind) or pa.types.is_decimal(kind)


def _encoder(kind: pa.DataType) -> Callable[[Any], bytes]:
    if is_text(kind):
        return lambda value: str(value).encode()
    if is_bytes(kind):
        return bytes
    if pa.types.is_decimal(kind):
        return lambda value: str(value).encode()
    if pa.types.is_floating(kind):
        return _float
    if pa.types.is_uint64(kind):
        return lambda value: struct.pack(">Q", value)
    return lambda value: struct.pack(">Q", int(value) + _SIGN)


def _float(value: float) -> bytes:
    """0.0 and -0.0 are one key."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))
    return struct.pack(">Q", bits ^ _ALL if bits & _SIGN else bits | _SIGN)
