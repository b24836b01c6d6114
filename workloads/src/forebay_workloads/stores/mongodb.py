"""The MongoDB store: collections as typed tables, documents, blobs in chunks. Joins the other mongodb_*.py.

Opened by `open_store`. One client with its pool; threads may share a store. Tables that `ensure_table` makes give
back every Arrow type as it was; collections of others are read with the columns that their documents show.
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
from forebay_workloads.stores.mongodb_blob import MongoShelf
from forebay_workloads.stores.mongodb_catalog import Catalog
from forebay_workloads.stores.mongodb_connection import Connection
from forebay_workloads.stores.mongodb_get import Gets
from forebay_workloads.stores.mongodb_scan import Scans
from forebay_workloads.stores.mongodb_write import Writes


class MongoStore:
    """Tables, documents (merge) and blobs in one database.

    The strongest pin is that of a replica set or a sharded cluster; each snapshot says what it has.
    """

    capabilities = Capabilities(documents=True, ttl=True, snapshot="Pinned")

    def __init__(self, ref: StoreRef) -> None:
        self.name = ref.name
        self._connection = Connection(ref)
        self._catalog = Catalog(self._connection)
        self._scans = Scans(self._connection, self._catalog)
        self._writes = Writes(self._connection, self._catalog)
        self._gets = Gets(self._connection, self._catalog)
        self._blobs = ChunkedBlobs(MongoShelf(self._connection))

    def probe(self) -> Probe:
        """Logs in and asks for the collections; RetryableError StoreUnreachable, ConfigError StoreAuthFailed."""
        with self._connection.speak():
            hello = self._connection.client.admin.command("hello")
            built = self._connection.client.admin.command("buildInfo")
            self._connection.database.list_collection_names()
        sharded = hello.get("msg") == "isdbgrid"
        pins = "Pinned" if sharded or hello.get("setName") else "None"
        detail = {"replicaSet": hello.get("setName"), "sharded": sharded, "snapshot": pins}
        return Probe(f"MongoDB {built['version']}", detail)

    def schema(self, table: str) -> pa.Schema:
        """Columns and types; ConfigError ReferenceMissing when the collection is not there."""
        return self._catalog.info(table).schema

    def snapshot(self, table: str) -> Snapshot:
        """Counts the documents, at a cluster time where the server has one."""
        return self._scans.snapshot(table)

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Ranges of `_id` of about equally many documents."""
        return self._scans.splits(snapshot, count)

    def scan(
        self, split: Split, columns: Sequence[str] | None = None, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Documents by `_id`, a page of the server at a time; DataError SnapshotExpired when their number is wrong."""
        return self._scans.scan(split, columns, batch_rows)

    def ensure_table(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Creates the collection, or checks it: DataError SchemaMismatch names expected and actual."""
        self._gets.forget(table)
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
        """Upserts by key in one unordered bulk; with `merge`, sets these fields and keeps the others."""
        self._gets.forget(table)
        return self._writes.write(table, batch, key, merge=merge, ttl=ttl)

    def get(
        self,
        table: str,
        keys: Sequence[Row],
        columns: Sequence[str] | None = None,
        timeout: float = 1.0,
    ) -> list[dict[str, Any] | None]:
        """Online read by key in one round trip; RetryableError DeadlineExceeded past `timeout` seconds."""
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
