"""Records of a fixed binary layout → one Arrow batch and the poison among them. Pure, no I/O.

All records have the same length and are read at once, by column. Fields follow each other without gaps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from forebay_workloads.codecs.decoded import Bad, Decoded, assemble, reason
from forebay_workloads.errors import ConfigError

NUMBERS = {
    "int8": "i1", "int16": "i2", "int32": "i4", "int64": "i8",
    "uint8": "u1", "uint16": "u2", "uint32": "u4", "uint64": "u8",
    "float16": "f2", "float32": "f4", "float64": "f8",
}  # fmt: skip
_SIZED = re.compile(r"(string|binary|pad)\((\d{1,6})\)")


@dataclass(frozen=True)
class BinaryField:
    """A name and a type: int8 … uint64, float16 … float64, bool, string(n), binary(n), pad(n).

    A string is UTF-8, filled with zero bytes; what is padding becomes no column.
    """

    name: str
    type: str


class BinaryRecords:
    """The codec of one layout."""

    def __init__(
        self, layout: Sequence[BinaryField], order: Literal["little", "big"] = "little"
    ) -> None:
        names = [field.name for field in layout]
        if not layout or len(set(names)) < len(names):
            raise ConfigError("SchemaMismatch", "a binary layout needs fields, each name once")
        self._fields = [field for field in layout if not field.type.startswith("pad")]
        sign = {"little": "<", "big": ">"}[order]
        self._dtype = np.dtype([(field.name, _code(field, sign)) for field in layout])

    @property
    def size(self) -> int:
        """Bytes of a record."""
        return self._dtype.itemsize

    @property
    def columns(self) -> pa.Schema:
        """The columns and their types."""
        return pa.schema([(field.name, _kind(field)) for field in self._fields])

    def decode(self, records: Sequence[bytes | None], schema: pa.Schema | None = None) -> Decoded:
        """All records at once."""
        tombstones = [index for index, record in enumerate(records) if record is None]
        places = [i for i, record in enumerate(records) if record and len(record) == self.size]
        right = {*places, *tombstones}
        bad: list[Bad] = [
            (index, reason(self._length(record)))
            for index, record in enumerate(records)
            if index not in right
        ]
        data = np.frombuffer(b"".join([records[i] or b"" for i in places]), self._dtype)
        columns, wrong = self._read(data)
        bad = sorted([*bad, *((places[row], why) for row, why in wrong.items())])
        keep = [row for row in range(len(places)) if row not in wrong]
        batch = pa.RecordBatch.from_arrays(columns, schema=self.columns)
        if wrong:
            batch = batch.take(pa.array(keep, pa.int64()))
        kept = [places[row] for row in keep]
        if schema is None or schema.equals(self.columns):
            return Decoded(batch, kept, bad, tombstones)
        return assemble(batch.to_pylist(), kept, schema, bad, tombstones)

    def _length(self, record: bytes | None) -> str:
        return f"{len(record or b'')} bytes, the layout has {self.size}" if record else "empty"

    def _read(self, data: np.ndarray[Any, Any]) -> tuple[list[pa.Array], dict[int, str]]:
        columns: list[pa.Array] = []
        wrong: dict[int, str] = {}
        for field in self._fields:
            array, refused = _column(data[field.name], field)
            columns.append(array)
            for row, why in refused:
                wrong.setdefault(row, reason(f"field {field.name!r}: {why}"))
        return columns, wrong


def _sized(field: BinaryField) -> tuple[str, int]:
    match = _SIZED.fullmatch(field.type)
    if match is None or not int(match[2]):
        known = ", ".join([*NUMBERS, "bool", "string(n)", "binary(n)", "pad(n)"])
        message = f"field {field.name!r}: no type {field.type!r} (there are: {known})"
        raise ConfigError("SchemaMismatch", message)
    return match[1], int(match[2])


def _code(field: BinaryField, sign: str) -> str:
    if field.type in NUMBERS:
        return sign + NUMBERS[field.type]
    return "u1" if field.type == "bool" else f"V{_sized(field)[1]}"


def _kind(field: BinaryField) -> pa.DataType:
    if field.type in NUMBERS or field.type == "bool":
        return pa.type_for_alias(field.type)
    form, size = _sized(field)
    return pa.string() if form == "string" else pa.binary(size)


def _column(values: np.ndarray[Any, Any], field: BinaryField) -> tuple[pa.Array, list[Bad]]:
    if field.type in NUMBERS:
        return pa.array(np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))), []
    if field.type == "bool":
        odd = np.flatnonzero(values > 1).tolist()
        return pa.array(values == 1), [(row, f"{values[row]} is no boolean") for row in odd]
    form, size = _sized(field)
    pieces = [value.tobytes() for value in values]
    if form == "binary":
        return pa.array(pieces, pa.binary(size)), []
    texts: list[str | None] = []
    wrong: list[Bad] = []
    for row, piece in enumerate(pieces):
        try:
            texts.append(piece.rstrip(b"\0").decode())
        except UnicodeDecodeError as error:
            texts.append(None)
            wrong.append((row, f"not UTF-8: {error.reason} at byte {error.start}"))
    return pa.array(texts, pa.string()), wrong
