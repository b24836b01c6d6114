"""Arrow columns ⇄ the bytes of CQL values, a column at a time. Pure, no I/O.

Used by the Cassandra adapter through `cassandra_types.py`, which chooses the codec of each column. Numbers are
swapped as a whole; only what CQL has no fixed form for costs a Python call for each value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forebay_workloads.codecs import cells as nested
from forebay_workloads.codecs.fit import shown
from forebay_workloads.codecs.unaligned import numbers_at
from forebay_workloads.errors import DataError
from forebay_workloads.stores.cassandra_page import Cells

VALUE_ERRORS = (TypeError, ValueError, ArithmeticError, AttributeError, struct.error, OSError)


@dataclass(frozen=True)
class Refused:
    """Stands for a value that the column's type cannot hold."""

    message: str


Encoded = list[Any]  # bytes, None for a null, or Refused


class Codec(Protocol):
    """One column's way there and back."""

    @property
    def kind(self) -> pa.DataType:
        """The Arrow type of the column."""

    def encode(self, column: pa.Array, cql: Any) -> Encoded:
        """`column` is of type `kind`; `cql` is the driver's class for the column's type."""

    def decode(self, cells: Cells) -> pa.Array:
        """An array of type `kind`."""


@dataclass(frozen=True)
class Fixed:
    """Numbers of one width. `wire` is NumPy's name of what is sent, `held` the Arrow type of that number."""

    kind: pa.DataType
    wire: str
    held: pa.DataType
    less: int = 0  # what is sent is so much more than the number

    def encode(self, column: pa.Array, cql: Any) -> Encoded:
        """Swapped at once, then cut into pieces."""
        del cql
        dtype = np.dtype(self.wire)
        numbers = column.cast(self.held).fill_null(False if pa.types.is_boolean(self.held) else 0)
        values = numbers.to_numpy(zero_copy_only=False)
        if self.less:
            values = values.astype(np.int64) + self.less
        raw, size = values.astype(dtype).tobytes(), dtype.itemsize
        found: Encoded = [raw[at : at + size] for at in range(0, len(raw), size)]
        return _with_nulls(found, column)

    def decode(self, cells: Cells) -> pa.Array:
        """An empty value, which old protocols could write, is a null."""
        dtype = np.dtype(self.wire)
        there = cells.length > 0
        if (cells.length[there] != dtype.itemsize).any():
            raise DataError(
                "SchemaMismatch", f"a value has not the {dtype.itemsize} bytes of its type"
            )
        every = bool(there.all())
        start = cells.start if every else cells.start[there]
        values = numbers_at(cells.data, start, self.wire)
        numbers = values.astype(np.int64) - self.less if self.less else values
        native = numbers.astype(self.held.to_pandas_dtype())
        if not every:
            whole = np.zeros(len(there), native.dtype)
            whole[there] = native
            native = whole
        return pa.array(native, self.held, mask=None if every else ~there).cast(self.kind)


@dataclass(frozen=True)
class Bytes:
    """Texts and blobs: what is sent is what Arrow holds."""

    kind: pa.DataType

    def encode(self, column: pa.Array, cql: Any) -> Encoded:
        """The values themselves."""
        del cql
        return list(column.cast(pa.large_binary()).to_pylist())

    def decode(self, cells: Cells) -> pa.Array:
        """One copy of all values; texts are checked as they are cast."""
        if pa.types.is_null(self.kind):
            return pa.nulls(len(cells.length))
        return raw(cells).cast(self.kind)


def raw(cells: Cells) -> pa.Array:
    """The cells as an Arrow array of bytes."""
    there = cells.length >= 0
    size = np.maximum(cells.length, 0)
    ends = np.cumsum(size)
    total = int(ends[-1]) if len(ends) else 0
    if total > np.iinfo(np.int32).max:
        raise DataError("SchemaMismatch", "a page has more than 2 GiB; ask for fewer rows at once")
    spans = np.arange(total) + np.repeat(cells.start - (ends - size), size)
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    valid = pa.py_buffer(np.packbits(there, bitorder="little").tobytes())
    data = pa.py_buffer(cells.data[spans].tobytes())
    buffers = [valid, pa.py_buffer(offsets.tobytes()), data]
    return pa.Array.from_buffers(pa.binary(), len(size), buffers)


@dataclass(frozen=True)
class Json:
    """Lists and structs of our own tables, as texts: CQL's lists hold no nulls, and its texts are exact."""

    kind: pa.DataType

    def encode(self, column: pa.Array, cql: Any) -> Encoded:
        """JSON."""
        del cql
        return [None if one is None else one.encode() for one in nested.to_cells(column)]

    def decode(self, cells: Cells) -> pa.Array:
        """Its inverse."""
        return nested.from_cells(raw(cells).cast(pa.string()).to_pylist(), self.kind)


@dataclass(frozen=True)
class Values:
    """Anything else, value by value through the driver's class of the type.

    `give` makes the driver's value of Arrow's, None for types that can only be read; `take` is its inverse.
    """

    kind: pa.DataType
    take: Callable[[Any], Any]
    give: Callable[[Any], Any] | None = None

    def encode(self, column: pa.Array, cql: Any) -> Encoded:
        """A value that the type cannot hold is Refused."""
        return [None if one is None else self._encoded(one, cql) for one in column.to_pylist()]

    def _encoded(self, value: Any, cql: Any) -> bytes | Refused:
        name = cql.cql_parameterized_type()
        if self.give is None:
            return Refused(f"columns of type {name} can only be read")
        try:
            return bytes(cql.serialize(self.give(value), 5))
        except VALUE_ERRORS:
            return Refused(f"{shown(value)} is not of type {name}")

    def decode(self, cells: Cells) -> pa.Array:
        """DataError names a value that is not what the type says."""
        read, values = cells.type.from_binary, cells.values()
        try:
            found = [None if one is None else read(one, cells.protocol) for one in values]
            return pa.array([None if one is None else self.take(one) for one in found], self.kind)
        except (*VALUE_ERRORS, pa.ArrowInvalid, pa.ArrowTypeError) as error:
            name = cells.type.cql_parameterized_type()
            message = f"a value of type {name} is no {self.kind}: {type(error).__name__}"
            raise DataError("SchemaMismatch", message) from error


def _with_nulls(values: Encoded, column: pa.Array) -> Encoded:
    if column.null_count:
        for index in pc.indices_nonzero(column.is_null()).to_pylist():
            values[index] = None
    return values
