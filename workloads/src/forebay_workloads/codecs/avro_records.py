"""Records of Avro → one Arrow batch and the poison among them. No I/O of its own.

A record is framed as schema registries do it (a zero byte, the schema's id in four bytes, the data) or, with one
schema given, bare. `schemas` finds a schema by its id: the registry's client, or a table in tests.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import fastavro
import pyarrow as pa
from fastavro.schema import SchemaParseException

from forebay_workloads.codecs import avro_schema
from forebay_workloads.codecs.decoded import Bad, Decoded, Row, assemble, reason

MAGIC = 0
HEADER = struct.Struct(">bI")

Schemas = Callable[[int], dict[str, Any] | str]
"""The schema of an id, as JSON; LookupError when there is none. Its other errors end the whole decode."""


@dataclass(frozen=True)
class _Writer:
    """A schema that records were written with, or why it cannot be used."""

    parsed: Any
    columns: pa.Schema
    wrong: str | None = None


class AvroRecords:
    """The codec: with `schemas` for framed records, or `schema` for bare ones."""

    def __init__(
        self, schemas: Schemas | None = None, schema: dict[str, Any] | None = None
    ) -> None:
        if (schemas is None) == (schema is None):
            raise ValueError("give exactly one of schemas, schema")
        self._schemas = schemas
        self._bare = None if schema is None else _writer(schema)
        self._writers: dict[int, _Writer] = {}

    def decode(self, records: Sequence[bytes | None], schema: pa.Schema | None = None) -> Decoded:
        """All records at once. Without a schema the columns are those of the schemas they were written with."""
        rows: list[Row] = []
        places: list[int] = []
        bad: list[Bad] = []
        tombstones: list[int] = []
        used: dict[int, _Writer] = {}
        for index, record in enumerate(records):
            if record is None:
                tombstones.append(index)
                continue
            try:
                writer, start = self._of(record)
                rows.append(_row(writer, record, start))
            except ValueError as error:
                bad.append((index, reason(str(error))))
            else:
                places.append(index)
                used[id(writer)] = writer
        wanted = _together(list(used.values())) if schema is None else schema
        return assemble(rows, places, wanted, bad, tombstones)

    def _of(self, record: bytes) -> tuple[_Writer, int]:
        """The schema it was written with, and where its data begin."""
        if self._schemas is None:
            assert self._bare is not None  # noqa: S101 - the constructor's rule
            return self._bare, 0
        if not record:
            raise ValueError("empty")
        if record[0] != MAGIC or len(record) < HEADER.size:
            raise ValueError("not Avro of a schema registry: it does not begin with 0 and an id")
        _, number = HEADER.unpack_from(record)
        if number not in self._writers:
            try:
                self._writers[number] = _writer(self._schemas(number))
            except LookupError:
                raise ValueError(f"the schema registry has no schema {number}") from None
        return self._writers[number], HEADER.size


def _writer(schema: dict[str, Any] | str) -> _Writer:
    try:
        parsed = fastavro.parse_schema(schema)
        return _Writer(parsed, avro_schema.columns(parsed))
    except (SchemaParseException, ValueError, KeyError, TypeError, AttributeError) as error:
        return _Writer(None, pa.schema([]), f"its schema cannot be used: {error}")


def _row(writer: _Writer, record: bytes, start: int) -> Row:
    if writer.wrong:
        raise ValueError(writer.wrong)
    stream = io.BytesIO(record)
    stream.seek(start)
    try:
        row: Row = fastavro.schemaless_reader(stream, writer.parsed, None)  # type: ignore[assignment]
    except Exception as error:  # noqa: BLE001 - the library raises what the bytes lead it to
        raise ValueError(f"no Avro of its schema: {type(error).__name__}: {error}") from None
    left = len(record) - stream.tell()
    if left:
        raise ValueError(f"{left} bytes are left after the record")
    return row


def _together(writers: Sequence[_Writer]) -> pa.Schema:
    """One schema for all: columns in order of appearance, null where a record has none."""
    merged: dict[str, pa.Field] = {}
    for writer in writers:
        for one in writer.columns:
            merged[one.name] = _wider(merged.get(one.name, one), one)
    everywhere = [all(name in writer.columns.names for writer in writers) for name in merged]
    return pa.schema(
        [
            one if both else one.with_nullable(True)
            for one, both in zip(merged.values(), everywhere, strict=True)
        ]
    )


def _wider(one: pa.Field, other: pa.Field) -> pa.Field:
    if one.equals(other):
        return one
    try:
        pair = [pa.schema([one]), pa.schema([other])]
        merged: pa.Field = pa.unify_schemas(pair, promote_options="permissive").field(0)
    except pa.ArrowException:
        return one  # records of the other schema are refused by their values
    return merged
