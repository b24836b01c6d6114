"""Arrow columns ⇄ the values of BSON documents. Pure, no I/O.

Used by the MongoDB adapter's write, scan and look-up. A table of ours gives back every value as it was written:
what BSON has no word for is kept as a number of units (durations, times of day, times inside nested values that
are finer than a millisecond); a column of times is a BSON date, with a second field for what is finer.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from forebay_workloads.codecs import nested
from forebay_workloads.codecs.cells import plain_type
from forebay_workloads.codecs.fit import columns_text, shown
from forebay_workloads.codecs.nested import Convert
from forebay_workloads.errors import ConfigError, DataError, cut
from forebay_workloads.stores.mongodb_infer import as_text
from forebay_workloads.stores.mongodb_names import ID, REST, stored

Documents = Sequence[dict[str, Any]]

DECIMAL_DIGITS = 34  # of a BSON decimal
DAY_MS = 86_400_000
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_MISFITS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError)
VALUE_ERRORS = (*_MISFITS, TypeError, ValueError, AttributeError, OverflowError)


def check_types(table: str, schema: pa.Schema, key: Sequence[str]) -> None:
    """ConfigError SchemaMismatch for a column that BSON cannot hold, or a key that cannot be compared."""
    for field in schema:
        if not _holds(field.type):
            message = f"table {table!r}, column {field.name!r}: MongoDB cannot hold {field.type}; cast it first"
            raise ConfigError("SchemaMismatch", message)
        if field.name in key and (pa.types.is_nested(field.type) or pa.types.is_null(field.type)):
            message = f"table {table!r}: {field.name!r} is {field.type}, which cannot be a key"
            raise ConfigError("SchemaMismatch", message)
        if field.name == ID and is_fine(field.type):  # any other key keeps its time beside `_id`
            message = f"table {table!r}: {ID!r} is {field.type}, and a BSON date ends at ms; cast it first"
            raise ConfigError("SchemaMismatch", message)


def _holds(kind: pa.DataType) -> bool:
    kind = plain_type(kind)
    if nested.is_list(kind):
        return _holds(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_holds(kind.field(index).type) for index in range(kind.num_fields))
    if pa.types.is_decimal(kind):
        return bool(kind.precision <= DECIMAL_DIGITS)
    return not (pa.types.is_interval(kind) or pa.types.is_nested(kind))


def held(kind: pa.DataType) -> pa.DataType:
    """What BSON has instead: numbers of 64 bits with a sign, dates in ms. What does not fit is refused by row."""
    if pa.types.is_timestamp(kind) and kind.unit == "s":
        return pa.timestamp("ms", kind.tz)
    return pa.int64() if pa.types.is_uint64(kind) else plain_type(kind)


def is_fine(kind: pa.DataType) -> bool:
    """Whether values of that type may be finer than a BSON date."""
    return bool(pa.types.is_timestamp(kind)) and kind.unit in ("us", "ns")


def per_millisecond(kind: pa.DataType) -> int:
    """Units of a fine type in a millisecond."""
    return _PER_SECOND[kind.unit] // 1000


# To documents.


def encoded(column: pa.Array) -> list[Any]:
    """One BSON value per row: as it stands inside another value, and in a key."""
    kind = column.type
    convert = _encoder(kind)
    values = column.cast(raw_type(kind)).to_pylist()
    return values if convert is None else [None if v is None else convert(v) for v in values]


def fields(column: pa.Array, name: str) -> list[tuple[str, list[Any]]]:
    """What a merge sets for a column: one field, or two for times finer than a date.

    The second one also where it is 0: it has to overwrite an older one.
    """
    if not is_fine(column.type):
        return [(name, encoded(column))]
    per_ms = per_millisecond(column.type)
    raw = column.cast(pa.int64()).to_pylist()
    dates = [None if v is None else DatetimeMS(v // per_ms) for v in raw]
    rests = [None if v is None else v % per_ms * (1_000_000 // per_ms) for v in raw]
    return [(name, dates), (name + REST, rests)]


def is_direct(kind: pa.DataType) -> bool:
    """Whether Arrow's plain values are BSON's already."""
    return _encoder(kind) is None and not pa.types.is_nested(kind)


def raw_type(kind: pa.DataType) -> pa.DataType:
    """The type whose Python values are next to BSON's."""
    return nested.raw_type(kind, uint64=pa.int64())


