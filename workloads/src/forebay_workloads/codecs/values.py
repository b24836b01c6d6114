"""Python values → Arrow columns, strictly: what is not of the column's type is named, never bent. Pure.

Used by the codecs of records. Arrow itself cuts 1.5 to 1 for a column of whole numbers and calls true the number 1.
A text in a column of times is read as one; a list or object in a column of texts is kept as JSON.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
import pyarrow as pa

from forebay_workloads.codecs.fit import Misfit, fit, named, shown

Convert = Callable[[Any], Any]
"""A value as Arrow takes it; one of `WRONG` when it is not of the type."""

WRONG = (ValueError, TypeError, OverflowError, InvalidOperation, pa.ArrowException)
_FLOAT32_MAX = 3.4028235677973366e38
_NONE = type(None)
_PLAIN: tuple[tuple[Callable[[pa.DataType], bool], frozenset[type]], ...] = (
    (pa.types.is_boolean, frozenset({bool, _NONE})),
    (pa.types.is_integer, frozenset({int, _NONE})),
    (pa.types.is_float64, frozenset({float, int, _NONE})),
    (pa.types.is_string, frozenset({str, _NONE})),
    (pa.types.is_large_string, frozenset({str, _NONE})),
    (pa.types.is_binary, frozenset({bytes, _NONE})),
    (pa.types.is_large_binary, frozenset({bytes, _NONE})),
)
"""Types of which Arrow converts a whole column as strictly as we do, and the values it may then hold."""


def column(values: Sequence[Any], kind: pa.DataType) -> tuple[pa.Array, list[Misfit]]:
    """The values as `kind`, null where one does not fit, and those that do not."""
    types = set(map(type, values))
    plain = next((allowed for test, allowed in _PLAIN if test(kind)), None)
    if plain is not None and types <= plain:
        try:
            return pa.array(values, kind), []
        except (*WRONG, pa.ArrowInvalid):  # a number out of range: each one is looked at below
            pass
    if pa.types.is_temporal(kind) and types <= {str, _NONE}:
        return fit(pa.array(values, pa.string()), kind)
    return _one_by_one(values, kind)


def _one_by_one(values: Sequence[Any], kind: pa.DataType) -> tuple[pa.Array, list[Misfit]]:
    convert = converter(kind)
    held: list[Any] = []
    misfits: list[Misfit] = []
    for index, value in enumerate(values):
        try:
            held.append(None if value is None else convert(value))
        except WRONG:
            held.append(None)
            misfits.append(Misfit(index, f"{shown(value)} is not {named(kind)}"))
    return pa.array(held, kind), misfits


def converter(kind: pa.DataType) -> Convert:
    """How one value that is not null becomes one of `kind`; TypeError for a type that no record can hold."""
    for test, make in _MAKERS:
        if test(kind):
            return make(kind)
    raise TypeError(f"records hold no values of type {kind}")


def _refuse(value: Any) -> Any:
    raise ValueError(shown(value))


def _boolean(_: pa.DataType) -> Convert:
    return lambda value: value if type(value) is bool else _refuse(value)


def _integer(kind: pa.DataType) -> Convert:
    signed = pa.types.is_signed_integer(kind)
    low = -(1 << kind.bit_width - 1) if signed else 0
    high = (1 << kind.bit_width - signed) - 1

    def convert(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        return value if type(value) is int and low <= value <= high else _refuse(value)

    return convert


def _float(kind: pa.DataType) -> Convert:
    limit = {16: 65504.0, 32: _FLOAT32_MAX}.get(kind.bit_width)

    def convert(value: Any) -> float:
        if type(value) not in (int, float):
            _refuse(value)
        number = float(value)
        infinite = number in (float("inf"), float("-inf"))
        if limit is not None and not infinite and abs(number) > limit:
            _refuse(value)
        return number

    return convert


def _text(_: pa.DataType) -> Convert:
    def convert(value: Any) -> str:
        if isinstance(value, str):
            value.encode()  # a lone surrogate is no text
            return value
        if isinstance(value, dict | list):
            return orjson.dumps(value).decode()
        return str(value) if isinstance(value, uuid.UUID) else _refuse(value)

    return convert


def _bytes(kind: pa.DataType) -> Convert:
    width = kind.byte_width if pa.types.is_fixed_size_binary(kind) else None

    def convert(value: Any) -> bytes:
        held = value.encode() if isinstance(value, str) else value
        if not isinstance(held, bytes) or (width is not None and len(held) != width):
            _refuse(value)
        return held

    return convert


def _time(kind: pa.DataType) -> Convert:
    def convert(value: Any) -> Any:
        if isinstance(value, str):
            return pa.scalar(value).cast(kind)
        if isinstance(value, bool | int | float):
            _refuse(value)  # nobody said of which unit
        return pa.scalar(value, kind)

    return convert


def _decimal(kind: pa.DataType) -> Convert:
    def convert(value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            _refuse(value)
        number = Decimal(str(value))
        pa.scalar(number, kind)  # refuses what would be rounded
        return number

    return convert


def _list(kind: pa.DataType) -> Convert:
    item = converter(kind.value_type)
    size = kind.list_size if pa.types.is_fixed_size_list(kind) else None

    def convert(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple) or (size is not None and len(value) != size):
            _refuse(value)
        return [None if one is None else item(one) for one in value]

    return convert


def _struct(kind: pa.DataType) -> Convert:
    fields = [(kind.field(i).name, converter(kind.field(i).type)) for i in range(kind.num_fields)]

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            _refuse(value)
        return {
            name: None if value.get(name) is None else each(value[name]) for name, each in fields
        }

    return convert


def _map(kind: pa.DataType) -> Convert:
    key, item = converter(kind.key_type), converter(kind.item_type)

    def convert(value: Any) -> list[tuple[Any, Any]]:
        if not isinstance(value, dict):
            _refuse(value)
        return [(key(k), None if v is None else item(v)) for k, v in value.items()]

    return convert


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _is_list(kind: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests)


_MAKERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType], Convert]], ...] = (
    (pa.types.is_null, lambda _: _refuse),
    (pa.types.is_boolean, _boolean),
    (pa.types.is_integer, _integer),
    (pa.types.is_floating, _float),
    (pa.types.is_decimal, _decimal),
    (pa.types.is_temporal, _time),
    (_is_text, _text),
    (_is_bytes, _bytes),
    (pa.types.is_map, _map),
    (_is_list, _list),
    (pa.types.is_struct, _struct),
)
