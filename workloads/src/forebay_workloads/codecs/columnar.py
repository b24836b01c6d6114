"""Parquet and Arrow IPC files ⇄ record batches. The schema is the files' own; nothing is guessed.

Used by the files store. A piece is a range of row groups or of record batches. Pure apart from the
streams it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import ipc
from pyarrow import parquet as pq

from forebay_workloads.codecs.cells import plain_schema
from forebay_workloads.codecs.fit import columns_text
from forebay_workloads.codecs.layout import Layout, Piece, Source
from forebay_workloads.errors import DataError, cut

ARROW_MAGIC = b"ARROW1"


@contextmanager
def _readable(source: Source, format_name: str) -> Iterator[BinaryIO]:
    """The open file; what Arrow finds wrong with its bytes is said with its name."""
    with source.open() as stream:
        try:
            yield stream
        except (pa.ArrowException, OSError) as error:
            message = f"{source.name} is no {format_name} file, or damaged: {cut(error)}"
            raise DataError("SchemaMismatch", message) from error


def _unified(sources: Sequence[Source], schemas: Sequence[pa.Schema]) -> pa.Schema:
    """One schema for all files: the same columns, types as wide as the widest."""
    merged = schemas[0]
    for source, schema in zip(sources, schemas, strict=True):
        try:
            if set(schema.names) != set(merged.names):
                raise pa.ArrowInvalid("its columns are others")
            merged = pa.unify_schemas([merged, schema], promote_options="permissive")
        except pa.ArrowException as error:
            message = (
                f"{source.name} does not fit {sources[0].name}: {cut(error)}; it has "
                f"{columns_text(schema)}, expected {columns_text(merged)}"
            )
            raise DataError("SchemaMismatch", message) from error
    return merged


def _shaped(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    return batch if batch.schema.equals(schema) else batch.select(schema.names).cast(schema)


def _inspect(
    sources: Sequence[Source], look: Callable[[Source], tuple[pa.Schema, Sequence[int]]]
) -> Layout:
    """`look` gives the schema of a file and the rows of each of its parts."""
    schemas, pieces = [], []
    for index, source in enumerate(sources):
        schema, parts = look(source)
        schemas.append(plain_schema(schema))
        first = 0
        for number, rows in enumerate(parts):
            pieces.append(Piece(index, number, number + 1, first, rows))
            first += rows
    return Layout(_unified(sources, schemas) if schemas else pa.schema([]), pieces)


class Parquet:
    """Pieces are row groups."""

    def inspect(self, sources: Sequence[Source]) -> Layout:
        """Reads the footers only."""
        return _inspect(sources, self._look)

    @staticmethod
    def _look(source: Source) -> tuple[pa.Schema, list[int]]:
        with _readable(source, "Parquet") as stream, pq.ParquetFile(stream) as file:
            meta = file.metadata
            return file.schema_arrow, [
                meta.row_group(i).num_rows for i in range(meta.num_row_groups)
            ]

    def read(
        self, source: Source, piece: Piece, schema: pa.Schema, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """The piece's rows, a few pages of each column at a time."""
        with _readable(source, "Parquet") as stream, pq.ParquetFile(stream) as file:
            end = file.metadata.num_row_groups if piece.end is None else piece.end
            groups = list(range(piece.start, end))
            batches = file.iter_batches(batch_rows, groups, columns=schema.names, use_threads=False)
            for batch in batches:
                yield _shaped(batch, schema)


class ArrowIpc:
    """Pieces are record batches of a file; a stream is one piece."""

    def inspect(self, sources: Sequence[Source]) -> Layout:
        """Reads the footers, and streams once."""
        return _inspect(sources, self._look)

    @staticmethod
    def _look(source: Source) -> tuple[pa.Schema, list[int]]:
        with _readable(source, "Arrow IPC") as stream, _opened(stream) as reader:
            if isinstance(reader, ipc.RecordBatchFileReader):
                count = reader.num_record_batches
                return reader.schema, [reader.get_batch(i).num_rows for i in range(count)]
            return reader.schema, [sum(batch.num_rows for batch in reader)]

    def read(
        self, source: Source, piece: Piece, schema: pa.Schema, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """The piece's rows."""
        with _readable(source, "Arrow IPC") as stream, _opened(stream) as reader:
            for batch in _batches(reader, piece):
                shaped = _shaped(batch, schema)
                for start in range(0, shaped.num_rows, batch_rows):
                    yield shaped.slice(start, batch_rows)


def _opened(stream: BinaryIO) -> Any:
    """The reader of a file, or of a stream when the magic word is not there."""
    magic = stream.read(len(ARROW_MAGIC))
    stream.seek(0)
    return ipc.open_file(stream) if magic == ARROW_MAGIC else ipc.open_stream(stream)


def _batches(reader: Any, piece: Piece) -> Iterator[pa.RecordBatch]:
    if not isinstance(reader, ipc.RecordBatchFileReader):
        yield from reader
        return
    end = reader.num_record_batches if piece.end is None else piece.end
    for index in range(piece.start, end):
        yield reader.get_batch(index)