def date_units(kind: pa.DataType) -> int | None:
    """Milliseconds in a unit of types that are BSON dates; None for others."""
    if pa.types.is_date32(kind):
        return DAY_MS
    if pa.types.is_date64(kind):
        return 1
    if pa.types.is_timestamp(kind) and not is_fine(kind):
        return 1000 // _PER_SECOND[kind.unit]
    return None


def _encoder(kind: pa.DataType) -> Convert | None:
    if (units := date_units(kind)) is not None:
        return lambda value: DatetimeMS(value * units)
    if pa.types.is_decimal(kind):
        return Decimal128
    return nested.nested(kind, _encoder)


# From documents.


def batch_of(
    documents: Documents, schema: pa.Schema, table: str, *, own: bool = True
) -> pa.RecordBatch:
    """The documents as rows of `schema`; DataError SchemaMismatch names the document and the column.

    `own`: tables that the adapter made. In others a field has its column's name, and a text column shows ids.
    """
    arrays = []
    for field in schema:
        name = stored(field.name) if own else field.name
        try:
            arrays.append(_column(documents, name, field.type, own=own))
        except VALUE_ERRORS as error:
            raise _guilty(documents, name, field, table, own=own) from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(documents: Documents, name: str, kind: pa.DataType, *, own: bool) -> pa.Array:
    values = [document.get(name) for document in documents]
    if is_fine(kind):
        per_ms = per_millisecond(kind)
        rests = [document.get(name + REST) or 0 for document in documents]
        pairs = zip(values, rests, strict=True)
        raw = [
            None if v is None else _milliseconds(v) * per_ms + r * per_ms // 1_000_000
            for v, r in pairs
        ]
        return pa.array(raw, pa.int64()).cast(kind)
    convert = _own_decoder(kind) if own else _loose_decoder(kind)
    if convert is not None:
        values = [None if value is None else convert(value) for value in values]
    raw = raw_type(kind)
    array = pa.array(values, raw)
    return array if raw.equals(kind) else array.cast(kind, safe=not _is_narrow(kind))


def _is_narrow(kind: pa.DataType) -> bool:
    """Floats that were widened to be stored: the way back is exact, yet a check of it would refuse infinity."""
    return bool(pa.types.is_floating(kind))


def _milliseconds(value: Any) -> int:
    if isinstance(value, DatetimeMS):
        return int(value)
    raise TypeError(f"{shown(value)} is no date")


def _own_decoder(kind: pa.DataType) -> Convert | None:
    if (units := date_units(kind)) is not None:
        return lambda value: _whole(_milliseconds(value), units)
    if pa.types.is_decimal(kind):
        return _decimal
    return nested.nested(kind, _own_decoder)


def _loose_decoder(kind: pa.DataType) -> Convert | None:
    if nested.is_text(kind):
        return as_text
    if (units := date_units(kind)) is not None:
        return lambda value: _whole(_milliseconds(value), units)
    return nested.nested(kind, _loose_decoder)


def _whole(value: int, units: int) -> int:
    if value % units:
        raise ValueError(f"a time of {value} ms is too fine")
    return value // units


def _decimal(value: Any) -> Decimal:
    return Decimal128.to_decimal(value)


def _guilty(
    documents: Documents, name: str, field: pa.Field, table: str, *, own: bool
) -> DataError:
    """Which document it was: looked for only when one does not fit."""
    for document in documents:
        try:
            _column([document], name, field.type, own=own)
        except VALUE_ERRORS as error:
            return DataError(
                "SchemaMismatch",
                f"table {table!r}, document {shown(document.get(ID))}, column {field.name!r}: "
                f"{shown(document.get(name))} is not {field.type}: {cut(error)}",
            )
    return DataError(
        "SchemaMismatch", f"table {table!r} does not fit {columns_text(pa.schema([field]))}"
    )
