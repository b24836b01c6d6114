"""Arrow columns ⇄ the values of JSON documents. Pure, no I/O.

Used by the Couchbase adapter's write, scan and look-up. A table of ours gives back every value as it was written: NaN,
infinity, decimals and bytes stand as texts, times as whole numbers of their unit. In somebody else's documents a column
of texts shows what is no text as JSON.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

from forebay_workloads.codecs import nested
from forebay_workloads.codecs.decoded import as_text
from forebay_workloads.codecs.fit import shown
from forebay_workloads.codecs.nested import Convert, is_bytes, is_text, raw_type
from forebay_workloads.errors import DataError, cut
from forebay_workloads.stores.couchbase_names import ID

Document = dict[str, Any]
Named = tuple[str, Document]

_INT64 = 2**63
_MISFITS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError)
VALUE_ERRORS = (
    *_MISFITS,
    AttributeError,
    ArithmeticError,
    KeyError,
    TypeError,
    ValueError,
)


# To documents.


def encoded(column: pa.Array) -> list[Any]:
    """One value of JSON per row; None for a null."""
    convert = _encoder(column.type)
    values: list[Any] = column.cast(raw_type(column.type)).to_pylist()
    return values if convert is None else [None if v is None else convert(v) for v in values]


def _encoder(kind: pa.DataType) -> Convert | None:
    if pa.types.is_floating(kind):
        return lambda value: value if math.isfinite(value) else repr(value)
    if pa.types.is_decimal(kind):
        return str
    if is_bytes(kind):
        return lambda value: b64encode(value).decode()
    return nested.nested(kind, _encoder)


def columns_of(rows: pa.RecordBatch, *, own: bool) -> dict[str, list[Any]]:
    """The fields of the rows' documents; the name of somebody else's document is no field."""
    names = [name for name in rows.schema.names if own or name != ID]
    return {name: encoded(rows.column(name)) for name in names}


def body(columns: Mapping[str, Sequence[Any]], row: int) -> bytes:
    """The document of a row; a null is a field that it does not have."""
    fields = {name: values[row] for name, values in columns.items() if values[row] is not None}
    return orjson.dumps(fields)


# From documents.


def parsed(name: str, data: bytes, table: str) -> Document:
    """The document; DataError SchemaMismatch when it is no object of JSON."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        message = f"table {table!r}, document {shown(name)}: no JSON: {cut(error, 100)}"
        raise DataError("SchemaMismatch", message) from error
    if not isinstance(value, dict):
        message = f"table {table!r}, document {shown(name)}: a JSON object is needed"
        raise DataError("SchemaMismatch", message)
    return value


def batch_of(
    found: Sequence[Named], schema: pa.Schema, table: str, *, own: bool = True
) -> pa.RecordBatch:
    """The documents as rows of `schema`; DataError SchemaMismatch names the document and the column."""
    arrays = []
    for field in schema:
        try:
            arrays.append(_column(found, field, own=own))
        except VALUE_ERRORS as error:
            raise _guilty(found, field, table, own=own) from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(found: Sequence[Named], field: pa.Field, *, own: bool) -> pa.Array:
    if not own and field.name == ID:
        return pa.array([name for name, _ in found], field.type)
    values = [document.get(field.name) for _, document in found]
    kind = field.type
    convert = _decoder(kind) if own else _loose(kind)
    if convert is not None:
        values = [None if value is None else convert(value) for value in values]
    raw = raw_type(kind)
    array = pa.array(values, raw)
    # Floats were widened to be stored: the way back is exact, yet a check of it would refuse infinity.
    return array if raw.equals(kind) else array.cast(kind, safe=not pa.types.is_floating(kind))


def _decoder(kind: pa.DataType) -> Convert | None:
    if pa.types.is_floating(kind):
        return lambda value: float(value) if isinstance(value, str) else value
    if pa.types.is_decimal(kind):
        return Decimal
    if is_bytes(kind):
        return b64decode
    return nested.nested(kind, _decoder)


def _loose(kind: pa.DataType) -> Convert | None:
    if is_text(kind):
        return as_text
    if pa.types.is_floating(kind):
        return lambda value: float(value) if type(value) is int else value  # also one of 20 digits
    return nested.nested(kind, _loose)


def _guilty(found: Sequence[Named], field: pa.Field, table: str, *, own: bool) -> DataError:
    """Which document it was: looked for only when one does not fit."""
    for name, document in found:
        try:
            _column([(name, document)], field, own=own)
        except VALUE_ERRORS as error:
            return DataError(
                "SchemaMismatch",
                f"table {table!r}, document {shown(name)}, column {field.name!r}: "
                f"{shown(document.get(field.name))} is not {field.type}: {cut(error)}",
            )
    return DataError("SchemaMismatch", f"table {table!r}, column {field.name!r}: not {field.type}")


# Columns of documents that somebody else wrote.


def inferred(found: Iterable[Mapping[str, Any]]) -> pa.Schema:
    """The name of the document, then columns in the order in which the documents first have them."""
    kinds: dict[str, pa.DataType] = {}
    for document in found:
        for name, value in document.items():
            if name and name != ID:
                kinds[name] = _joined(kinds.get(name, pa.null()), _kind_of(value))
    return pa.schema([(ID, pa.string()), *kinds.items()])


def _kind_of(value: Any) -> pa.DataType:
    if isinstance(value, dict):
        return pa.struct([(name, _kind_of(one)) for name, one in value.items()])
    if isinstance(value, list):
        item = pa.null()
        for one in value:
            item = _joined(item, _kind_of(one))
        return pa.list_(item)
    if type(value) is int and not -_INT64 <= value < _INT64:
        return pa.float64()
    return _FLAT[type(value)]


_FLAT: Mapping[type, pa.DataType] = {
    type(None): pa.null(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
}


def _joined(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    return nested.joined(one, other, _numbers)


def _numbers(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    return pa.float64() if {one, other} == {pa.int64(), pa.float64()} else None
