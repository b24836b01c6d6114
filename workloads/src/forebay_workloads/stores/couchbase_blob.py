"""Blobs as documents of the adapter's own: one of each chunk, and a list that names the blobs.

Used by `couchbase.py`; `chunks.py` has the order of steps. A document holds 20 MiB, a chunk 1 MiB.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from forebay_workloads.stores.base import CHUNK_BYTES
from forebay_workloads.stores.chunks import Entry, Note
from forebay_workloads.stores.couchbase_connection import BYTES, Connection, names_only
from forebay_workloads.stores.couchbase_own import Entries, Own

BLOBS, UPLOADS = "blobs", "uploads"
DIGEST = 32  # bytes of sha256, before a chunk's own
AT_ONCE = 64  # chunks that are looked for together


class CouchbaseShelf:
    """Entries, notes and chunks."""

    chunk_bytes = CHUNK_BYTES

    def __init__(self, connection: Connection, own: Own) -> None:
        self.where = connection.where
        self._connection = connection
        self._own = own

    def ready(self) -> None:
        """The collection."""
        self._own.ready()

    def entry(self, key: str) -> Entry | None:
        """The blob of that key."""
        told = self._own.entries(BLOBS).get(key)
        return None if told is None else _entry(key, told)

    def entries(self, prefix: str) -> Iterator[Entry]:
        """By key."""
        for key, told in sorted(self._own.entries(BLOBS).items()):
            if key.startswith(prefix):
                yield _entry(key, told)

    def publish(self, entry: Entry) -> Entry | None:
        """In one step, so what it replaces is known."""
        old: list[Any] = []

        def edit(entries: Entries) -> bool:
            old[:] = [entries[entry.key]] if entry.key in entries else []
            entries[entry.key] = _told(entry)
            return True

        self._own.change(BLOBS, edit)
        return _entry(entry.key, old[0]) if old else None

    def remove(self, entry: Entry) -> None:
        """Unless it was replaced."""

        def edit(entries: Entries) -> bool:
            if entries.get(entry.key) != _told(entry):
                return False
            del entries[entry.key]
            return True

        self._own.change(BLOBS, edit)

    def note(self, note: Note) -> None:
        """In the list of uploads."""
        told = {"created": note.created, "key": note.key, "replaces": note.replaces}

        def edit(entries: Entries) -> bool:
            entries[note.upload] = told
            return True

        self._own.change(UPLOADS, edit)

    def notes(self) -> Iterator[Note]:
        """All there are."""
        for upload, told in sorted(self._own.entries(UPLOADS).items()):
            yield Note(upload, told["key"], float(told["created"]), told["replaces"])

    def forget(self, upload: str) -> None:
        """Its note."""
        self._own.change(UPLOADS, lambda entries: entries.pop(upload, None) is not None)

    def put_chunk(self, upload: str, number: int, digest: bytes, data: bytes) -> None:
        """One document."""
        name = _chunk(upload, number)
        found = self._connection.many(
            self._own.place, "upsert", {name: digest + data}, name, options={"transcoder": BYTES}
        )
        for error in found.refused.values():
            raise error

    def chunk(self, upload: str, number: int) -> tuple[bytes, bytes] | None:
        """Digest and bytes."""
        name = _chunk(upload, number)
        found = self._connection.many(self._own.place, "get", {name: b""}, name).done.get(name)
        return None if found is None else (found[:DIGEST], found[DIGEST:])

    def drop(self, upload: str) -> None:
        """The last ones first: what a kill leaves is found again from the first one on."""
        there: list[str] = []
        while True:
            numbers = range(len(there), len(there) + AT_ONCE)
            names = names_only(_chunk(upload, number) for number in numbers)
            found = self._connection.many(self._own.place, "touch", names, "chunks").done
            there += names
            if not found:
                break
        for last in range(len(there), 0, -AT_ONCE):
            some = names_only(there[last - AT_ONCE : last])
            self._connection.many(self._own.place, "remove", some, "chunks")


def _chunk(upload: str, number: int) -> str:
    return f"chunk/{upload}/{number:09}"


def _told(entry: Entry) -> dict[str, Any]:
    return {"digest": entry.digest, "size": entry.size, "upload": entry.upload}


def _entry(key: str, told: Any) -> Entry:
    return Entry(key, told["upload"], int(told["size"]), told["digest"])
