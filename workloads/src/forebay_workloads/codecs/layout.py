"""What the readers of files agree on: a file as they see it, its pieces, the layout of a table of files.

Imported by the readers of this folder and by the files store. Plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import pyarrow as pa


@dataclass(frozen=True)
class Source:
    """A file to read: its name for messages, and how to open it (decompressed)."""

    name: str
    open: Callable[[], BinaryIO]
    seekable: bool  # a compressed text cannot be entered in the middle


@dataclass(frozen=True)
class Piece:
    """A part of a file that can be read on its own.

    `start` and `end` are bytes for texts (end None: up to the end), numbers of row groups or record
    batches for columnar files.
    """

    file: int  # index of the source
    start: int
    end: int | None
    first_row: int = 0  # rows of the file before this piece: messages name rows of the file
    rows: int | None = None


@dataclass(frozen=True)
class Layout:
    """The schema of all files together and the pieces that cover them, in order."""

    schema: pa.Schema
    pieces: Sequence[Piece]

    @property
    def rows(self) -> int | None:
        """Rows of all pieces, when every piece knows."""
        known = [piece.rows for piece in self.pieces if piece.rows is not None]
        return sum(known) if len(known) == len(self.pieces) else None


class Reader(Protocol):
    """How files of one format are read."""

    def inspect(self, sources: Sequence[Source]) -> Layout:
        """Schema and pieces; DataError SchemaMismatch naming the file that does not fit the others."""

    def read(
        self, source: Source, piece: Piece, schema: pa.Schema, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """The piece's rows with the columns of `schema`; DataError SchemaMismatch names row and column."""
