"""The HBase store: tables, merges, blobs in chunks, through HBase's Thrift gateway. Joins the other hbase_*.py.

Opened by `open_store`. A pool of connections; threads may share a store. Tables that `ensure_table` makes give back
every Arrow type as it was; tables of others show texts and bytes.
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
from forebay_workloads.stores.hbase_blob import HBaseShelf
from forebay_workloads.stores.hbase_catalog import Catalog
from forebay_workloads.stores.hbase_connection import Connection
from forebay_workloads.stores.hbase_get import Gets
from forebay_workloads.stores.hbase_own import Own
from forebay_workloads.stores.hbase_scan import Scans
from forebay_workloads.stores.hbase_write import Writes

PROBES = 1  # further attempts: a condition wants to know soon


class HBaseStore:
    """Tables behind one prefix.

    HBase cannot pin what a scan reads, so a snapshot's strength is None.
    """

    capabilities = Capabilities(documents=True, ttl=True, snapshot="None")

    def __init__(self, ref: StoreRef) -> None:
        self.name = ref.name
        self._connection = Connection(ref)
        self._own = Own(self._connection)
        self._catalog = Catalog(self._connection, self._own)
        self._scans = Scans(self._connection, self._catalog)
        self._writes = Writes(self._connection, self._catalog)
        self._gets = Gets(self._connection, self._catalog)
        self._blobs = ChunkedBlobs(HBaseShelf(self._connection, self._own))

    def probe(self) -> Probe:
        """Asks for the tables; RetryableError StoreUnreachable. No call of the gateway tells a version."""
        names = self._connection.use(lambda ask: ask.getTableNames(), patience=PROBES)
        return Probe("HBase, Thrift 1", {"ownTable": self._own.table in names})

    def schema(self, table: str) -> pa.Schema:
        """Columns and types; ConfigError ReferenceMissing when the table is not there."""
        return self._catalog.info(table).schema

    def snapshot(self, table: str) -> Snapshot:
        """Names the table; what a scan reads is not pinned."""
        return self._scans.snapshot(table)

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Neighbouring regions."""
        return self._scans.splits(snapshot, count)

    def scan(
        self, split: Split, columns: Sequence[str] | None = None, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Rows in the order of their keys; DataError SnapshotExpired when the table was made anew."""
        return self._scans.scan(split, columns, batch_rows)

    def ensure_table(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Creates the table, or checks it: DataError SchemaMismatch names expected and actual."""
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
        """Upserts by key; with `merge`, sets these fields and keeps the others."""
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
        """Stores all of `source` in chunks of 512 KiB; visible only when complete."""
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
