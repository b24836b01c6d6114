"""Blobs in MongoDB: chunks of 1 MiB in a collection of their own, each with a digest, visible when all are in.

Used by `mongodb.py`. A blob is one document that names its upload; replacing it is one atomic step, so a reader has
the old bytes or the new ones. What a killed writer left is noted before its first chunk and removed by a later put.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from pymongo.errors import PyMongoError

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores import blob
from forebay_workloads.stores.base import BlobInfo
from forebay_workloads.stores.mongodb_connection import Connection, Document
from forebay_workloads.stores.mongodb_names import ID, OWN

BLOBS = f"{OWN}_blobs"  # _id: the key; upload, size, digest
CHUNKS = f"{OWN}_chunks"  # _id: <upload>:<number>; digest, data
UPLOADS = f"{OWN}_uploads"  # _id: <upload>; those that are not finished, or not cleaned up
ABANDONED_SECONDS = 86_400  # an upload this old has no writer any more


class Blobs:
    """Bytes by key in a database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._blobs = connection.database[BLOBS]
        self._chunks = connection.database[CHUNKS]
        self._uploads = connection.database[UPLOADS]

    def put(self, key: str, source: BinaryIO) -> BlobInfo:
        """Stores all of `source`; a reader sees the old blob until the new one is whole."""
        blob.checked_key(key)
        upload = uuid.uuid4().hex
        with self._connection.speak(f"blob {key}"):
            self._clean_up()
            self._uploads.insert_one({ID: upload, "key": key, "created": time.time()})
            try:
                size, digest = self._append(upload, source)
                self._note_old(upload, key)
                new = {"upload": upload, "size": size, "digest": digest}
                old = self._blobs.find_one_and_replace({ID: key}, new, upsert=True)
            except BaseException:
                with suppress(PyMongoError):  # the first error is the one to tell
                    self._settle(upload)
                raise
            if old is not None:
                self._drop(old["upload"])
            self._settle(upload)
        return BlobInfo(key, size, digest)

    def _note_old(self, upload: str, key: str) -> None:
        """What is replaced stands in the note, so that a kill after the last step leaves no chunk behind."""
        old = self._blobs.find_one({ID: key})
        if old is not None:
            self._uploads.update_one({ID: upload}, {"$set": {"replaces": old["upload"]}})

    def _append(self, upload: str, source: BinaryIO) -> tuple[int, str]:
        whole, size = hashlib.sha256(), 0
        for number, chunk in enumerate(blob.read_chunks(source)):
            whole.update(chunk)
            size += len(chunk)
            digest = hashlib.sha256(chunk).digest()
            self._chunks.insert_one({ID: _chunk(upload, number), "digest": digest, "data": chunk})
        return size, blob.digest_text(whole)

    def _clean_up(self) -> None:
        """Removes what writers that are gone left behind."""
        before = time.time() - ABANDONED_SECONDS
        for one in list(self._uploads.find({"created": {"$lt": before}}, {ID: 1})):
            self._settle(one[ID])

    def _settle(self, upload: str) -> None:
        """Removes the chunks that no blob names, then the note. Also where the last step's outcome is unknown."""
        note = self._uploads.find_one({ID: upload})
        if note is None:
            return
        current = self._blobs.find_one({ID: note["key"]})
        for one in (upload, note.get("replaces")):
            if one and (current is None or current["upload"] != one):
                self._drop(one)
        self._uploads.delete_one({ID: upload})

    def _drop(self, upload: str) -> None:
        self._chunks.delete_many({ID: {"$gte": f"{upload}:", "$lt": f"{upload};"}})

    def open(self, key: str) -> BinaryIO:
        """A stream over the chunks; ConfigError ReferenceMissing when there is no such blob."""
        with self._connection.speak(f"blob {key}"):
            found = self._blobs.find_one({ID: key})
        if found is None:
            raise ConfigError("ReferenceMissing", f"no blob {key!r} in {self._connection.where}")
        return blob.verified(self._read(found, key), found["digest"], key)

    def _read(self, found: Document, key: str) -> Iterator[bytes]:
        rest, number = int(found["size"]), 0
        while rest > 0:
            data = self._checked(found["upload"], number, key)
            rest -= len(data)
            number += 1
            yield data

    def _checked(self, upload: str, number: int, key: str) -> bytes:
        with self._connection.speak(f"blob {key}"):
            one = self._chunks.find_one({ID: _chunk(upload, number)})
            if one is None:
                raise self._lost(upload, number, key)
        data = bytes(one["data"])
        actual = hashlib.sha256(data).digest()
        if actual != bytes(one["digest"]) or not data:
            expected = bytes(one["digest"]).hex()
            raise blob.mismatch(f"{key} (chunk {number})", expected, actual.hex())
        return data

    def _lost(self, upload: str, number: int, key: str) -> DataError:
        current = self._blobs.find_one({ID: key})
        if current is None or current["upload"] != upload:
            return DataError("SnapshotExpired", f"blob {key!r} was replaced while it was read")
        return DataError("DigestMismatch", f"blob {key}: its chunk {number} is missing")

    def list(self, prefix: str) -> list[BlobInfo]:
        """Blobs whose key starts with `prefix`, sorted by key."""
        found: list[BlobInfo] = []
        with self._connection.speak(f"blobs {prefix}"):
            for one in self._blobs.find({ID: {"$gte": prefix}}).sort(ID, 1):
                if not one[ID].startswith(prefix):
                    break
                found.append(BlobInfo(one[ID], int(one["size"]), one["digest"]))
        return found

    def delete(self, key: str) -> None:
        """Removes the blob and its chunks; both or, after a kill, the chunks by a later put."""
        with self._connection.speak(f"blob {key}"):
            old = self._blobs.find_one({ID: key})
            if old is None:
                return
            note = uuid.uuid4().hex
            self._uploads.insert_one(
                {ID: note, "key": key, "created": time.time(), "replaces": old["upload"]}
            )
            self._blobs.delete_one({ID: key, "upload": old["upload"]})
            self._settle(note)


def _chunk(upload: str, number: int) -> str:
    return f"{upload}:{number:09d}"
