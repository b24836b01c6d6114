"""Columns of a table that somebody else filled: from a sample of its items. Pure, no I/O.

Used by `dynamodb_catalog.py`. Whole numbers are int64, those beyond it decimals of 38 digits, broken ones float64; what
is a number here and a text there becomes text. Numbers in a key are int64 or, where one is not, texts: a float would
not find its item again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa

from forebay_workloads.codecs import nested
from forebay_workloads.stores.dynamodb_values import Item, Value, members

WHOLE = pa.decimal128(38, 0)
_FLAT = {"S": pa.string(), "B": pa.binary(), "BOOL": pa.bool_(), "NULL": pa.null()}
_KEYS = {"S": pa.string(), "B": pa.binary()}
_SETS = ("SS", "NS", "BS")
_INT64 = 2**63


@dataclass(frozen=True)
class Inferred:
    """The columns, and which of them are sets in every item of the sample."""

    schema: pa.Schema
    sets: frozenset[str] = field(default_factory=frozenset)


def inferred(items: Iterable[Item], keys: Mapping[str, str]) -> Inferred:
    """The key's columns first, then others by name: items have no order of their own.

    `keys` are the attributes of the key with their types, S, N or B.
    """
    kinds: dict[str, pa.DataType] = {}
    shapes: dict[str, set[str]] = {}
    for item in items:
        for name, value in item.items():
            kinds[name] = _joined(kinds.get(name, pa.null()), kind_of(value))
            if "NULL" not in value:
                shapes.setdefault(name, set()).update(value)
    found = {name: _key_kind(of, kinds.get(name)) for name, of in keys.items()}
    found |= {name: kinds[name] for name in sorted(kinds) if name not in keys}
    sets = {name for name, seen in shapes.items() if len(seen) == 1 and seen <= set(_SETS)}
    return Inferred(pa.schema(list(found.items())), frozenset(sets))


def _key_kind(of: str, kind: pa.DataType | None) -> pa.DataType:
    if of in _KEYS:
        return _KEYS[of]
    return pa.int64() if kind is None or pa.types.is_int64(kind) else pa.string()


def kind_of(value: Value) -> pa.DataType:
    """The column type of one value."""
    ((kind, content),) = value.items()
    if kind in _FLAT:
        return _FLAT[kind]
    if kind == "N":
        return _number(Decimal(content))
    if kind == "M":
        return pa.struct([(name, kind_of(content[name])) for name in sorted(content)])
    item = pa.null()
    for one in members(value):
        item = _joined(item, kind_of(one))
    return pa.list_(item)


def _number(value: Decimal) -> pa.DataType:
    if value != value.to_integral_value() or value.adjusted() >= WHOLE.precision:
        return pa.float64()
    return pa.int64() if -_INT64 <= value < _INT64 else WHOLE


def _joined(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    return nested.joined(one, other, _numbers)


def _numbers(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    kinds = {one, other}
    if kinds <= {pa.int64(), WHOLE}:
        return WHOLE
    return pa.float64() if kinds <= {pa.int64(), WHOLE, pa.float64()} else None
