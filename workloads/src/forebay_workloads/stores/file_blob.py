"""Blobs of the files store: plain files by their key, each with a hidden file that holds its digest.

Used by `files.py` only. A blob is visible when both are there. While a blob is being replaced the digest
file holds the old and the new digest, so a process killed at any point leaves one of the two whole.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterator
from typing import Any, BinaryIO

from forebay_workloads.errors import ConfigError, DataError, cut
from forebay_workloads.stores import blob
from forebay_workloads.stores.base import BlobInfo
from forebay_workloads.stores.file_tree import Tree

SUFFIX = ".sha256"


class Blobs:
    """Bytes by key below a tree's root."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def put(self, key: str, source: BinaryIO) -> BlobInfo:
        """Stores all of `source`; a reader sees the old blob until the new one is whole."""
        _checked(key)
        self._tree.sweep(key)
        spare = self._tree.spare(key)
        hashed = _Hashed(source)
        try:
            self._tree.fill(spare, hashed.chunks())
            return self._publish(key, spare, hashed)
        except BaseException:
            self._tree.remove(spare)
            raise

    def _publish(self, key: str, spare: str, hashed: _Hashed) -> BlobInfo:
        new = {"digest": hashed.digest(), "size": hashed.size}
        old = self._settled(key)
        if old is not None and old != new:
            self._note(key, {**new, "previous": old})
        else:
            self._note(key, new)
        self._tree.move(spare, key)
        if old is not None and old != new:
            self._note(key, new)
        return BlobInfo(key, hashed.size, hashed.digest())

    def _note(self, key: str, value: dict[str, Any]) -> None:
        self._tree.write(_side(key), [json.dumps(value, sort_keys=True).encode()])

    def _settled(self, key: str) -> dict[str, Any] | None:
        """Digest and size of the blob that is there, or None."""
        side = _side(key)
        if not self._tree.exists(side) or not self._tree.exists(key):
            return None
        try:
            note = json.loads(self._tree.read(side))
            found: dict[str, Any] = {"digest": str(note["digest"]), "size": int(note["size"])}
            previous: dict[str, Any] | None = note.get("previous")
        except (ValueError, KeyError, TypeError) as error:
            message = f"{self._tree.shown(side)} is no digest file: {cut(error)}"
            raise DataError("DigestMismatch", message) from error
        if previous and self._digest(key) == previous["digest"]:
            return previous
        return found

    def _digest(self, key: str) -> str:
        """The digest of what is in the file: only after a writer was killed in its last step."""
        with self._tree.open(key) as file:
            hashed = _Hashed(file)
            for _ in hashed.chunks():
                pass
        return hashed.digest()

    def open(self, key: str) -> BinaryIO:
        """A stream that checks the digest; ConfigError ReferenceMissing when there is no such blob."""
        _checked(key)
        note = self._settled(key)
        if note is None:
            raise ConfigError("ReferenceMissing", f"no blob {key!r} in {self._tree.url}")
        file = self._tree.open(key)
        return blob.verified(blob.read_chunks(file), note["digest"], key, file.close)

    def list(self, prefix: str) -> list[BlobInfo]:
        """Whole blobs whose key starts with `prefix`, sorted by key."""
        found = []
        for path in self._tree.all_files(posixpath.dirname(prefix)):
            folder, name = posixpath.split(path)
            if not (name.startswith(".") and name.endswith(SUFFIX)):
                continue
            key = posixpath.join(folder, name[1 : -len(SUFFIX)])
            if key.startswith(prefix) and (note := self._settled(key)) is not None:
                found.append(BlobInfo(key, note["size"], note["digest"]))
        return sorted(found, key=lambda info: info.key)

    def delete(self, key: str) -> None:
        """Removes the blob: first its digest, so that a half-removed one is not seen; then empty folders."""
        _checked(key)
        self._tree.remove(_side(key))
        self._tree.remove(key)
        self._tree.prune(posixpath.dirname(key))


class _Hashed:
    """Chunks of a stream, and their digest and size when they have been taken."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.size = 0

    def chunks(self) -> Iterator[bytes]:
        for chunk in blob.read_chunks(self._source):
            self._hash.update(chunk)
            self.size += len(chunk)
            yield chunk

    def digest(self) -> str:
        return blob.digest_text(self._hash)


def _side(key: str) -> str:
    folder, name = posixpath.split(key)
    return posixpath.join(folder, f".{name}{SUFFIX}")


def _checked(key: str) -> None:
    blob.checked_key(key)
    if posixpath.basename(key).startswith("."):
        raise ConfigError(
            "ReferenceMissing", f"{key!r}: names that start with a dot are the store's own"
        )
