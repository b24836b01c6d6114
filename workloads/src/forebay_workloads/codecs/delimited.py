"""CSV and its kin ⇄ Arrow: any one-letter delimiter, with or without header, types from the whole file.

Used by the files store. Every value is first read as text, then made to fit its column's type, so a
value that does not fit can be named with its row. Pure apart from the streams it is given.
"""

from __future__ import annotations

import codecs as text_codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from forebay_workloads.codecs.blocks import Block, blocks, fill
from forebay_workloads.codecs.fit import fit, shown
from forebay_workloads.codecs.guess import NULLS, Guess, values_of
from forebay_workloads.codecs.layout import Layout, Piece, Source
from forebay_workloads.errors import ConfigError, DataError, cut
from forebay_workloads.stores.base import BATCH_ROWS

DELIMITERS = ",\t;|"
HEADER_BYTES = 1 << 20  # where the first line must end
BOM = text_codecs.BOM_UTF8


@dataclass(frozen=True)
class Delimited:
    """How texts of lines and fields are read; see `files.options` of a DataStore."""

    delimiter: str | None = (
        None  # None: comma, unless the first line has none and another of DELIMITERS
    )
    header: bool = True
    columns: Sequence[
        str
    ] = ()  # names, for files without header; with one: columns that must be there
    types: Mapping[str, pa.DataType] = field(default_factory=dict)
    null_values: tuple[str, ...] | None = (
        None  # None: empty is null in texts, NULLS in other columns
    )
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        if self.delimiter is not None and (
            len(self.delimiter) != 1 or not self.delimiter.isascii()
        ):
            message = f"files.options.delimiter is one ASCII letter, not {self.delimiter!r}"
            raise ConfigError("FieldNotSupportedInMode", message)
        try:
            plain = '",\n'.encode(self.encoding) == b'",\n'
        except LookupError as error:
            raise ConfigError(
                "FieldNotSupportedInMode", f"files.options.encoding: {error}"
            ) from error
        if not plain:
            message = (
                f"files.options.encoding {self.encoding!r} is not read; convert the file to utf-8"
            )
            raise ConfigError("FieldNotSupportedInMode", message)

    def inspect(self, sources: Sequence[Source]) -> Layout:
        """Reads every file once: a row that does not fit is named before anything is written."""
        names: list[str] = []
        for source in sources:
            own = self._head(source).names
            names = names or own
            if set(own) != set(names):
                message = f"{source.name} has columns {own}, {sources[0].name} has {names}"
                raise DataError("SchemaMismatch", message)
        self._check_declared(names, sources)
        schema, pieces, doubtful = self._guess(names, sources)
        if len(doubtful):
            for piece in pieces:  # one of these rows is about to be named
                for _ in self.read(sources[piece.file], piece, doubtful, BATCH_ROWS):
                    pass
        return Layout(schema, pieces)

    def _check_declared(self, names: list[str], sources: Sequence[Source]) -> None:
        missing = [name for name in [*self.columns, *self.types] if name not in names]
        if missing and names:
            message = (
                f"{sources[0].name}: no column {missing[0]!r}; its columns are {', '.join(names)}"
            )
            raise ConfigError("SchemaMismatch", message)

    def _guess(
        self, names: list[str], sources: Sequence[Source]
    ) -> tuple[pa.Schema, list[Piece], pa.Schema]:
        """The schema, the pieces, and the columns in which some value does not fit."""
        guesses = {name: Guess(self._nulls()) for name in names if name not in self.types}
        pieces: list[Piece] = []
        for index, source in enumerate(sources):
            own: list[Piece] = []
            first = 0
            for block, batch in self._parsed(
                source, Piece(index, self._head(source).rows_at, None)
            ):
                for name, guess in guesses.items():
                    guess.update(batch.column(name))
                end = block.offset + len(block.data)
                own.append(Piece(index, block.offset, end, first, batch.num_rows))
                first += batch.num_rows
            pieces += own if source.seekable or not own else [_joined(own)]
        schema = pa.schema(
            [
                (name, guesses[name].kind() if name in guesses else self.types[name])
                for name in names
            ]
        )
        doubtful = [
            one
            for one in schema
            if not pa.types.is_string(one.type)
            and (one.name not in guesses or guesses[one.name].doubtful)
        ]
        return schema, pieces, pa.schema(doubtful)

    def read(
        self, source: Source, piece: Piece, schema: pa.Schema, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """The piece's rows; DataError SchemaMismatch names the first row that does not fit."""
        row = piece.first_row
        for _, texts in self._parsed(source, piece):
            arrays = [self._typed(texts.column(f.name), f, source.name, row) for f in schema]
            batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
            for start in range(0, batch.num_rows, batch_rows):
                yield batch.slice(start, batch_rows)
            row += texts.num_rows

    def _nulls(self) -> tuple[str, ...]:
        return NULLS if self.null_values is None else ("", *self.null_values)

    def _typed(self, column: pa.Array, wanted: pa.Field, name: str, row: int) -> pa.Array:
        if pa.types.is_string(wanted.type):
            if not self.null_values:
                return column
            blank = pc.is_in(column, value_set=pa.array(self.null_values, pa.string()))
            return pc.if_else(blank, pa.scalar(None, pa.string()), column)
        array, misfits = fit(values_of(column, self._nulls()), wanted.type)
        if misfits:
            first = misfits[0]
            raise DataError(
                "SchemaMismatch",
                f"{name}, row {row + first.index + 1}, column {wanted.name!r}: {first.message}; "
                "mend the row, or declare the column's type in files.options.columns",
            )
        return array

    def _parsed(self, source: Source, piece: Piece) -> Iterator[tuple[Block, pa.RecordBatch]]:
        """Blocks of the piece and their rows as texts."""
        head = self._head(source)
        row = piece.first_row
        with source.open() as stream:
            enter(stream, source, piece.start)
            edge = head.delimiter.encode()
            for block in blocks(stream, source.name, piece.start, piece.end, delimiter=edge):
                batch = self._texts(block.data, head, source.name, row)
                yield block, batch
                row += batch.num_rows

    def _texts(self, data: bytes, head: _Head, name: str, row: int) -> pa.RecordBatch:
        data = self._utf8(data, name, row)
        keys = [str(index) for index in range(len(head.names))]
        bad: list[pacsv.InvalidRow] = []

        def refuse(invalid: pacsv.InvalidRow) -> str:
            bad.append(invalid)
            return "error"

        try:
            table = pacsv.read_csv(
                pa.BufferReader(data),
                pacsv.ReadOptions(use_threads=False, column_names=keys, block_size=len(data) + 1),
                pacsv.ParseOptions(
                    delimiter=head.delimiter, newlines_in_values=True, invalid_row_handler=refuse
                ),
                pacsv.ConvertOptions(
                    column_types=dict.fromkeys(keys, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            raise _refused(error, bad, name, row) from error
        arrays = [column.combine_chunks() for column in table.columns]
        return pa.RecordBatch.from_arrays(arrays, names=head.names)

    def _utf8(self, data: bytes, name: str, row: int) -> bytes:
        """The bytes as UTF-8; DataError SchemaMismatch names the row that is not of the encoding."""
        try:
            text = data.decode(self.encoding)
        except UnicodeDecodeError as error:
            line = row + data.count(b"\n", 0, error.start) + 1
            message = f"{name}, row {line}: not {self.encoding} ({error.reason}); set files.options.encoding"
            raise DataError("SchemaMismatch", message) from error
        return data if text_codecs.lookup(self.encoding).name == "utf-8" else text.encode()

    def _head(self, source: Source) -> _Head:
        """What the first line says: column names, delimiter, where the rows begin."""
        with source.open() as stream:
            data = fill(stream, HEADER_BYTES)
        begin = len(BOM) if data.startswith(BOM) else 0
        end = _line_end(data, begin)
        line = self._utf8(data[begin:end], source.name, -1).decode()
        delimiter = self.delimiter or _delimiter(line)
        record = next(csv.reader([line], delimiter=delimiter), [])
        if not self.header:
            names = list(self.columns) or [f"column_{i + 1}" for i in range(len(record))]
            return _Head(names, delimiter, begin)
        names = [name.strip() for name in record] or list(self.columns)
        twice = [name for name in names if names.count(name) > 1]
        if twice or "" in names:
            what = f"two columns are called {twice[0]!r}" if twice else "a column has no name"
            message = f"{source.name}: {what} in its header {shown(line.strip())}"
            raise DataError("SchemaMismatch", message)
        return _Head(names, delimiter, end)


@dataclass(frozen=True)
class _Head:
    """What the first line of a file says."""

    names: list[str]
    delimiter: str
    rows_at: int  # byte


def _delimiter(line: str) -> str:
    """The comma, unless the line has none and has another usual delimiter."""
    if DELIMITERS[0] in line:
        return DELIMITERS[0]
    return max(DELIMITERS, key=line.count)


def enter(stream: BinaryIO, source: Source, start: int) -> None:
    """Moves a stream to a byte; by reading where it cannot seek."""
    if source.seekable:
        stream.seek(start)
        return
    while start > 0 and (data := stream.read(min(start, HEADER_BYTES))):
        start -= len(data)


def _line_end(data: bytes, begin: int) -> int:
    """The place after the first line break that is not inside quotes."""
    position = begin
    while (found := data.find(b"\n", position)) >= 0:
        if data.count(b'"', begin, found) % 2 == 0:
            return found + 1
        position = found + 1
    return len(data)


def _joined(pieces: Sequence[Piece]) -> Piece:
    first, last = pieces[0], pieces[-1]
    return Piece(
        first.file, first.start, last.end, first.first_row, sum(p.rows or 0 for p in pieces)
    )


def _refused(error: pa.ArrowInvalid, bad: list[pacsv.InvalidRow], name: str, row: int) -> DataError:
    if not bad:
        return DataError("SchemaMismatch", f"{name}, after row {row}: {cut(error)}")
    first = bad[0]
    where = f"row {row + first.number}" if first.number is not None else f"after row {row}"
    return DataError(
        "SchemaMismatch",
        f"{name}, {where}: {first.actual_columns} values where {first.expected_columns} columns are: "
        f"{shown(first.text)}",
    )
