"""The store contract. Every adapter in this folder implements `Store`; every stage uses only this.

Data crosses the contract as Arrow: a scan yields record batches of bounded size, a write takes one.
Adapters are synchronous and may use threads inside. They raise `forebay_workloads.errors` only.
The conformance suite (tests/contract) is the specification: an adapter that passes it is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, Literal, Protocol, Self

import pyarrow as pa

BATCH_ROWS = (
    65_536  # rows of a record batch unless the caller asks for less: 16 MiB at 256 bytes a row
)
CHUNK_BYTES = 1 << 20  # a blob's chunk in stores without large values

Row = Mapping[str, Any]
COPIED: Final = "Pinned (copy)"  # the strength of a run's own copy: it repeats what one scan saw


@dataclass(frozen=True)
class Capabilities:
    """What an adapter can honour; a spec that needs more is refused before a pod starts."""

    tables: bool = True  # ensure_table, write, get
    documents: bool = False  # write(merge=True) adds fields to an existing row and keeps the others
    blobs: bool = True
    ttl: bool = False  # write(ttl=…): rows that end by themselves
    snapshot: Literal["Pinned", "Horizon", "None"] = "None"  # the strongest pin it can give


@dataclass(frozen=True)
class Probe:
    """The answer of a reachable, authenticated server."""

    server_version: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """What a scan is pinned to, and how strong the pin is. Goes into the lineage, so JSON values only."""

    table: str
    strength: Literal["Pinned", "Pinned (copy)", "Horizon", "None"]  # a store gives no copy
    rows: int | None = None  # known beforehand, or None
    digest: str | None = None  # "sha256:…" of the content, where it is known without a scan
    at: Mapping[str, Any] = field(
        default_factory=dict
    )  # file sizes and times, rowid horizon, offsets …


@dataclass(frozen=True)
class Split:
    """One part of a snapshot that a worker scans on its own. The parts cover it exactly once."""

    snapshot: Snapshot
    index: int
    count: int
    at: Mapping[str, Any] = field(default_factory=dict)  # the adapter's own range


@dataclass(frozen=True)
class RowError:
    """One row that a write refused: its index in the batch, its key and why."""

    index: int
    key: Mapping[str, Any]
    reason: str
    message: str


@dataclass(frozen=True)
class WriteReport:
    """How many rows of a batch are in the store now, and each one that is not."""

    written: int
    errors: Sequence[RowError] = ()


@dataclass(frozen=True)
class BlobInfo:
    """A blob's key, size in bytes and content digest (`sha256:<hex>`)."""

    key: str
    size: int
    digest: str


class Reader(Protocol):
    """What reads tables: a store, or a copy that a run keeps of one."""

    name: str

    def schema(self, table: str) -> pa.Schema:
        """Columns and types; raises ConfigError ReferenceMissing when the table is not there."""

    def snapshot(self, table: str) -> Snapshot:
        """Pins what `splits` and `scan` will read, as strongly as the store can."""

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """At most `count` parts, at least one (also for an empty table), none overlapping."""

    def scan(
        self, split: Split, columns: Sequence[str] | None = None, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """The part's rows in bounded memory, in an order that is the same each time.

        Raises DataError SchemaMismatch naming file or table, row and column when a value does not fit;
        DataError SnapshotExpired when what was pinned has changed.
        """


class Store(Reader, Protocol):
    """A typed connection to one store. Close it; `with` closes it too."""

    capabilities: Capabilities

    def probe(self) -> Probe:
        """Raises RetryableError StoreUnreachable, or ConfigError StoreAuthFailed."""

    def ensure_table(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Creates the table, or checks it: DataError SchemaMismatch names expected and actual."""

    def write(
        self,
        table: str,
        batch: pa.RecordBatch,
        key: Sequence[str],
        *,
        merge: bool = False,
        ttl: float | None = None,
    ) -> WriteReport:
        """Upserts by key; the same batch twice leaves the same rows.

        `merge` keeps the fields of an existing row that the batch does not name. Rows whose key is null
        or whose values the store refuses are named in the report; all others are written.

        `ttl`: a row is gone so many seconds after its last write, or soon after that; a write without it
        keeps the row for good. Rows that end are merged with a ttl too: without one, some stores keep their
        end and some the fields that were merged.
        """

    def get(
        self,
        table: str,
        keys: Sequence[Row],
        columns: Sequence[str] | None = None,
        timeout: float = 1.0,
    ) -> list[dict[str, Any] | None]:
        """Online read: one answer per key, None where there is no row; RetryableError past `timeout` seconds."""

    def put_blob(self, key: str, source: BinaryIO) -> BlobInfo:
        """Stores all of `source` in chunks; visible only when complete; replaces a blob of that key."""

    def open_blob(self, key: str) -> BinaryIO:
        """A stream that checks the digest as it reads: DataError DigestMismatch at the end if it differs.

        ConfigError ReferenceMissing when there is no such blob.
        """

    def list_blobs(self, prefix: str) -> list[BlobInfo]:
        """Blobs whose key starts with `prefix`, sorted by key."""

    def delete_blob(self, key: str) -> None:
        """Removes the blob; no error when there is none."""

    def close(self) -> None:
        """Frees connections; may be called twice."""

    def __enter__(self) -> Self:
        """The store itself."""

    def __exit__(self, *_: object) -> None:
        """Closes the store."""
