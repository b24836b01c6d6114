"""The embedded store: one SQLite file with typed tables, documents, blobs. The default DataStore.

Opened by `open_store`. Any number of threads and processes may use one file: writers take turns,
readers do not wait. Tables are in `embedded_table.py`, blobs in `embedded_blob.py`; this file joins them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

import pyarrow as pa

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError
from forebay_workloads.stores import embedded_blob, embedded_table
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
from forebay_workloads.stores.embedded_blob import Blobs
from forebay_workloads.stores.embedded_table import Tables
from forebay_workloads.stores.sqlite import Database


class EmbeddedStore:
    """Tables with a primary key, documents (merge) and blobs in one SQLite file.

    A snapshot is Pinned: rows added later are left out, and a scan of rows that were changed since
    raises SnapshotExpired instead of giving another content. Rows past their ttl are removed by the
    next write and the next snapshot of their table, and never looked up.
    """

    capabilities = Capabilities(documents=True, ttl=True, snapshot="Pinned")

    def __init__(self, ref: StoreRef) -> None:
        path = ref.settings.get("path")
        if not isinstance(path, str) or not path:
            raise ConfigError("ReferenceMissing", f"DataStore {ref.name}: embedded.path is not set")
        self.name = ref.name
        self._database = Database(Path(path), [*embedded_table.SETUP, *embedded_blob.SETUP])
        self._tables = Tables(self._database)
        self._blobs = Blobs(self._database)

    def probe(self) -> Probe:
        """Opens the file for writing; raises RetryableError StoreUnreachable, ConfigError StoreAuthFailed."""
        with self._database.write() as connection:
            (version,) = connection.execute("SELECT sqlite_version()").fetchone()
        return Probe(f"SQLite {version}", {"path": str(self._database.path)})

    def schema(self, table: str) -> pa.Schema:
        """Columns and types; ConfigError ReferenceMissing when the table is not there."""
        return self._tables.info(table).schema

    def snapshot(self, table: str) -> Snapshot:
        """Pins the rows that are there now; costs one look-up."""
        return self._tables.snapshot(table)

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Ranges of equally many rows."""
        return self._tables.splits(snapshot, count)

    def scan(
        self, split: Split, columns: Sequence[str] | None = None, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Rows in the order of their first write; DataError SnapshotExpired when they were changed."""
        return self._tables.scan(split, columns, batch_rows)

    def ensure_table(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Creates the table, or checks it: DataError SchemaMismatch names expected and actual."""
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
        """Upserts by key in one transaction; with `merge`, new fields become columns."""
        return self._tables.write(table, batch, list(key), merge=merge, ttl=ttl)

    def get(
        self,
        table: str,
        keys: Sequence[Row],
        columns: Sequence[str] | None = None,
        timeout: float = 1.0,
    ) -> list[dict[str, Any] | None]:
        """Online read by key; RetryableError DeadlineExceeded past `timeout` seconds."""
        return self._tables.get(table, keys, columns, timeout)

    def put_blob(self, key: str, source: BinaryIO) -> BlobInfo:
        """Stores all of `source` in chunks of 1 MiB; visible only when complete."""
        return self._blobs.put(key, source)

    def open_blob(self, key: str) -> BinaryIO:
        """A stream that checks each chunk's digest as it reads, and the whole at the end."""
        return self._blobs.open(key)

    def list_blobs(self, prefix: str) -> list[BlobInfo]:
        """Complete blobs whose key starts with `prefix`, sorted by key."""
        return self._blobs.list(prefix)

    def delete_blob(self, key: str) -> None:
        """Removes the blob; no error when there is none."""
        self._blobs.delete(key)

    def close(self) -> None:
        """Closes every thread's connection; may be called twice."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
