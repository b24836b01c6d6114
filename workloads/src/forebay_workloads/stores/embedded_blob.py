"""Blobs of the embedded store: chunks of 1 MiB, each with a digest, visible when the last one is in.

Used by `embedded.py` only. Each chunk is a transaction of its own, so a large blob does not keep other
writers waiting; what a killed process left half-way is removed by a later put.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from typing import BinaryIO

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores import blob
from forebay_workloads.stores.base import BlobInfo
from forebay_workloads.stores.sqlite import Database

ABANDONED_SECONDS = 86_400  # an unfinished blob this old has no writer any more

SETUP = (
    """CREATE TABLE IF NOT EXISTS _forebay_blobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, size INTEGER, digest TEXT,
        complete INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL)""",
    "CREATE UNIQUE INDEX IF NOT EXISTS _forebay_blob_keys ON _forebay_blobs (key) WHERE complete",
    """CREATE TABLE IF NOT EXISTS _forebay_chunks (
        blob INTEGER NOT NULL REFERENCES _forebay_blobs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL, digest BLOB NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (blob, number)) WITHOUT ROWID""",
)


class Blobs:
    """Bytes by key in a Database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, key: str, source: BinaryIO) -> BlobInfo:
        """Stores all of `source`; a reader sees the old blob until the new one is whole."""
        blob.checked_key(key)
        number = self._begin(key)
        try:
            size, digest = self._append(number, source)
            self._complete(number, key, size, digest)
        except BaseException:
            self._forget(number)
            raise
        return BlobInfo(key, size, digest)

    def _begin(self, key: str) -> int:
        now = time.time()
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM _forebay_blobs WHERE NOT complete AND created < ?",
                (now - ABANDONED_SECONDS,),
            )
            cursor = connection.execute(
                "INSERT INTO _forebay_blobs (key, created) VALUES (?, ?)", (key, now)
            )
            return int(cursor.lastrowid or 0)

    def _append(self, number: int, source: BinaryIO) -> tuple[int, str]:
        whole, size = hashlib.sha256(), 0
        for index, chunk in enumerate(blob.read_chunks(source)):
            whole.update(chunk)
            size += len(chunk)
            with self._database.write() as connection:
                connection.execute(
                    "INSERT INTO _forebay_chunks VALUES (?, ?, ?, ?)",
                    (number, index, hashlib.sha256(chunk).digest(), chunk),
                )
        return size, blob.digest_text(whole)

    def _complete(self, number: int, key: str, size: int, digest: str) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM _forebay_blobs WHERE key = ? AND complete", (key,))
            connection.execute(
                "UPDATE _forebay_blobs SET complete = 1, size = ?, digest = ? WHERE id = ?",
                (size, digest, number),
            )

    def _forget(self, number: int) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM _forebay_blobs WHERE id = ?", (number,))

    def open(self, key: str) -> BinaryIO:
        """A stream over the chunks; ConfigError ReferenceMissing when there is no such blob."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT id, digest FROM _forebay_blobs WHERE key = ? AND complete", (key,)
            ).fetchone()
        if row is None:
            raise ConfigError("ReferenceMissing", f"no blob {key!r} in {self._database.path}")
        return blob.verified(self._chunks(row[0], key), row[1], key)

    def _chunks(self, number: int, key: str) -> Iterator[bytes]:
        index = 0
        while (row := self._chunk(number, index, key)) is not None:
            digest, data = row
            actual = hashlib.sha256(data).digest()
            if actual != digest:
                raise blob.mismatch(f"{key} (chunk {index})", digest.hex(), actual.hex())
            yield data
            index += 1

    def _chunk(self, number: int, index: int, key: str) -> tuple[bytes, bytes] | None:
        with self._database.read() as connection:
            row: tuple[bytes, bytes] | None = connection.execute(
                "SELECT digest, data FROM _forebay_chunks WHERE blob = ? AND number = ?",
                (number, index),
            ).fetchone()
            if row is None and not self._exists(connection, number):
                raise DataError("SnapshotExpired", f"blob {key!r} was replaced while it was read")
            return row

    @staticmethod
    def _exists(connection: sqlite3.Connection, number: int) -> bool:
        found = connection.execute("SELECT 1 FROM _forebay_blobs WHERE id = ?", (number,))
        return found.fetchone() is not None

    def list(self, prefix: str) -> list[BlobInfo]:
        """Complete blobs whose key starts with `prefix`, sorted by key."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT key, size, digest FROM _forebay_blobs"
                " WHERE complete AND substr(key, 1, ?) = ? ORDER BY key",
                (len(prefix), prefix),
            ).fetchall()
        return [BlobInfo(*row) for row in rows]

    def delete(self, key: str) -> None:
        """Removes the blob and its chunks."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM _forebay_blobs WHERE key = ? AND complete", (key,))
