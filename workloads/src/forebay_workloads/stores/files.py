"""The files store: tables read from CSV, JSON Lines, Parquet and Arrow files, written as Parquet; blobs.

Opened by `open_store`. A table is a path, a folder or a pattern below `files.url`; any number of files
of one format make one table. Reading is streamed; types are those of the whole table, see `codecs`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self, TypeVar

import fsspec
import pyarrow as pa

from forebay_workloads.codecs.layout import Layout, Piece, Reader
from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError, RetryableError
from forebay_workloads.stores import checks, file_format
from forebay_workloads.stores.base import (
    BATCH_ROWS,
    BlobInfo,
    Capabilities,
    Probe,
    Row,
    Snapshot,
    Split,
    WriteReport,
)
from forebay_workloads.stores.file_blob import Blobs
from forebay_workloads.stores.file_table import FileTables, Manifest, keys_of
from forebay_workloads.stores.file_tree import FileInfo, Tree, expired

REMEMBERED = 64  # listings and layouts; a table that is written again and again has many

_T = TypeVar("_T")


@dataclass(frozen=True)
class _Listing:
    """The files of a table at one moment, and how they are read."""

    table: str
    files: Sequence[FileInfo]
    reader: Reader
    manifest: Manifest | None = None

    @property
    def fingerprint(self) -> str:
        """Changes when a file is added, removed or changed."""
        names = json.dumps([[one.path, one.stamp] for one in self.files])
        return "sha256:" + hashlib.sha256(names.encode()).hexdigest()


class FilesStore:
    """Tables and blobs in a folder, local or behind any fsspec URL.

    A snapshot is Pinned by size and times of each file: a scan of a file that was changed since raises
    SnapshotExpired. It is None where a remote file system tells sizes only.
    """

    capabilities = Capabilities(snapshot="Pinned")

    def __init__(self, ref: StoreRef) -> None:
        url = ref.settings.get("url")
        if not isinstance(url, str) or not url:
            raise ConfigError("ReferenceMissing", f"DataStore {ref.name}: files.url is not set")
        self.name = ref.name
        self._tree = Tree(url, ref.name)
        self._options: dict[str, Any] = dict(ref.settings.get("options") or {})
        self._tables = FileTables(self._tree)
        self._blobs = Blobs(self._tree)
        self._layouts: dict[str, Layout] = {}  # fingerprint → what was read for it
        self._listings: dict[str, _Listing] = {}

    def probe(self) -> Probe:
        """Looks at the folder; ConfigError ReferenceMissing when there is something else in its place."""
        if self._tree.exists("") and not self._tree.is_folder(""):
            raise ConfigError("ReferenceMissing", f"{self._tree.url} is no folder")
        detail = {"url": self._tree.url, "exists": self._tree.exists("")}
        return Probe(f"fsspec {fsspec.__version__}", detail)

    def _listing(self, table: str) -> _Listing:
        manifest = self._tables.manifest(table)
        parts = manifest.parts if manifest is not None else ()
        paths = [f"{table}/{one.name}" for one in parts] if manifest else self._paths(table)
        files = [self._tree.info(path) for path in paths]
        options = {"format": "parquet"} if manifest is not None else self._options
        reader = file_format.reader(paths, options, table)
        listing = _Listing(table, files, reader, manifest)
        _keep(self._listings, listing.fingerprint, listing)
        return listing

    def _paths(self, table: str) -> list[str]:
        self._tree.full(table)
        if any(letter in table for letter in "*?["):
            paths = self._tree.glob(table)
        elif self._tree.is_folder(table):
            paths = self._tree.walk(table)
        else:
            paths = [table] if self._tree.exists(table) else []
        if not paths:
            raise self._tree.missing(table)
        return paths

    def _layout(self, listing: _Listing) -> Layout:
        """Schema and pieces; for texts this reads every file once, hence it is kept."""
        if listing.fingerprint not in self._layouts:
            sources = [file_format.source(self._tree, file.path) for file in listing.files]
            layout = listing.reader.inspect(sources)
            if listing.manifest is not None:
                layout = Layout(listing.manifest.schema, layout.pieces)
            _keep(self._layouts, listing.fingerprint, layout)
        return self._layouts[listing.fingerprint]

    def schema(self, table: str) -> pa.Schema:
        """Columns and types; ConfigError ReferenceMissing names what is there instead."""
        return self._layout(self._listing(table)).schema

    def snapshot(self, table: str) -> Snapshot:
        """Pins the files that are there now."""
        listing = self._listing(table)
        size = sum(file.size for file in listing.files)
        at = {"files": len(listing.files), "bytes": size, "fingerprint": listing.fingerprint}
        strength: Literal["Pinned", "None"] = (
            "Pinned" if self._tree.pinnable(listing.files) else "None"
        )
        return Snapshot(table, strength, rows=self._layout(listing).rows, at=at)

    def _pinned(self, table: str, fingerprint: str) -> _Listing:
        if fingerprint not in self._listings and self._listing(table).fingerprint != fingerprint:
            raise checks.expired(
                f"{self._tree.shown(table)}", "files were added, removed or changed"
            )
        return self._listings[fingerprint]

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Files, row groups of Parquet, blocks of uncompressed texts, in equal numbers."""
        listing = self._pinned(snapshot.table, snapshot.at["fingerprint"])
        pieces = self._layout(listing).pieces
        parts = max(1, min(count, len(pieces)))
        ends = [len(pieces) * index // parts for index in range(parts + 1)]
        return [
            Split(snapshot, index, parts, {"pieces": _described(pieces[start:end], listing.files)})
            for index, (start, end) in enumerate(itertools.pairwise(ends))
        ]

    def scan(
        self, split: Split, columns: Sequence[str] | None = None, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """The pieces' rows, file by file in the order of their names."""
        snapshot = split.snapshot
        listing = self._pinned(snapshot.table, snapshot.at["fingerprint"])
        schema = checks.selected(snapshot.table, self._layout(listing).schema, columns)
        for described in split.at["pieces"]:
            path, stamp, *rest = described
            piece = Piece(0, *rest)
            self._check(path, stamp)
            source = file_format.source(self._tree, path)
            yield from listing.reader.read(source, piece, schema, batch_rows)
            self._check(path, stamp)

    def _check(self, path: str, stamp: str) -> None:
        """Raises SnapshotExpired when the file is not the one that was pinned."""
        try:
            now = self._tree.info(path).stamp
        except ConfigError as error:
            raise expired(self._tree.shown(path)) from error
        if now != stamp:
            raise expired(self._tree.shown(path))

    def ensure_table(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Creates a folder of Parquet files, or checks it: DataError SchemaMismatch."""
        self._tables.ensure(table, schema, list(key))

    def write(
        self,
        table: str,
        batch: pa.RecordBatch,
        key: Sequence[str],
        *,
        merge: bool = False,
        ttl: float | None = None,
    ) -> WriteReport:
        """Upserts by key into a table that `ensure_table` made; `merge` needs a store of documents."""
        if merge:
            message = (
                f"DataStore {self.name}: a files store cannot merge into rows; use another type"
            )
            raise ConfigError("FieldNotSupportedInMode", message)
        checks.no_ttl(self.name, ttl)
        return self._tables.write(table, batch, list(key))

    def get(
        self,
        table: str,
        keys: Sequence[Row],
        columns: Sequence[str] | None = None,
        timeout: float = 1.0,
    ) -> list[dict[str, Any] | None]:
        """Reads by key by looking through the table: for small tables and tests of pipelines.

        `keys` name any columns of a source file, or the key of a written table.
        """
        end = time.monotonic() + timeout
        listing = self._listing(table)
        layout = self._layout(listing)
        key = listing.manifest.key if listing.manifest else sorted({n for one in keys for n in one})
        checks.selected(table, layout.schema, key)
        schema = checks.selected(table, layout.schema, columns)
        arrays = checks.key_columns(table, layout.schema, key, keys)
        wanted = list(zip(*(array.to_pylist() for array in arrays), strict=True))
        names = list(dict.fromkeys([*key, *schema.names]))
        split = Split(
            self.snapshot(table), 0, 1, {"pieces": _described(layout.pieces, listing.files)}
        )
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for batch in self.scan(split, names):
            if time.monotonic() > end:
                message = f"{self._tree.shown(table)}: no answer within {timeout:g} s"
                raise RetryableError("DeadlineExceeded", message)
            self._collect(batch, key, schema, set(wanted), found)
        return [found.get(one) for one in wanted]

    @staticmethod
    def _collect(
        batch: pa.RecordBatch,
        key: Sequence[str],
        schema: pa.Schema,
        wanted: set[tuple[Any, ...]],
        found: dict[tuple[Any, ...], dict[str, Any]],
    ) -> None:
        for index, one in enumerate(keys_of(batch, key)):
            if one in wanted:
                found[one] = batch.slice(index, 1).select(schema.names).to_pylist()[0]

    def put_blob(self, key: str, source: BinaryIO) -> BlobInfo:
        """Stores all of `source` under its key as a plain file; visible only when complete."""
        return self._blobs.put(key, source)

    def open_blob(self, key: str) -> BinaryIO:
        """A stream that checks the digest at its end."""
        return self._blobs.open(key)

    def list_blobs(self, prefix: str) -> list[BlobInfo]:
        """Whole blobs whose key starts with `prefix`, sorted by key."""
        return self._blobs.list(prefix)

    def delete_blob(self, key: str) -> None:
        """Removes the blob; no error when there is none."""
        self._blobs.delete(key)

    def local_path(self, key: str) -> Path | None:
        """Where the blob lies on this machine, or None: for readers that map files into memory."""
        return Path(self._tree.full(key)) if self._tree.local else None

    def close(self) -> None:
        """Nothing is kept open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _keep(memory: dict[str, _T], name: str, value: _T) -> None:
    """Remembers a value, and forgets the oldest ones."""
    memory[name] = value
    while len(memory) > REMEMBERED:
        del memory[next(iter(memory))]


def _described(pieces: Sequence[Piece], files: Sequence[FileInfo]) -> list[list[Any]]:
    """Pieces as JSON: path, stamp, start, end, first row, rows; neighbours become one."""
    found: list[list[Any]] = []
    last: Piece | None = None
    for piece in pieces:
        file = files[piece.file]
        if last is not None and (last.file, last.end) == (piece.file, piece.start):
            found[-1][3] = piece.end
            found[-1][5] = None if piece.rows is None else found[-1][5] + piece.rows
        else:
            found.append(
                [file.path, file.stamp, piece.start, piece.end, piece.first_row, piece.rows]
            )
        last = piece
    return found
