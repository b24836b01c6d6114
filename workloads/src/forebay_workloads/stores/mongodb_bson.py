"""Arrow columns → BSON documents as bytes: whole columns at once, no Python object for a value. Pure, no I/O.

Used by `mongodb_rows.py`. An element is a type, a name and a value; a null has none. Values inside others, decimals
and what else Arrow has no bytes for go through the driver's encoder one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bson
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from forebay_workloads.codecs import nested
from forebay_workloads.stores import mongodb_types as types
from forebay_workloads.stores.mongodb_connection import CODEC
from forebay_workloads.stores.mongodb_layout import (
    BINARY,
    BOOL,
    DATE,
    DOCUMENT,
    DOUBLE,
    INT32,
    INT64,
    TEXT,
)
from forebay_workloads.stores.mongodb_names import REST

_BYTES = pa.large_binary()
_NOTHING, _END = pa.scalar(b"", _BYTES), pa.scalar(b"\0", _BYTES)
_FRAME = 5  # bytes of a document beside its elements: its length and its end
_WORD = 32  # bits


def document(elements: Sequence[pa.Array]) -> pa.Array:
    """The rows' documents of their elements."""
    body = pc.binary_join_element_wise(
        *elements, _NOTHING, null_handling="replace", null_replacement=""
    )
    size = _after(b"", _lengths(body) + _FRAME, "<i4")
    return pc.binary_join_element_wise(size, body, _END, _NOTHING)


def inner(name: str, documents: pa.Array) -> pa.Array:
    """Documents as the values of a field."""
    head = pa.scalar(_head(DOCUMENT, name), _BYTES)
    return pc.binary_join_element_wise(head, documents, _NOTHING)


def fields(name: str, column: pa.Array) -> list[pa.Array]:
    """A column's elements; times finer than a date have a second field where there is a rest."""
    if not types.is_fine(column.type):
        return [field(name, column)]
    per_ms = types.per_millisecond(column.type)
    units = _numbers(column.cast(pa.int64()))
    rests = units % per_ms * (1_000_000 // per_ms)
    found = [_known(_after(_head(DATE, name), units // per_ms, "<i8"), column)]
    if rests.any():
        found.append(_known(_after(_head(INT32, name + REST), rests, "<i4"), column))
    return found


def field(name: str, column: pa.Array) -> pa.Array:
    """One element for each row, its value as it stands in a key and inside other values."""
    units = types.date_units(column.type)
    if units is None and not types.is_direct(column.type):
        return of_values(name, types.encoded(column))
    raw = column.cast(types.raw_type(column.type))
    kind = raw.type
    if units is not None:
        numbers = _numbers(raw).astype(np.int64) * units
        return _known(_after(_head(DATE, name), numbers, "<i8"), raw)
    if (number := _number(kind)) is not None:
        code, wire = number
        return _known(_after(_head(code, name), _numbers(raw), wire), raw)
    if nested.is_text(kind) or nested.is_bytes(kind):
        return _counted(name, raw)
    return of_values(name, types.encoded(column))


def _number(kind: pa.DataType) -> tuple[int, str] | None:
    """BSON's type and NumPy's name of its bytes."""
    if pa.types.is_boolean(kind):
        return BOOL, "u1"
    if pa.types.is_floating(kind):
        return DOUBLE, "<f8"
    if not pa.types.is_integer(kind):
        return None
    small = kind.bit_width < _WORD or pa.types.is_int32(kind)
    return (INT32, "<i4") if small else (INT64, "<i8")


def of_values(name: str, values: Sequence[Any]) -> pa.Array:
    """Elements of the driver's values."""
    found = [
        None if value is None else bson.encode({name: value}, codec_options=CODEC)[4:-1]
        for value in values
    ]
    return pa.array(found, _BYTES)


def _counted(name: str, column: pa.Array) -> pa.Array:
    """Texts end with a zero, which counts; bytes begin with their subtype, which does not."""
    text = nested.is_text(column.type)
    values = column.cast(pa.large_string() if text else _BYTES).cast(_BYTES)
    size = _after(_head(TEXT if text else BINARY, name), _lengths(values) + text, "<i4")
    parts = (size, values, _END) if text else (size, _END, values)
    return pc.binary_join_element_wise(*parts, _NOTHING)


def _head(code: int, name: str) -> bytes:
    return bytes([code]) + name.encode() + b"\0"


def _numbers(column: pa.Array) -> npt.NDArray[Any]:
    empty = False if pa.types.is_boolean(column.type) else 0
    found: npt.NDArray[Any] = (
        pc.fill_null(column, empty) if column.null_count else column
    ).to_numpy(zero_copy_only=False)
    return found


def _lengths(values: pa.Array) -> npt.NDArray[Any]:
    return _numbers(pc.binary_length(values))


def _after(head: bytes, numbers: npt.NDArray[Any], wire: str) -> pa.Array:
    """For each number a head and its bytes."""
    width = len(head) + np.dtype(wire).itemsize
    cells = np.empty((len(numbers), width), np.uint8)
    cells[:, : len(head)] = np.frombuffer(head, np.uint8)
    values = np.ascontiguousarray(numbers.astype(wire))
    cells[:, len(head) :] = values.view(np.uint8).reshape(len(numbers), width - len(head))
    ends = np.arange(0, cells.size + 1, width, dtype=np.int64)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(cells)]
    return pa.Array.from_buffers(_BYTES, len(numbers), buffers)


def _known(elements: pa.Array, column: pa.Array) -> pa.Array:
    """Without those of nulls."""
    if not column.null_count:
        return elements
    return pc.if_else(column.is_valid(), elements, pa.scalar(None, _BYTES))
