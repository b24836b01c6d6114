"""Arrow columns ⇄ attribute values of items, as the service's JSON has them: {"N": "1"}, {"S": "a"} … Pure, no I/O.

Used by the DynamoDB adapter. A number of DynamoDB is a decimal of 38 digits between 1E-130 and 1E126: what is none
(NaN, infinity, -0.0, 1e300, longer decimals) stands as a text in a table of ours, whose types are known. Numbers and
times are read by column, through Arrow's own reading of texts.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

from forebay_workloads.codecs.fit import shown
from forebay_workloads.codecs.nested import is_bytes, is_list, is_text, raw_type
from forebay_workloads.errors import DataError, cut

Value = dict[str, Any]
Item = dict[str, Value]

NULL: Value = {"NULL": True}
DIGITS = 38
_SMALLEST, _LARGEST = -130, 125  # powers of ten
_FROM, _TO = 1e-130, 1e125
_MISFITS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError)
VALUE_ERRORS = (
    *_MISFITS,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    ArithmeticError,
)


def is_number(kind: pa.DataType) -> bool:
    """Whether values of that type are numbers to DynamoDB: also times, as so many units."""
    tests = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_decimal,
        pa.types.is_temporal,
    )
    return any(test(kind) for test in tests)


# Numbers.


def is_plain(value: Decimal) -> bool:
    """Whether DynamoDB gives that number back as it was."""
    if not value.is_finite():
        return False
    if not value:
        return not value.is_signed()
    digits = "".join(map(str, value.as_tuple().digits)).strip("0")
    return len(digits) <= DIGITS and _SMALLEST <= value.adjusted() <= _LARGEST


def decimal(value: Decimal) -> Value:
    """A number, or the text of one that DynamoDB has not."""
    if not is_plain(value):
        return {"S": str(value)}
    return {"N": str(value) if value else "0"}


def broken(value: float) -> Value:
    """The shortest decimal that is read back as this very float."""
    size = abs(value)
    plain = _FROM <= size <= _TO or (not value and math.copysign(1, value) > 0)
    return {"N" if plain else "S": repr(value)}


# To items.


def encoded(column: pa.Array) -> list[Value | None]:
    """One attribute value per row; None for a null."""
    convert = _encoder(column.type)
    values = column.cast(raw_type(column.type)).to_pylist()
    return [None if value is None else convert(value) for value in values]


def _encoder(kind: pa.DataType) -> Callable[[Any], Value]:
    if is_list(kind):
        item = _encoder(kind.value_type)
        return lambda values: {"L": [NULL if one is None else item(one) for one in values]}
    if pa.types.is_struct(kind):
        return _struct_encoder(kind)
    return next((encode for test, encode in _ENCODERS if test(kind)), _text)


def _text(value: Any) -> Value:
    return {"S": value}


_ENCODERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], Value]], ...] = (
    (pa.types.is_boolean, lambda value: {"BOOL": value}),
    (pa.types.is_floating, broken),
    (pa.types.is_decimal, decimal),
    (is_number, lambda value: {"N": str(value)}),
    (is_bytes, lambda value: {"B": b64encode(value).decode()}),
)


def _struct_encoder(kind: pa.DataType) -> Callable[[Any], Value]:
    fields = [kind.field(index) for index in range(kind.num_fields)]
    parts = [(field.name, _encoder(field.type)) for field in fields]

    def convert(value: dict[str, Any]) -> Value:
        return {
            "M": {
                name: NULL if value.get(name) is None else part(value[name]) for name, part in parts
            }
        }

    return convert


def as_set(value: Value) -> Value:
    """A list as the set that it was; ValueError where a set cannot hold it."""
    kinds = {name for one in value["L"] for name in one}
    texts = [text for one in value["L"] for text in one.values()]
    if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
        raise ValueError("a set has at least one value, no null, and all of one kind")
    if len(set(texts)) != len(texts):
        raise ValueError("a set has each value once")
    return {f"{kinds.pop()}S": texts}


# From items. A table of ours has the values that `encoded` made; of others, `own` is False.


def decoded(values: Sequence[Value | None], kind: pa.DataType, *, own: bool = True) -> pa.Array:
    """The column of one attribute; one of VALUE_ERRORS when a value does not fit."""
    if is_number(kind):
        texts = [None if _is_null(one) else _number_text(one, kind, own=own) for one in values]
        return _numbers(texts, kind)
    convert = _decoder(kind, own=own)
    found = [None if _is_null(one) else convert(one) for one in values]
    raw = raw_type(kind)
    array = pa.array(found, raw)
    return array if raw.equals(kind) else array.cast(kind, safe=False)


def _is_null(value: Value | None) -> bool:
    return value is None or "NULL" in value


def _number_text(value: Any, kind: pa.DataType, *, own: bool) -> str:
    text = value.get("N")
    if text is None and own and not pa.types.is_integer(kind):
        text = value["S"]
    return str(value["N"] if text is None else text)


def _numbers(texts: Sequence[str | None], kind: pa.DataType) -> pa.Array:
    array = pa.array(texts, pa.string()).cast(raw_type(kind))
    # Floats were widened to be stored: the way back is exact, yet a check of it would refuse infinity.
    return array.cast(kind, safe=not pa.types.is_floating(kind))


def _decoder(kind: pa.DataType, *, own: bool) -> Callable[[Any], Any]:
    if is_text(kind) and not own:
        return as_text
    if is_list(kind):
        item = _decoder(kind.value_type, own=own)
        return lambda value: [None if _is_null(one) else item(one) for one in members(value)]
    if pa.types.is_struct(kind):
        return _struct_decoder(kind, own=own)
    if is_number(kind):
        parse = next((parse for test, parse in _PARSERS if test(kind)), int)
        return lambda value: parse(_number_text(value, kind, own=own))
    return next((decode for test, decode in _DECODERS if test(kind)), _told)


def _told(value: Value) -> Any:
    return value["S"]


_PARSERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[str], Any]], ...] = (
    (pa.types.is_floating, float),
    (pa.types.is_decimal, Decimal),
)
_DECODERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Value], Any]], ...] = (
    (pa.types.is_boolean, lambda value: value["BOOL"] if "BOOL" in value else value["N"] != "0"),
    (is_bytes, lambda value: b64decode(value["B"])),
)


def _struct_decoder(kind: pa.DataType, *, own: bool) -> Callable[[Any], Any]:
    fields = [kind.field(index) for index in range(kind.num_fields)]
    parts = [(field.name, _decoder(field.type, own=own)) for field in fields]

    def convert(value: Value) -> dict[str, Any]:
        inner = value["M"]
        return {
            name: None if _is_null(inner.get(name)) else part(inner[name]) for name, part in parts
        }

    return convert


def members(value: Value) -> list[Value]:
    """The values of a list, or of a set in a steady order."""
    if "L" in value:
        return list(value["L"])
    ((kind, texts),) = value.items()
    if kind not in ("SS", "NS", "BS"):
        raise KeyError("L")
    return [{kind[0]: text} for text in sorted(texts)]


def as_text(value: Value) -> str:
    """A value of any kind in a column of texts: numbers as they are written, the rest as JSON."""
    ((kind, content),) = value.items()
    if kind in ("S", "N"):
        return str(content)
    return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: Value) -> Any:
    ((kind, content),) = value.items()
    if kind == "M":
        return {name: _plain(one) for name, one in content.items()}
    if kind in ("L", "SS", "NS", "BS"):
        return [_plain(one) for one in members(value)]
    if kind == "N":
        return _json_number(content)
    return None if kind == "NULL" else content


def _json_number(text: str) -> int | float:
    """A number as JSON shows it."""
    number = Decimal(text)
    whole = number == number.to_integral_value() and abs(number) < 2**63
    return int(number) if whole else float(number)


def batch_of(
    items: Sequence[Item], schema: pa.Schema, table: str, *, own: bool = True
) -> pa.RecordBatch:
    """The items as rows of `schema`; DataError SchemaMismatch names the value and the column."""
    arrays = []
    for field in schema:
        values = [item.get(field.name) for item in items]
        try:
            arrays.append(decoded(values, field.type, own=own))
        except VALUE_ERRORS as error:
            raise _guilty(items, field, table, own=own) from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _guilty(items: Sequence[Item], field: pa.Field, table: str, *, own: bool) -> DataError:
    """Which item it was: looked for only when one does not fit."""
    for item in items:
        value = item.get(field.name)
        try:
            decoded([value], field.type, own=own)
        except VALUE_ERRORS as error:
            others = {name: one for name, one in item.items() if name != field.name}
            return DataError(
                "SchemaMismatch",
                f"table {table!r}, column {field.name!r}: {shown(value)} is not {field.type}: "
                f"{cut(error)}; in the item {shown(others)}",
            )
    return DataError("SchemaMismatch", f"table {table!r}, column {field.name!r}: not {field.type}")
