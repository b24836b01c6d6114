"""Blobs in MongoDB: chunks of 1 MiB in a collection of their own, one document that names the blob.

Used by `mongodb.py`; `chunks.py` has the order of steps. Replacing a blob is one atomic step of the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from forebay_workloads.stores.base import CHUNK_BYTES
from forebay_workloads.stores.chunks import Entry, Note
from forebay_workloads.stores.mongodb_connection import Connection, Document
from forebay_workloads.stores.mongodb_names import ID, OWN

BLOBS = f"{OWN}_blobs"  # _id: the key; upload, size, digest
CHUNKS = f"{OWN}_chunks"  # _id: <upload>:<number>; digest, data
UPLOADS = f"{OWN}_uploads"  # _id: <upload>; those that are not finished, or not cleaned up


class MongoShelf:
    """Entries, notes and chunks in a database."""

    chunk_bytes = CHUNK_BYTES

    def __init__(self, connection: Connection) -> None:
        self.where = connection.where
        self._connection = connection
        self._blobs = connection.database[BLOBS]
        self._chunks = connection.database[CHUNKS]
        self._uploads = connection.database[UPLOADS]

    def _speak(self, what: str) -> Any:
        return self._connection.speak(what)

    def ready(self) -> None:
        """Collections are there when they are used."""

    def entry(self, key: str) -> Entry | None:
        """The blob of that key."""
        with self._speak(f"blob {key}"):
            return _entry(self._blobs.find_one({ID: key}))

    def entries(self, prefix: str) -> Iterator[Entry]:
        """By key."""
        with self._speak(f"blobs {prefix}"):
            for one in self._blobs.find({ID: {"$gte": prefix}}).sort(ID, 1):
                found = _entry(one)
                if found is None or not found.key.startswith(prefix):
                    return
                yield found

    def publish(self, entry: Entry) -> Entry | None:
        """One document for another."""
        new = {"upload": entry.upload, "size": entry.size, "digest": entry.digest}
        with self._speak(f"blob {entry.key}"):
            return _entry(self._blobs.find_one_and_replace({ID: entry.key}, new, upsert=True))

    def remove(self, entry: Entry) -> None:
        """Unless it was replaced."""
        with self._speak(f"blob {entry.key}"):
            self._blobs.delete_one({ID: entry.key, "upload": entry.upload})

    def note(self, note: Note) -> None:
        """One document."""
        new: Document = {"key": note.key, "created": note.created}
        if note.replaces:
            new["replaces"] = note.replaces
        with self._speak(f"blob {note.key}"):
            self._uploads.replace_one({ID: note.upload}, new, upsert=True)

    def notes(self) -> Iterator[Note]:
        """All there are."""
        with self._speak("uploads"):
            for one in self._uploads.find():
                yield Note(one[ID], one["key"], float(one["created"]), one.get("replaces", ""))

    def forget(self, upload: str) -> None:
        """Its note."""
        with self._speak("uploads"):
            self._uploads.delete_one({ID: upload})

    def put_chunk(self, upload: str, number: int, digest: bytes, data: bytes) -> None:
        """One document."""
        with self._speak("a blob's chunk"):
            new = {ID: _chunk(upload, number), "digest": digest, "data": data}
            self._chunks.insert_one(new)

    def chunk(self, upload: str, number: int) -> tuple[bytes, bytes] | None:
        """Digest and bytes."""
        with self._speak("a blob's chunk"):
            one = self._chunks.find_one({ID: _chunk(upload, number)})
        return None if one is None else (bytes(one["digest"]), bytes(one["data"]))

    def drop(self, upload: str) -> None:
        """All at once, by the range of their names."""
        with self._speak("a blob's chunks"):
            self._chunks.delete_many({ID: {"$gte": f"{upload}:", "$lt": f"{upload};"}})


def _entry(found: Document | None) -> Entry | None:
    if found is None:
        return None
    return Entry(found[ID], found["upload"], int(found["size"]), found["digest"])


def _chunk(upload: str, number: int) -> str:
    return f"{upload}:{number:09d}"
