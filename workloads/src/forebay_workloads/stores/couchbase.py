"""The Couchbase store: tables, documents (merge), blobs in chunks. Joins the other couchbase_*.py.

Opened by `open_store`. One client with its pool; threads may share a store. Tables that `ensure_table` makes give back
every Arrow type as it was; collections of others are read with the columns that some of their documents show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Self

import pyarrow as pa

from forebay_workloads.contract import StoreRef
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
from forebay_workloads.stores.chunks import ChunkedBlobs
from forebay_workloads.stores.couchbase_blob import CouchbaseShelf
from forebay_workloads.stores.couchbase_catalog import Catalog
from forebay_workloads.stores.couchbase_connection import Connection
from forebay_workloads.stores.couchbase_get import Gets
from forebay_workloads.stores.couchbase_index import Index
from forebay_workloads.stores.couchbase_own import Own
from forebay_workloads.stores.couchbase_query import Names
from forebay_workloads.stores.couchbase_scan import Scans
from forebay_workloads.stores.couchbase_write import Writes


class CouchbaseStore:
    """Collections of one bucket.

    Couchbase cannot pin what a scan reads, so a snapshot's strength is None.
    """

    capabilities = Capabilities(documents=True, ttl=True, snapshot="None")

    def __init__(self, ref: StoreRef) -> None:
        self.name = ref.name
        self._connection = Connection(ref)
        index, names = Index(self._connection), Names(self._connection)
        self._catalog = Catalog(self._connection, names)
        self._scans = Scans(self._connection, self._catalog, index, names)
        self._writes = Writes(self._connection, self._catalog, index)
        self._gets = Gets(self._connection, self._catalog)
        own = Own(self._connection, self._connection.scope)
        self._blobs = ChunkedBlobs(CouchbaseShelf(self._connection, own))

    def probe(self) -> Probe:
        """Logs in and asks for the version; RetryableError StoreUnreachable, ConfigError StoreAuthFailed."""
        version = self._connection.version()
        return Probe(f"Couchbase {version}", {"collections": self._connection.has_collections})

    def schema(self, table: str) -> pa.Schema:
        """Columns and types; ConfigError ReferenceMissing when the collection is not there."""
        return self._catalog.info(table).schema

    def snapshot(self, table: str) -> Snapshot:
        """Names the table; what a scan reads is not pinned."""
        return self._scans.snapshot(table)

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Keys by chance, or ranges of the names of somebody else's documents."""
        return self._scans.splits(snapshot, count)

    def scan(
        self, split: Split, columns: Sequence[str] | None = None, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Documents in the order of their keys' pages; DataError SnapshotExpired when the table was made anew."""
        return self._scans.scan(split, columns, batch_rows)

    def ensure_table(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Creates the collection, or checks it: DataError SchemaMismatch names expected and actual."""
        self._catalog.ensure(table, schema, key)

    def write(
        self,
        table: str,
        batch: pa.RecordBatch,
        key: Sequence[str],
        *,
        merge: bool = False,
        ttl: float | None = None,
    ) -> WriteReport:
        """Upserts by key; with `merge`, sets these fields inside the documents and keeps the others."""
        return self._writes.write(table, batch, key, merge=merge, ttl=ttl)

    def get(
        self,
        table: str,
        keys: Sequence[Row],
        columns: Sequence[str] | None = None,
        timeout: float = 1.0,
    ) -> list[dict[str, Any] | None]:
        """Online read by key; RetryableError DeadlineExceeded past `timeout` seconds."""
        return self._gets.get(table, keys, columns, timeout)

    def put_blob(self, key: str, source: BinaryIO) -> BlobInfo:
        """Stores all of `source` in chunks of 1 MiB; visible only when complete."""
        return self._blobs.put(key, source)

    def open_blob(self, key: str) -> BinaryIO:
        """A stream that checks each chunk's digest as it reads, and the whole at the end."""
        return self._blobs.open(key)

    def list_blobs(self, prefix: str) -> list[BlobInfo]:
        """Blobs whose key starts with `prefix`, sorted by key."""
        return self._blobs.list(prefix)

    def delete_blob(self, key: str) -> None:
        """Removes the blob; no error when there is none."""
        self._blobs.delete(key)

    def close(self) -> None:
        """Frees connections; may be called twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
