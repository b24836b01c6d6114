"""Blobs as rows of the adapter's own table: one of each chunk, one that names the blob.

Used by `hbase.py`; `chunks.py` has the order of steps. The gateway holds a chunk in memory, so it is 512 KiB.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from forebay_workloads.stores.chunks import Entry, Note
from forebay_workloads.stores.hbase_connection import Connection
from forebay_workloads.stores.hbase_own import Own

CHUNK_BYTES = 512 << 10
DIGEST = 32  # bytes of sha256, before a chunk's own
SWAPS = 20  # attempts, while others replace the same blob


class HBaseShelf:
    """Entries, notes and chunks."""

    chunk_bytes = CHUNK_BYTES

    def __init__(self, connection: Connection, own: Own) -> None:
        self.where = connection.where
        self._own = own

    def ready(self) -> None:
        """The table."""
        self._own.ready()

    def entry(self, key: str) -> Entry | None:
        """The blob of that key."""
        found = self._own.get(_blob(key))
        return None if found is None else _entry(key, found)

    def entries(self, prefix: str) -> Iterator[Entry]:
        """By key; the order of its bytes is that of its characters."""
        for name, value in self._own.list(_blob(prefix)):
            yield _entry(name.partition(b"/")[2].decode(), value)

    def publish(self, entry: Entry) -> Entry | None:
        """Compared and set, so that what it replaces is known."""
        new = _packed(entry)
        for _ in range(SWAPS):
            old = self._own.get(_blob(entry.key))
            if self._own.swap(_blob(entry.key), old, new):
                return None if old is None else _entry(entry.key, old)
        self._own.put(_blob(entry.key), new)
        return None

    def remove(self, entry: Entry) -> None:
        """Unless it was replaced."""
        self._own.swap(_blob(entry.key), _packed(entry), None)

    def note(self, note: Note) -> None:
        """One row."""
        told = {"key": note.key, "created": note.created, "replaces": note.replaces}
        self._own.put(_upload(note.upload), json.dumps(told).encode())

    def notes(self) -> Iterator[Note]:
        """All there are."""
        for name, value in self._own.list(_upload("")):
            told = json.loads(value)
            upload = name.partition(b"/")[2].decode()
            yield Note(upload, told["key"], float(told["created"]), told["replaces"])

    def forget(self, upload: str) -> None:
        """Its note."""
        self._own.delete(_upload(upload))

    def put_chunk(self, upload: str, number: int, digest: bytes, data: bytes) -> None:
        """One row."""
        self._own.put(_chunk(upload, number), digest + data)

    def chunk(self, upload: str, number: int) -> tuple[bytes, bytes] | None:
        """Digest and bytes."""
        found = self._own.get(_chunk(upload, number))
        return None if found is None else (found[:DIGEST], found[DIGEST:])

    def drop(self, upload: str) -> None:
        """Row after row."""
        for name, _ in list(self._own.list(f"chunk/{upload}/".encode(), values=False)):
            self._own.delete(name)


def _blob(key: str) -> bytes:
    return f"blob/{key}".encode()


def _upload(upload: str) -> bytes:
    return f"upload/{upload}".encode()


def _chunk(upload: str, number: int) -> bytes:
    return f"chunk/{upload}/{number:09}".encode()


def _packed(entry: Entry) -> bytes:
    told = {"digest": entry.digest, "size": entry.size, "upload": entry.upload}
    return json.dumps(told, sort_keys=True).encode()


def _entry(key: str, value: bytes) -> Entry:
    told = json.loads(value)
    return Entry(key, told["upload"], int(told["size"]), told["digest"])
