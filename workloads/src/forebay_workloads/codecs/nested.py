"""Values inside lists and structs, for stores that hold them as lists and documents. Pure, no I/O.

Used by the adapters of document stores. Times are numbers of units, as Python's own types lose nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

Convert = Callable[[Any], Any]
Numbers = Callable[[pa.DataType, pa.DataType], pa.DataType | None]

_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_BYTES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_binary_view,
)
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def is_text(kind: pa.DataType) -> bool:
    """Whether the type is one of texts."""
    return any(test(kind) for test in _TEXT)


def is_bytes(kind: pa.DataType) -> bool:
    """Whether the type is one of bytes."""
    return any(test(kind) for test in _BYTES)


def is_list(kind: pa.DataType) -> bool:
    """Whether the type is one of lists."""
    return any(test(kind) for test in _LISTS)


def holds(kind: pa.DataType) -> bool:
    """Whether a store of texts, numbers, lists and documents can hold values of that type."""
    if is_list(kind):
        return holds(kind.value_type)
    if pa.types.is_struct(kind):
        return all(holds(field.type) for field in _fields(kind))
    return not (pa.types.is_interval(kind) or pa.types.is_nested(kind))


def inner_fields(kind: pa.DataType) -> list[Any]:
    """The fields of a struct, or of the structs that a list holds."""
    while is_list(kind):
        kind = kind.value_type
    return _fields(kind) if pa.types.is_struct(kind) else []


def _fields(kind: pa.DataType) -> list[Any]:
    return [kind.field(index) for index in range(kind.num_fields)]


def raw_type(kind: pa.DataType, uint64: pa.DataType | None = None) -> pa.DataType:
    """The type whose Python values a store is given: times as numbers of units, floats of 64 bits.

    `uint64` is the type in its place, where the store has only numbers with a sign.
    """
    if pa.types.is_temporal(kind):
        return pa.int32() if kind.bit_width == 32 else pa.int64()  # noqa: PLR2004 - bits
    if pa.types.is_floating(kind):
        return pa.float64()
    if uint64 is not None and pa.types.is_uint64(kind):
        return uint64
    if is_list(kind):
        inner = kind.value_field
        return pa.list_(pa.field(inner.name, raw_type(inner.type, uint64), inner.nullable))
    if pa.types.is_struct(kind):
        fields = _fields(kind)
        return pa.struct([pa.field(f.name, raw_type(f.type, uint64), f.nullable) for f in fields])
    return kind


def nested(kind: pa.DataType, inner: Callable[[pa.DataType], Convert | None]) -> Convert | None:
    """Applies `inner` to what lists and structs hold; None where nothing is to be done."""
    if is_list(kind):
        item = inner(kind.value_type)
        if item is None:
            return None
        return lambda value: [None if one is None else item(one) for one in value]
    if not pa.types.is_struct(kind):
        return None
    parts = [(field.name, inner(field.type)) for field in _fields(kind)]
    if all(part is None for _, part in parts):
        return None

    def convert(value: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for name, part in parts:
            one = value.get(name)
            found[name] = one if one is None or part is None else part(one)
        return found

    return convert


def joined(one: pa.DataType, other: pa.DataType, numbers: Numbers) -> pa.DataType:
    """The type that holds the values of both, of documents that differ; text where nothing else does.

    `numbers` gives the type of two kinds of numbers, None when one of them is none.
    """
    if one.equals(other) or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if pa.types.is_list(one) and pa.types.is_list(other):
        return pa.list_(joined(one.value_type, other.value_type, numbers))
    if not (pa.types.is_struct(one) and pa.types.is_struct(other)):
        return numbers(one, other) or pa.string()
    fields: dict[str, pa.DataType] = {}
    for field in (*_fields(one), *_fields(other)):
        fields[field.name] = joined(fields.get(field.name, pa.null()), field.type, numbers)
    return pa.struct(list(fields.items()))
