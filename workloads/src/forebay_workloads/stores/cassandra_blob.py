"""Blobs as chunks of CHUNK bytes, each with a digest; a row that names them is written when the last one is in.

Used by `cassandra.py`. A blob's chunks lie in partitions of PART chunks. What a killed writer left is named by
a row of its own from the beginning on, and removed by a put a day later.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores import blob
from forebay_workloads.stores import cassandra_statements as cql
from forebay_workloads.stores.base import BlobInfo
from forebay_workloads.stores.cassandra_catalog import KEYSPACE, TABLES, Catalog
from forebay_workloads.stores.cassandra_connection import Connection
from forebay_workloads.stores.cassandra_window import Request, Window

CHUNK = 256 << 10
PART = 128
IN_FLIGHT = 8  # chunks of one writer
ABANDONED_SECONDS = 86_400
WHOLE, BEGUN = 0, 1
BLOBS, CHUNKS = cql.OWN
ENTRY = ("key", "id", "size", "digest")


@dataclass(frozen=True)
class _Entry:
    key: str
    id: uuid.UUID
    size: int
    digest: str


class Blobs:
    """Bytes by key in a keyspace."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog
        self._there = False
        self._lock = threading.Lock()
        self._blobs = cql.full(connection.keyspace, BLOBS)
        self._chunks = cql.full(connection.keyspace, CHUNKS)
        self._delete_blob = cql.delete(self._blobs, ["state", "key"])
        self._delete_part = cql.delete(self._chunks, ["blob", "part"])

    # tables

    def _has_tables(self) -> bool:
        if not self._there:
            names = self._connection.rows(TABLES, [self._connection.keyspace])
            self._there = {(BLOBS,), (CHUNKS,)} <= set(names)
            if not names and not self._connection.rows(KEYSPACE, [self._connection.keyspace]):
                return False
        return self._there

    def _ensure_tables(self) -> None:
        with self._lock:
            if self._has_tables():
                return
            self._catalog.ensure_keyspace()
            self._connection.change(
                f"CREATE TABLE IF NOT EXISTS {self._chunks} (blob uuid, part int, number int, digest blob,"
                " data blob, PRIMARY KEY ((blob, part), number))"
            )
            self._connection.change(
                f"CREATE TABLE IF NOT EXISTS {self._blobs} (state int, key text, id uuid, size bigint,"
                " digest text, created timestamp, PRIMARY KEY (state, key))"
            )
            self._there = True

    # writing

    def put(self, key: str, source: BinaryIO) -> BlobInfo:
        """Stores all of `source`; a reader sees the old blob until the new one is whole."""
        blob.checked_key(key)
        self._ensure_tables()
        self._remove_abandoned()
        number = uuid.uuid4()
        self._name(BEGUN, str(number), number, 0, "")
        try:
            size, digest = self._append(number, source, key)
        except BaseException:
            self._forget(number)
            raise
        old = self._find(key)
        self._name(WHOLE, key, number, size, digest)
        self._run(self._delete_blob, BEGUN, str(number))
        if old is not None:
            self._remove_chunks(old.id)
        return BlobInfo(key, size, digest)

    def _name(self, state: int, key: str, number: uuid.UUID, size: int, digest: str) -> None:
        text = cql.insert(self._blobs, ["state", "key", "id", "size", "digest", "created"])
        self._run(text, state, key, number, size, digest, int(time.time() * 1000))

    def _append(self, number: uuid.UUID, source: BinaryIO, key: str) -> tuple[int, str]:
        whole, size = hashlib.sha256(), 0
        text = cql.insert(self._chunks, ["blob", "part", "number", "digest", "data"])
        with self._connection.speak(f"blob {key}"):
            statement = self._connection.prepare(text)

        def requests() -> Iterator[Request]:
            nonlocal size
            for index, chunk in enumerate(blob.read_chunks(source, CHUNK)):
                whole.update(chunk)
                size += len(chunk)
                digest = hashlib.sha256(chunk).digest()
                values = (number, index // PART, index, digest, chunk)
                yield Request(statement.bind(values))

        for _, error in Window(self._connection, f"blob {key}", most=IN_FLIGHT).run(requests()):
            raise self._connection.translated(error, f"blob {key}") from error
        return size, blob.digest_text(whole)

    def _run(self, text: str, *values: Any) -> None:
        """One small idempotent statement."""
        with self._connection.speak():
            request = Request(self._connection.prepare(text).bind(values))
        for _, error in Window(self._connection, "blobs").run([request]):
            raise self._connection.translated(error, "blobs") from error

    def _forget(self, number: uuid.UUID) -> None:
        self._remove_chunks(number)
        self._run(self._delete_blob, BEGUN, str(number))

    def _remove_chunks(self, number: uuid.UUID) -> None:
        """Partition after partition until one is empty: chunks are written in their order."""
        look = f"SELECT number FROM {self._chunks} WHERE blob = ? AND part = ? LIMIT 1"  # noqa: S608
        part = 0
        while self._connection.rows(look, (number, part)):
            self._run(self._delete_part, number, part)
            part += 1

    def _remove_abandoned(self) -> None:
        text = f"SELECT id, created FROM {self._blobs} WHERE state = ?"  # noqa: S608 - quoted
        before = time.time() - ABANDONED_SECONDS
        for number, created in self._connection.rows(text, [BEGUN]):
            if created.timestamp() < before:
                self._forget(number)

    # reading

    def _find(self, key: str) -> _Entry | None:
        if not self._has_tables():
            return None
        text = cql.select_key(self._blobs, ENTRY, ["state", "key"])
        rows = self._connection.rows(text, [WHOLE, key])
        return _Entry(*rows[0]) if rows else None

    def open(self, key: str) -> BinaryIO:
        """A stream over the chunks; ConfigError ReferenceMissing when there is no such blob."""
        found = self._find(key)
        if found is None:
            raise ConfigError("ReferenceMissing", f"{self._connection.where}: no blob {key!r}")
        return blob.verified(self._read(found), found.digest, key)

    def _read(self, entry: _Entry) -> Iterator[bytes]:
        """Chunk after chunk; the next one is asked for before this one is given."""
        count = -(-entry.size // CHUNK)
        following = deque([self._ask(entry, 0)] if count else [])
        for index in range(count):
            with self._connection.speak(f"blob {entry.key}"):
                rows = [row for page in following.popleft().result() for row in page.tuples()]
            if not rows:
                raise self._lost(entry, index)
            if index + 1 < count:
                following.append(self._ask(entry, index + 1))
            digest, data = rows[0]
            actual = hashlib.sha256(data).digest()
            if actual != digest:
                raise blob.mismatch(f"{entry.key} (chunk {index})", digest.hex(), actual.hex())
            yield data

    def _ask(self, entry: _Entry, index: int) -> Any:
        text = cql.select_key(self._chunks, ["digest", "data"], ["blob", "part", "number"])
        with self._connection.speak(f"blob {entry.key}"):
            bound = self._connection.prepare(text).bind((entry.id, index // PART, index))
            return self._connection.send(bound)

    def _lost(self, entry: _Entry, index: int) -> DataError:
        now = self._find(entry.key)
        if now is None or now.id != entry.id:
            message = f"blob {entry.key!r} was replaced while it was read"
            return DataError("SnapshotExpired", message)
        return DataError("DigestMismatch", f"blob {entry.key}: chunk {index} is missing")

    def list(self, prefix: str) -> list[BlobInfo]:
        """Whole blobs whose key starts with `prefix`, sorted by key."""
        if not self._has_tables():
            return []
        text = f"SELECT key, id, size, digest FROM {self._blobs} WHERE state = ? AND key >= ?"  # noqa: S608
        found = []
        for row in self._connection.rows(text, [WHOLE, prefix]):
            entry = _Entry(*row)
            if entry.key.startswith(prefix):
                found.append(BlobInfo(entry.key, entry.size, entry.digest))
        return sorted(found, key=lambda info: info.key)

    def delete(self, key: str) -> None:
        """Removes the blob and its chunks."""
        found = self._find(key)
        if found is None:
            return
        self._run(self._delete_blob, WHOLE, key)
        self._remove_chunks(found.id)
