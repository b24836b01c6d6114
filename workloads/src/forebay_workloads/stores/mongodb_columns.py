"""A page of raw BSON documents as an Arrow batch, by columns where it can, else by documents. Pure, no I/O.

Used by `mongodb_scan.py`. Flat fields of documents with a common layout become columns without a Python object per
value; nested ones, decimals and odd documents go through the driver's decoder. Both ways give the same rows, and
what does not fit is always told by the slow one.
"""

from __future__ import annotations

import struct
from typing import Any

import bson
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from forebay_workloads.codecs.nested import is_bytes, is_text
from forebay_workloads.codecs.unaligned import numbers_at
from forebay_workloads.errors import DataError
from forebay_workloads.stores.mongodb_connection import CODEC, Document
from forebay_workloads.stores.mongodb_layout import (
    BINARY,
    BOOL,
    DATE,
    DOUBLE,
    INT32,
    NULL,
    OBJECT_ID,
    TEXT,
    Bytes,
    Layout,
    Mask,
    Places,
    Values,
    layouts,
    padded,
    windows,
)
from forebay_workloads.stores.mongodb_names import REST, stored
from forebay_workloads.stores.mongodb_types import (
    VALUE_ERRORS,
    batch_of,
    date_units,
    is_fine,
    per_millisecond,
    raw_type,
)

LAYOUTS = 8  # templates tried on a page
INLINE = 12  # bytes of a text that a view holds itself
_KEPT = np.tril(np.full((INLINE + 1, INLINE), 255, np.uint8), -1)  # row n keeps n bytes
_HEX = np.array([list(f"{one:02x}".encode()) for one in range(256)], np.uint8)


class Slow(Exception):  # noqa: N818 - no error: the column goes the other way
    """A column that is not to be had from its bytes."""


class Pages:
    """Turns pages of one scan into batches of one schema."""

    def __init__(self, schema: pa.Schema, table: str, *, own: bool) -> None:
        self._schema = schema
        self._table = table
        self._own = own

    def batch(self, raw: bytes, starts: Places) -> pa.RecordBatch:
        """The documents that begin at `starts`, whose last is where they end."""
        begin = int(starts[0])
        raw, starts = raw[begin : int(starts[-1])], starts - begin
        if not self._schema.names:
            return pa.RecordBatch.from_struct_array(
                pa.array([{}] * (len(starts) - 1), pa.struct([]))
            )
        data = padded(raw)
        pieces: list[pa.RecordBatch] = []
        rows: list[Places] = []
        for found in layouts(raw, data, starts, LAYOUTS):
            place = found.rows if isinstance(found, Layout) else found
            batch = self._fast(raw, data, found) if isinstance(found, Layout) else None
            if batch is None:
                batch = self._slow(raw, starts, place)
            pieces.append(batch)
            rows.append(place)
        if len(pieces) <= 1:
            return pieces[0] if pieces else self._slow(raw, starts, np.arange(0))
        order = np.argsort(np.concatenate(rows))
        table = pa.Table.from_batches(pieces).take(pa.array(order)).combine_chunks()
        return table.to_batches()[0]

    def _slow(self, raw: bytes, starts: Places, rows: Places) -> pa.RecordBatch:
        documents = [bson.decode(raw[starts[row] : starts[row + 1]], CODEC) for row in rows]
        return batch_of(documents, self._schema, self._table, own=self._own)

    def _fast(self, raw: bytes, data: Bytes, layout: Layout) -> pa.RecordBatch | None:
        try:
            arrays = [self._column(raw, data, layout, field) for field in self._schema]
        except (*VALUE_ERRORS, DataError):
            return None  # the other way says which value it is
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _column(self, raw: bytes, data: Bytes, layout: Layout, field: pa.Field) -> pa.Array:
        name = stored(field.name) if self._own else field.name
        values = layout.fields.get(name.encode())
        if values is None:
            return pa.nulls(len(layout.rows), field.type)
        try:
            rest = layout.fields.get((name + REST).encode())
            return column(data, values, field.type, rest if is_fine(field.type) else None)
        except Slow:
            return self._decoded(raw, layout, field, name)

    def _decoded(self, raw: bytes, layout: Layout, field: pa.Field, name: str) -> pa.Array:
        """The field's elements as documents of their own, for the driver."""
        parts = [layout.fields[name.encode()]]
        if is_fine(field.type) and (rest := layout.fields.get((name + REST).encode())) is not None:
            parts.append(rest)
        spans = [
            zip(one.begins.tolist(), (one.values + one.sizes).tolist(), strict=True)
            for one in parts
        ]
        documents: list[Document] = []
        for row in zip(*spans, strict=True):
            body = b"".join(raw[a:b] for a, b in row)
            documents.append(bson.decode(struct.pack("<i", len(body) + 5) + body + b"\0", CODEC))
        found = batch_of(documents, pa.schema([field]), self._table, own=self._own)
        return found.column(0)


