"""Blobs as chunks, each with a digest, for stores without large values; visible when all chunks are in.

Used by the adapters, which bring a `Shelf`. A blob is one entry that names its upload, so a reader has the old bytes
or the new ones. What a writer begins is noted before its first chunk; what one that was killed left behind is
removed by a later put.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from forebay_workloads.errors import ConfigError, DataError, StageError
from forebay_workloads.stores import blob
from forebay_workloads.stores.base import BlobInfo

ABANDONED_SECONDS = 86_400  # an upload this old has no writer any more


@dataclass(frozen=True)
class Entry:
    """A blob that is whole."""

    key: str
    upload: str  # begins the names of its chunks
    size: int
    digest: str

    @property
    def info(self) -> BlobInfo:
        """As the contract has it."""
        return BlobInfo(self.key, self.size, self.digest)


@dataclass(frozen=True)
class Note:
    """An upload that is not finished, or not cleaned up."""

    upload: str
    key: str
    created: float
    replaces: str = ""  # another upload whose chunks go when this one is visible


class Shelf(Protocol):
    """Entries, notes and chunks in one store. Every step may be repeated."""

    where: str
    chunk_bytes: int

    def ready(self) -> None:
        """Makes what is needed to write."""

    def entry(self, key: str) -> Entry | None:
        """The blob of that key."""

    def entries(self, prefix: str) -> Iterable[Entry]:
        """Blobs whose key starts with `prefix`, sorted by key."""

    def publish(self, entry: Entry) -> Entry | None:
        """Makes it visible in one step; what it replaced, where the store can say."""

    def remove(self, entry: Entry) -> None:
        """Takes the blob away, if it is still this upload."""

    def note(self, note: Note) -> None:
        """Keeps it, in place of one of that upload."""

    def notes(self) -> Iterable[Note]:
        """All there are."""

    def forget(self, upload: str) -> None:
        """Removes its note."""

    def put_chunk(self, upload: str, number: int, digest: bytes, data: bytes) -> None:
        """Keeps a chunk."""

    def chunk(self, upload: str, number: int) -> tuple[bytes, bytes] | None:
        """Digest and bytes of a chunk."""

    def drop(self, upload: str) -> None:
        """Removes all chunks of an upload."""


class ChunkedBlobs:
    """The contract's blobs on a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def put(self, key: str, source: BinaryIO) -> BlobInfo:
        """Stores all of `source`; a reader sees the old blob until the new one is whole."""
        blob.checked_key(key)
        self._shelf.ready()
        self._clean_up()
        upload = uuid.uuid4().hex
        began = time.time()
        self._shelf.note(Note(upload, key, began))
        try:
            size, digest = self._append(upload, source)
            old = self._shelf.entry(key)
            if old is not None:  # so that a kill after the last step leaves no chunk behind
                self._shelf.note(Note(upload, key, began, old.upload))
            new = Entry(key, upload, size, digest)
            replaced = self._shelf.publish(new)
        except BaseException:
            with suppress(StageError):  # the first error is the one to tell
                self._settle(Note(upload, key, began))
            raise
        if replaced is not None and replaced.upload != upload:
            self._shelf.drop(replaced.upload)
        self._settle(Note(upload, key, began, old.upload if old else ""))
        return new.info

    def _append(self, upload: str, source: BinaryIO) -> tuple[int, str]:
        whole, size = hashlib.sha256(), 0
        for number, chunk in enumerate(blob.read_chunks(source, self._shelf.chunk_bytes)):
            whole.update(chunk)
            size += len(chunk)
            self._shelf.put_chunk(upload, number, hashlib.sha256(chunk).digest(), chunk)
        return size, blob.digest_text(whole)

    def _clean_up(self) -> None:
        before = time.time() - ABANDONED_SECONDS
        for note in list(self._shelf.notes()):
            if note.created < before:
                self._settle(note)

    def _settle(self, note: Note) -> None:
        """Removes the chunks that no blob names, then the note. Also where the last step's outcome is unknown."""
        current = self._shelf.entry(note.key)
        for upload in (note.upload, note.replaces):
            if upload and (current is None or current.upload != upload):
                self._shelf.drop(upload)
        self._shelf.forget(note.upload)

    def open(self, key: str) -> BinaryIO:
        """A stream over the chunks; ConfigError ReferenceMissing when there is no such blob."""
        found = self._shelf.entry(key)
        if found is None:
            raise ConfigError("ReferenceMissing", f"{self._shelf.where}: no blob {key!r}")
        return blob.verified(self._read(found), found.digest, key)

    def _read(self, entry: Entry) -> Iterator[bytes]:
        rest, number = entry.size, 0
        while rest > 0:
            data = self._checked(entry, number)
            rest -= len(data)
            number += 1
            yield data

    def _checked(self, entry: Entry, number: int) -> bytes:
        found = self._shelf.chunk(entry.upload, number)
        if found is None:
            raise self._lost(entry, number)
        digest, data = found
        actual = hashlib.sha256(data).digest()
        if actual != digest or not data:
            raise blob.mismatch(f"{entry.key} (chunk {number})", digest.hex(), actual.hex())
        return data

    def _lost(self, entry: Entry, number: int) -> DataError:
        current = self._shelf.entry(entry.key)
        if current is None or current.upload != entry.upload:
            return DataError(
                "SnapshotExpired", f"blob {entry.key!r} was replaced while it was read"
            )
        return DataError("DigestMismatch", f"blob {entry.key}: its chunk {number} is missing")

    def list(self, prefix: str) -> list[BlobInfo]:
        """Blobs whose key starts with `prefix`, sorted by key."""
        return [entry.info for entry in self._shelf.entries(prefix)]

    def delete(self, key: str) -> None:
        """Removes the blob and its chunks; both or, after a kill, the chunks by a later put."""
        old = self._shelf.entry(key)
        if old is None:
            return
        note = Note(uuid.uuid4().hex, key, time.time(), old.upload)
        self._shelf.note(note)
        self._shelf.remove(old)
        self._settle(note)
