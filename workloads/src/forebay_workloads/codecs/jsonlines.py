"""JSON Lines ⇄ Arrow: one object per line, types from the whole file.

Used by the files store. Columns appear in the order in which the lines first name them; a line that
lacks a column has null there. Pure apart from the streams it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from forebay_workloads.codecs.blocks import Block, blocks
from forebay_workloads.codecs.delimited import enter
from forebay_workloads.codecs.fit import named, shown
from forebay_workloads.codecs.guess import TOLERATED, TOLERATED_FROM
from forebay_workloads.codecs.layout import Layout, Piece, Source
from forebay_workloads.errors import ConfigError, DataError, cut
from forebay_workloads.stores.base import BATCH_ROWS

_ERRORS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)


@dataclass
class _Kinds:
    """What has been seen of one column."""

    kind: pa.DataType | None = field(default_factory=pa.null)  # None: no one type fits all values
    seen: int = 0
    numbers: int = 0
    floats: bool = False

    def update(self, values: Sequence[Any]) -> None:
        present = [value for value in values if value is not None]
        numbers = [v for v in present if isinstance(v, int | float) and not isinstance(v, bool)]
        self.seen += len(present)
        self.numbers += len(numbers)
        self.floats = self.floats or any(isinstance(value, float) for value in numbers)
        if self.kind is not None:
            self.kind = _unified(self.kind, present)

    @property
    def doubtful(self) -> bool:
        """Whether the type is one that not all values fit."""
        return self.kind is None and not pa.types.is_string(self.result())

    def result(self) -> pa.DataType:
        if self.kind is not None:
            return pa.string() if pa.types.is_null(self.kind) else self.kind
        if self.seen >= TOLERATED_FROM and self.seen - self.numbers <= TOLERATED * self.seen:
            return pa.float64() if self.floats else pa.int64()
        return pa.string()


def _unified(kind: pa.DataType, values: Sequence[Any]) -> pa.DataType | None:
    """The type that holds both, or None."""
    try:
        more = pa.array(values).type  # infer_type looks at some values only
        schemas = [pa.schema([("x", one)]) for one in (kind, more)]
        # Permissive promotion turns a number beside a text into text: here that is a mistake to name.
        if pa.types.is_string(kind) != pa.types.is_string(more) and not _either_null(kind, more):
            return None
        merged: pa.DataType = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except _ERRORS:
        return None
    return merged


def _either_null(one: pa.DataType, other: pa.DataType) -> bool:
    return bool(pa.types.is_null(one) or pa.types.is_null(other))


@dataclass(frozen=True)
class JsonLines:
    """How lines of JSON are read; `types` are declared ones."""

    types: Mapping[str, pa.DataType] = field(default_factory=dict)

    def inspect(self, sources: Sequence[Source]) -> Layout:
        """Reads every file once: a row that does not fit is named before anything is written."""
        kinds: dict[str, _Kinds] = {}
        pieces: list[Piece] = []
        for index, source in enumerate(sources):
            first = 0
            own: list[Piece] = []
            for block, rows in self._parsed(source, Piece(index, 0, None)):
                _observe(kinds, rows)
                end = block.offset + len(block.data)
                own.append(Piece(index, block.offset, end, first, len(rows)))
                first += len(rows)
            pieces += own if source.seekable else [Piece(index, 0, None, 0, first)]
        missing = [name for name in self.types if name not in kinds]
        if missing and kinds:
            message = f"{sources[0].name}: no line has {missing[0]!r}; there are {', '.join(kinds)}"
            raise ConfigError("SchemaMismatch", message)
        found = {name: one.result() for name, one in kinds.items()}
        schema = pa.schema(list({**found, **self.types}.items()))
        doubtful = [one for one in schema if one.name in self.types or kinds[one.name].doubtful]
        for piece in pieces if doubtful else ():  # one of these rows is about to be named
            for _ in self.read(sources[piece.file], piece, pa.schema(doubtful), BATCH_ROWS):
                pass
        return Layout(schema, pieces)

    def read(
        self, source: Source, piece: Piece, schema: pa.Schema, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """The piece's rows; DataError SchemaMismatch names the first row that does not fit."""
        row = piece.first_row
        for _, rows in self._parsed(source, piece):
            for start in range(0, len(rows), batch_rows):
                part = rows[start : start + batch_rows]
                arrays = [_column(part, one, source.name, row + start) for one in schema]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
            row += len(rows)

    def _parsed(self, source: Source, piece: Piece) -> Iterator[tuple[Block, list[dict[str, Any]]]]:
        row = piece.first_row
        with source.open() as stream:
            enter(stream, source, piece.start)
            for block in blocks(stream, source.name, piece.start, piece.end):
                rows = _rows(block.data, source.name, row)
                yield block, rows
                row += len(rows)


def _observe(kinds: dict[str, _Kinds], rows: Sequence[Mapping[str, Any]]) -> None:
    names = dict.fromkeys(name for row in rows for name in row)
    for name in names:
        kinds.setdefault(name, _Kinds()).update([row.get(name) for row in rows])


def _rows(data: bytes, name: str, row: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if not line.strip():
            continue
        where = f"{name}, row {row + len(rows) + 1}"
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DataError("SchemaMismatch", f"{where}: no JSON: {cut(error, 100)}") from error
        if not isinstance(value, dict):
            text = shown(line.decode(errors="replace"))
            raise DataError("SchemaMismatch", f"{where}: a JSON object is needed, found {text}")
        rows.append(value)
    return rows


def _column(rows: Sequence[Mapping[str, Any]], wanted: pa.Field, name: str, row: int) -> pa.Array:
    values = [one.get(wanted.name) for one in rows]
    try:
        if pa.types.is_string(wanted.type):
            values = [_text(value) for value in values]
        elif pa.types.is_temporal(wanted.type):
            return pa.array([_text(value) for value in values], pa.string()).cast(wanted.type)
        return pa.array(values, wanted.type)
    except _ERRORS:
        index = next(i for i, value in enumerate(values) if not _fits(value, wanted.type))
        message = (
            f"{name}, row {row + index + 1}, column {wanted.name!r}: "
            f"{shown(values[index])} is not {named(wanted.type)}; "
            "mend the row, or declare the column's type in files.options.columns"
        )
        raise DataError("SchemaMismatch", message) from None


def _fits(value: Any, kind: pa.DataType) -> bool:
    try:
        if pa.types.is_temporal(kind):
            pa.array([_text(value)], pa.string()).cast(kind)
        else:
            pa.array([value], kind)
    except _ERRORS:
        return False
    return True


def _text(value: Any) -> str | None:
    """A value of a column of texts: what is no text is kept as JSON."""
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
