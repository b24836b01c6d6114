"""Blobs as items of the adapter's own table: one of each chunk, one that names the blob.

Used by `dynamodb.py`; `chunks.py` has the order of steps. An item holds 400 KB, so a chunk is 350 KiB.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator

from forebay_workloads.errors import ConfigError
from forebay_workloads.stores.chunks import Entry, Note
from forebay_workloads.stores.dynamodb_connection import Connection
from forebay_workloads.stores.dynamodb_own import KEY, Own
from forebay_workloads.stores.dynamodb_values import Item, Value

BLOB, UPLOAD = "blob", "upload"
CHUNK_BYTES = 350 << 10
NAME_BYTES = 1024  # of what sorts items


class DynamoShelf:
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
        if len(key.encode()) > NAME_BYTES:
            return None
        found = self._own.get(BLOB, key)
        return _entry(found) if found else None

    def entries(self, prefix: str) -> Iterator[Entry]:
        """By key; the order of its bytes is that of its characters."""
        if len(prefix.encode()) <= NAME_BYTES:
            yield from map(_entry, self._own.list(BLOB, prefix))

    def publish(self, entry: Entry) -> Entry | None:
        """One item."""
        item: dict[str, Value] = {
            "upload": {"S": entry.upload},
            "size": {"N": str(entry.size)},
            "digest": {"S": entry.digest},
        }
        old = self._own.put(BLOB, entry.key, item)
        return _entry({**old, KEY: {"S": entry.key}}) if old else None

    def remove(self, entry: Entry) -> None:
        """Unless it was replaced."""
        self._own.delete_if(BLOB, entry.key, "upload", {"S": entry.upload})

    def note(self, note: Note) -> None:
        """One item."""
        if len(note.key.encode()) > NAME_BYTES:
            message = f"{note.key[:80]!r} is no blob key here: DynamoDB takes {NAME_BYTES} bytes"
            raise ConfigError("ReferenceMissing", message)
        item: dict[str, Value] = {
            "key": {"S": note.key},
            "created": {"N": str(int(note.created))},
            "replaces": {"S": note.replaces},
        }
        self._own.put(UPLOAD, note.upload, item)

    def notes(self) -> Iterator[Note]:
        """All there are."""
        for item in self._own.list(UPLOAD):
            created = float(item["created"]["N"])
            yield Note(item[KEY]["S"], item["key"]["S"], created, item["replaces"]["S"])

    def forget(self, upload: str) -> None:
        """Its note."""
        self._own.delete(UPLOAD, upload)

    def put_chunk(self, upload: str, number: int, digest: bytes, data: bytes) -> None:
        """One item."""
        item: dict[str, Value] = {
            "digest": {"B": b64encode(digest).decode()},
            "data": {"B": b64encode(data).decode()},
        }
        self._own.put(_chunks(upload), f"{number:09}", item)

    def chunk(self, upload: str, number: int) -> tuple[bytes, bytes] | None:
        """Digest and bytes."""
        found = self._own.get(_chunks(upload), f"{number:09}")
        if found is None:
            return None
        return b64decode(found["digest"]["B"]), b64decode(found["data"]["B"])

    def drop(self, upload: str) -> None:
        """One item after the other: their names are read without their data."""
        for item in list(self._own.list(_chunks(upload), names=[KEY])):
            self._own.delete(_chunks(upload), item[KEY]["S"])


def _chunks(upload: str) -> str:
    return f"chunk {upload}"


def _entry(item: Item) -> Entry:
    return Entry(item[KEY]["S"], item["upload"]["S"], int(item["size"]["N"]), item["digest"]["S"])
