"""Arrow columns ⇄ the bytes of HBase's cells, as its own tools write them where they have a form. Pure, no I/O.

Used by the HBase adapter. Numbers and times (as so many units) are big-endian, flags one byte, texts UTF-8; decimals
are texts, lists and structs JSON. An empty cell is a null: a delete would also take what is written in the same
millisecond. So an empty text, and one that begins with a zero byte, have one zero byte more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from forebay_workloads.codecs.cells import from_cells, to_cells
from forebay_workloads.codecs.fit import shown
from forebay_workloads.codecs.nested import is_bytes, is_text
from forebay_workloads.errors import DataError, cut

Cell = bytes | None  # None: there is none

NULL = b""
_ZERO = b"\0"
_TRUE = b"\xff"
_UNITS = {32: pa.int32(), 64: pa.int64()}
VALUE_ERRORS = (
    pa.ArrowInvalid,
    pa.ArrowTypeError,
    pa.ArrowNotImplementedError,
    TypeError,
    ValueError,
    KeyError,
    ArithmeticError,
)


def number_type(kind: pa.DataType) -> pa.DataType | None:
    """The Arrow type of the number that stands for a value; None for what is no number."""
    if pa.types.is_temporal(kind):
        return _UNITS[kind.bit_width]
    if pa.types.is_float16(kind):
        return pa.float32()
    return kind if pa.types.is_integer(kind) or pa.types.is_floating(kind) else None


def wire(kind: pa.DataType) -> Any:
    """NumPy's name of a number as it stands in a cell."""
    return np.dtype(kind.to_pandas_dtype()).newbyteorder(">")


def encoded(column: pa.Array) -> list[bytes]:
    """One cell per row; a null is an empty one."""
    kind = column.type
    number = number_type(kind)
    if number is not None:
        return _numbers(column.cast(number), number)
    if pa.types.is_boolean(kind):
        return [NULL if v is None else _TRUE if v else _ZERO for v in column.to_pylist()]
    if is_bytes(kind):
        return [NULL if value is None else escaped(value) for value in column.to_pylist()]
    values = column.to_pylist() if is_text(kind) else to_cells(column)
    return [NULL if value is None else escaped(value.encode()) for value in values]


def _numbers(column: pa.Array, number: pa.DataType) -> list[bytes]:
    dtype = wire(number)
    whole = column.fill_null(0).to_numpy(zero_copy_only=False).astype(dtype)
    raw, size = whole.tobytes(), dtype.itemsize
    found = [raw[at : at + size] for at in range(0, len(raw), size)]
    if column.null_count:
        nulls = column.is_null().to_pylist()
        found = [NULL if null else cell for cell, null in zip(found, nulls, strict=True)]
    return found


def escaped(value: bytes) -> bytes:
    """Never empty, as that is a null."""
    return _ZERO + value if not value or value.startswith(_ZERO) else value


def bare(cell: bytes) -> bytes:
    """The inverse."""
    return cell[1:] if cell.startswith(_ZERO) else cell


def decoded(cells: Sequence[Cell], kind: pa.DataType) -> pa.Array:
    """The column of some cells; one of VALUE_ERRORS when one does not fit."""
    number = number_type(kind)
    if number is not None:
        array = _numbers_of(cells, number)
        return array.cast(kind, safe=not pa.types.is_floating(kind))
    if pa.types.is_boolean(kind):
        return pa.array([None if not one else one != _ZERO for one in cells], kind)
    values = [None if not one else bare(one) for one in cells]
    if is_bytes(kind):
        return pa.array(values, kind)
    texts = [None if one is None else one.decode() for one in values]
    return pa.array(texts, kind) if is_text(kind) else from_cells(texts, kind)


def _numbers_of(cells: Sequence[Cell], number: pa.DataType) -> pa.Array:
    dtype = wire(number)
    filler = bytes(dtype.itemsize)
    if any(one and len(one) != dtype.itemsize for one in cells):
        raise ValueError(f"a cell has not the {dtype.itemsize} bytes of its type")
    raw = b"".join(one or filler for one in cells)
    native = np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="))
    return pa.array(native, number, mask=np.array([not one for one in cells], bool))


# Tables of somebody else: cells are bytes, of which nothing says what they are.


def plain(cells: Sequence[Cell], kind: pa.DataType) -> pa.Array:
    """Texts or bytes as they stand."""
    if is_bytes(kind):
        return pa.array(cells, kind)
    return pa.array([None if one is None else one.decode() for one in cells], kind)


def batch_of(
    rows: Sequence[tuple[bytes, Sequence[Cell]]], schema: pa.Schema, table: str, *, own: bool
) -> pa.RecordBatch:
    """Rows (name and cells in the order of `schema`); DataError SchemaMismatch names row and column."""
    arrays = []
    decode = decoded if own else plain
    for index, field in enumerate(schema):
        try:
            arrays.append(decode([cells[index] for _, cells in rows], field.type))
        except VALUE_ERRORS as error:
            raise _guilty(rows, index, field, table, own=own) from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _guilty(
    rows: Sequence[tuple[bytes, Sequence[Cell]]],
    index: int,
    field: pa.Field,
    table: str,
    *,
    own: bool,
) -> DataError:
    """Which row it was: looked for only when one does not fit."""
    decode = decoded if own else plain
    for name, cells in rows:
        try:
            decode([cells[index]], field.type)
        except VALUE_ERRORS as error:
            message = (
                f"table {table!r}, row {shown(name)}, column {field.name!r}: {shown(cells[index])} "
                f"is not {field.type}: {cut(error)}"
            )
            return DataError("SchemaMismatch", message)
    return DataError("SchemaMismatch", f"table {table!r}, column {field.name!r}: not {field.type}")
