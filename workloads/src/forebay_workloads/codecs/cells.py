"""Arrow columns ⇄ the values SQLite can hold: integers, floats, text and bytes. Pure, no I/O.

Used by the embedded store. Every type survives the way there and back; what SQLite has no word for is
kept as text (NaN, decimals, nested values as JSON) or as a number of units (dates, times). Columns are
converted as a whole: a Python call per cell would cost more than the database.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

NAN = "NaN"  # SQLite turns a NaN into NULL, so it is kept as text in a column of numbers

_UNITS = {32: pa.int32(), 64: pa.int64()}
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_BYTES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_binary_view,
)
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def affinity(kind: pa.DataType) -> str:
    """The declared type of the SQLite column for an Arrow type; TypeError when there is none."""
    if pa.types.is_interval(kind):
        raise TypeError(f"columns of type {kind} cannot be stored")
    if pa.types.is_floating(kind):
        return "REAL"
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_temporal(kind):
        return "BIGINT"  # INTEGER would make a sole key the row number
    if _any(_BYTES, kind):
        return "BLOB"
    if pa.types.is_null(kind) or _any(_TEXT, kind) or pa.types.is_decimal(kind):
        return "TEXT"
    _check_nested(kind)
    return "TEXT"


def _check_nested(kind: pa.DataType) -> None:
    if _any(_LISTS, kind):
        affinity(kind.value_type)
    elif pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            affinity(kind.field(index).type)
    else:
        raise TypeError(f"columns of type {kind} cannot be stored")


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type without its encoding: a dictionary of strings is a column of strings."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Names and plain types, without metadata."""
    return pa.schema([pa.field(field.name, plain_type(field.type)) for field in schema])


def to_cells(column: pa.Array) -> list[Any]:
    """One SQLite value per row; pa.ArrowInvalid when an unsigned number does not fit 63 bits."""
    kind = column.type
    if pa.types.is_floating(kind):
        values = column.cast(pa.float64()).to_pylist()
        return list(map(_nan_to_text, values)) if _has_nan(column) else list(values)
    if pa.types.is_decimal(kind):
        return [None if value is None else str(value) for value in column.to_pylist()]
    if _is_nested(kind):
        encode = _encoder(kind)
        return [None if v is None else json.dumps(encode(v)) for v in _raw(column)]
    return list(column.cast(_held_as(kind)).to_pylist())


def from_cells(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """The inverse of `to_cells`; pa.ArrowInvalid when a value does not fit."""
    if pa.types.is_floating(kind):
        try:
            return pa.array(values, pa.float64()).cast(kind, safe=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            numbers = [math.nan if v == NAN else v for v in values]
            return pa.array(numbers, pa.float64()).cast(kind, safe=False)
    if pa.types.is_decimal(kind):
        return pa.array([None if v is None else Decimal(v) for v in values], kind)
    if _is_nested(kind):
        decode = _decoder(kind)
        raw = [None if v is None else decode(json.loads(v)) for v in values]
        return pa.array(raw, _raw_type(kind)).cast(kind)
    return pa.array(values, _held_as(kind)).cast(kind)


def _held_as(kind: pa.DataType) -> pa.DataType:
    """The Arrow type of what SQLite holds for a flat type."""
    if pa.types.is_boolean(kind):
        return pa.int8()
    if pa.types.is_uint64(kind):
        return pa.int64()
    return _UNITS[kind.bit_width] if pa.types.is_temporal(kind) else kind


def _nan_to_text(value: float | None) -> float | str | None:
    return NAN if value is not None and math.isnan(value) else value


def _is_nested(kind: pa.DataType) -> bool:
    return _any(_LISTS, kind) or pa.types.is_struct(kind)


def _any(tests: Sequence[Callable[[pa.DataType], bool]], kind: pa.DataType) -> bool:
    return any(test(kind) for test in tests)


def _has_nan(column: pa.Array) -> bool:
    return bool(pc.any(pc.is_nan(column)).as_py())


# Nested values. Temporal leaves are numbers of units (Python's own types lose nanoseconds), so nested
# columns are first cast to a type whose leaves JSON or `_encoder` can hold exactly.


def _raw_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_temporal(kind):
        return _UNITS[kind.bit_width]
    if _any(_LISTS, kind):
        field = kind.value_field
        return pa.list_(pa.field(field.name, _raw_type(field.type), field.nullable))
    if pa.types.is_struct(kind):
        fields = (kind.field(index) for index in range(kind.num_fields))
        return pa.struct([pa.field(f.name, _raw_type(f.type), f.nullable) for f in fields])
    return kind


def _raw(column: pa.Array) -> list[Any]:
    return list(column.cast(_raw_type(column.type)).to_pylist())


def _leaf(value: Any) -> Any:
    return value


def _encoder(kind: pa.DataType) -> Callable[[Any], Any]:
    if _any(_BYTES, kind):
        return lambda value: None if value is None else base64.b64encode(value).decode()
    if pa.types.is_decimal(kind):
        return lambda value: None if value is None else str(value)
    return _nested(kind, _encoder)


def _decoder(kind: pa.DataType) -> Callable[[Any], Any]:
    if _any(_BYTES, kind):
        return lambda value: None if value is None else base64.b64decode(value)
    if pa.types.is_decimal(kind):
        return lambda value: None if value is None else Decimal(value)
    return _nested(kind, _decoder)


def _nested(
    kind: pa.DataType, leaf: Callable[[pa.DataType], Callable[[Any], Any]]
) -> Callable[[Any], Any]:
    if _any(_LISTS, kind):
        item = leaf(kind.value_type)
        if item is _leaf:
            return _leaf
        return lambda value: None if value is None else [item(one) for one in value]
    if pa.types.is_struct(kind):
        fields = [(kind.field(i).name, leaf(kind.field(i).type)) for i in range(kind.num_fields)]
        return lambda value: None if value is None else {n: each(value[n]) for n, each in fields}
    return _leaf
