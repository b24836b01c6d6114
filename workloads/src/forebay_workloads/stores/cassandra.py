"""The Cassandra store: tables and blobs of one keyspace, on any server that speaks its protocol.

Opened by `open_store`. It connects at its first use; threads share it. This file joins the parts.
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
from forebay_workloads.stores.cassandra_blob import Blobs
from forebay_workloads.stores.cassandra_catalog import KEYSPACE, Catalog
from forebay_workloads.stores.cassandra_connection import Connection
from forebay_workloads.stores.cassandra_get import Gets
from forebay_workloads.stores.cassandra_scan import Scans
from forebay_workloads.stores.cassandra_write import Writes

_LOCAL = "SELECT release_version, data_center, cluster_name FROM system.local"


class CassandraStore:
    """Tables with a partition key, and blobs in chunks.

    Cassandra cannot pin what a scan reads, so a snapshot's strength is None.
    """

    capabilities = Capabilities(documents=True, ttl=True, snapshot="None")

    def __init__(self, ref: StoreRef) -> None:
        self.name = ref.name
        self._connection = Connection(ref)
        self._catalog = Catalog(self._connection)
        self._scans = Scans(self._connection, self._catalog)
        self._writes = Writes(self._connection, self._catalog)
        self._gets = Gets(self._connection, self._catalog)
        self._blobs = Blobs(self._connection, self._catalog)

    def probe(self) -> Probe:
        """Logs in and asks one node; raises RetryableError StoreUnreachable, ConfigError StoreAuthFailed."""
        ((version, place, cluster),) = self._connection.rows(_LOCAL)
        there = bool(self._connection.rows(KEYSPACE, [self._connection.keyspace]))
        detail = {"cluster": cluster, "datacenter": place, "keyspace": there}
        return Probe(f"Cassandra {version}", detail)

    def schema(self, table: str) -> pa.Schema:
        """Columns and types; ConfigError ReferenceMissing when the table is not there."""
        return self._catalog.info(table).schema

    def snapshot(self, table: str) -> Snapshot:
        """Names the table; what a scan reads is not pinned."""
        return self._scans.snapshot(table)

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Ranges of tokens, each within one set of replicas as far as `count` allows."""
        return self._scans.splits(snapshot, count)

    def scan(
        self, split: Split, columns: Sequence[str] | None = None, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Rows in the order of their tokens; DataError SnapshotExpired when the table was made anew."""
        return self._scans.scan(split, columns, batch_rows)

    def ensure_table(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Creates keyspace and table, or checks the table: DataError SchemaMismatch names expected and actual.

        The first column of the key makes the partition, the others sort the rows in it.
        """
        self._catalog.ensure(table, schema, list(key))

    def write(
        self,
        table: str,
        batch: pa.RecordBatch,
        key: Sequence[str],
        *,
        merge: bool = False,
        ttl: float | None = None,
    ) -> WriteReport:
        """Upserts by key; with `merge`, fields that the batch does not name are kept, new ones become columns."""
        return self._writes.write(table, batch, list(key), merge=merge, ttl=ttl)

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
        """Stores all of `source` in chunks; visible only when complete."""
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
        """Ends the session; may be called twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