def column(data: Bytes, values: Values, kind: pa.DataType, rest: Values | None = None) -> pa.Array:
    """The values as an array of `kind`; Slow when their bytes do not say it."""
    null: Mask = values.types == NULL
    found = {int(one) for one in np.flatnonzero(np.bincount(values.types, minlength=256))} - {NULL}
    if not found:
        return pa.nulls(len(null), kind)
    if is_text(kind) and found == {TEXT}:
        return _texts(data, values.values + 4, values.sizes - 5, null, pa.string_view()).cast(kind)
    if is_text(kind) and found == {OBJECT_ID}:
        return _hex(data, values.values, null).cast(kind)
    if is_bytes(kind) and found == {BINARY} and not data[values.values + 4][~null].any():
        return _texts(data, values.values + 5, values.sizes - 5, null, pa.binary_view()).cast(kind)
    return _number(data, values, kind, found, null, rest)


def _number(
    data: Bytes, values: Values, kind: pa.DataType, found: set[int], null: Mask, rest: Values | None
) -> pa.Array:
    units = date_units(kind)
    if is_fine(kind) and found == {DATE}:
        numbers = _int64(data, values.values) * per_millisecond(kind)
        if rest is not None:
            numbers = numbers + _integers(data, rest) * per_millisecond(kind) // 1_000_000
        return pa.array(numbers, pa.int64(), mask=null).cast(kind)
    if units is not None and found == {DATE}:
        numbers = _int64(data, values.values)
        if (numbers[~null] % units).any():
            raise Slow
        return pa.array(numbers // units, pa.int64(), mask=null).cast(raw_type(kind)).cast(kind)
    if pa.types.is_floating(kind) and found == {DOUBLE}:
        doubles = numbers_at(data, values.values, "<f8")
        return pa.array(doubles, pa.float64(), mask=null, from_pandas=False).cast(kind, safe=False)
    if pa.types.is_boolean(kind) and found == {BOOL}:
        return pa.array(data[values.values] != 0, pa.bool_(), mask=null)
    plain = pa.types.is_integer(kind) or (
        pa.types.is_temporal(kind) and units is None and not is_fine(kind)
    )
    if plain and found <= {INT32, 0x12}:
        return (
            pa.array(_integers(data, values), pa.int64(), mask=null).cast(raw_type(kind)).cast(kind)
        )
    raise Slow


def _int64(data: Bytes, places: Places) -> npt.NDArray[np.int64]:
    return numbers_at(data, places, "<i8")


def _integers(data: Bytes, values: Values) -> npt.NDArray[np.int64]:
    """Numbers of 4 or 8 bytes; 0 for a null."""
    found = _int64(data, values.values)
    short = values.types == INT32
    if short.any():
        found = np.where(short, numbers_at(data, values.values, "<i4"), found)
    return np.where(values.types == NULL, 0, found)


def _texts(data: Bytes, places: Places, sizes: Places, null: Mask, kind: pa.DataType) -> Any:
    """Texts or bytes as views into the page: short ones lie in the view itself."""
    lengths = np.where(null, 0, sizes)
    places = np.where(null, 0, places)
    if (lengths < 0).any():
        raise Slow
    views = np.zeros((len(places), 16), np.uint8)
    views[:, :4] = lengths.astype("<i4").view(np.uint8).reshape(-1, 4)
    views[:, 4:] = windows(data, places, INLINE) & _KEPT[np.minimum(lengths, INLINE)]
    long = lengths > INLINE
    views[long, 8:12] = 0  # the first and only buffer
    views[long, 12:] = places[long].astype("<i4").view(np.uint8).reshape(-1, 4)
    buffers = [_validity(null), pa.py_buffer(views), pa.py_buffer(data)]
    plain = pa.binary() if kind == pa.binary_view() else pa.string()
    made = pa.Array.from_buffers(kind, len(places), buffers).cast(plain)
    made.validate(full=True)  # UTF-8
    return made


def _hex(data: Bytes, places: Places, null: Mask) -> Any:
    digits = _HEX[windows(data, np.where(null, 0, places), 12)].reshape(len(places), 24)
    kind = pa.binary(24)
    buffers = [_validity(null), pa.py_buffer(np.ascontiguousarray(digits))]
    return pa.Array.from_buffers(kind, len(places), buffers).cast(pa.binary()).cast(pa.string())


def _validity(null: Mask) -> pa.Buffer | None:
    if not null.any():
        return None
    return pa.py_buffer(np.packbits(~null, bitorder="little"))
