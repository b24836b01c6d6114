"""The DynamoDB store: tables, items (merge), blobs in chunks. Joins the other dynamodb_*.py.

Opened by `open_store`. One client with its pool; threads may share a store. Tables that `ensure_table` makes give
back every Arrow type as it was; tables of others are read with the columns that some of their items show.
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
from forebay_workloads.stores.dynamodb_blob import DynamoShelf
from forebay_workloads.stores.dynamodb_catalog import Catalog
from forebay_workloads.stores.dynamodb_connection import Connection
from forebay_workloads.stores.dynamodb_get import Gets
from forebay_workloads.stores.dynamodb_own import Own, describe
from forebay_workloads.stores.dynamodb_scan import Scans
from forebay_workloads.stores.dynamodb_write import Writes

API = "2012-08-10"  # the only version that the service has had; it tells none


class DynamoStore:
    """Tables of one region, behind one prefix.

    DynamoDB cannot pin what a scan reads, so a snapshot's strength is None.
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
        self._blobs = ChunkedBlobs(DynamoShelf(self._connection, self._own))

    def probe(self) -> Probe:
        """Asks for the adapter's own table; RetryableError StoreUnreachable, ConfigError StoreAuthFailed."""
        there = describe(self._connection, self._own.table, quick=True) is not None
        detail = {"region": self._connection.region, "endpoint": self._connection.endpoint or None}
        return Probe(f"DynamoDB API {API}", {**detail, "ownTable": there})

    def schema(self, table: str) -> pa.Schema:
        """Columns and types; ConfigError ReferenceMissing when the table is not there."""
        return self._catalog.info(table).schema

    def snapshot(self, table: str) -> Snapshot:
        """Names the table; what a scan reads is not pinned."""
        return self._scans.snapshot(table)

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """The service's own segments."""
        return self._scans.splits(snapshot, count)

    def scan(
        self, split: Split, columns: Sequence[str] | None = None, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Items by the hash of their key; DataError SnapshotExpired when the table was made anew."""
        return self._scans.scan(split, columns, batch_rows)

    def ensure_table(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Creates the table on demand, or checks it: DataError SchemaMismatch names expected and actual.

        The first column of the key makes the partition, the others sort the items in it.
        """
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
        """Stores all of `source` in chunks of 350 KiB; visible only when complete."""
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
