"""The adapter's own documents: lists of the tables that it made, of blobs and of uploads, and the blobs' chunks.

Used by `couchbase_catalog.py` and `couchbase_blob.py`. They lie in the collection `forebay_store` of a scope, made
for its first table or blob. A list is one document that is compared and set, because a server without its
query service cannot tell which documents there are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import orjson

from forebay_workloads.errors import ConfigError, RetryableError
from forebay_workloads.stores.couchbase_connection import JSON, Connection
from forebay_workloads.stores.couchbase_errors import ALREADY, CHANGED, EXISTS, MISSING
from forebay_workloads.stores.couchbase_names import OWN, Place, without_collections
from forebay_workloads.stores.pauses import pauses

Entries = dict[str, Any]

SWAPS = 30  # attempts, while others change the same list
READY_SECONDS = 30.0  # until a new collection can be used


def make(connection: Connection, scope: str, collection: str) -> None:
    """The collection, and its scope; no error when another was first. Waits until it can be used."""
    manager = connection.bucket.collections()
    there = connection.scopes()
    if scope not in there:
        _unless_there(connection, lambda: manager.create_scope(scope), f"scope {scope!r}")
    if collection not in there.get(scope, ()):
        what = f"collection {scope}.{collection}"
        _unless_there(connection, lambda: manager.create_collection(scope, collection), what)
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            connection.many(Place(scope, collection), "get", {"-": b""}, end=end)
        except (ConfigError, RetryableError):
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


def _unless_there(connection: Connection, work: Callable[[], Any], what: str) -> None:
    def once() -> None:
        with suppress(*ALREADY):
            work()

    connection.patiently(once, what)


def home(connection: Connection, scope: str) -> Place:
    """Where the adapter's own documents of a scope lie."""
    return Place(scope, OWN) if connection.has_collections else without_collections(scope, OWN)


class Own:
    """Lists by name, and documents of the adapter's own, in one scope."""

    def __init__(self, connection: Connection, scope: str) -> None:
        self._connection = connection
        self._scope = scope
        self._place: Place | None = None
        self._there = False
        self._lock = threading.Lock()

    @property
    def place(self) -> Place:
        """Where they lie."""
        if self._place is None:
            self._place = home(self._connection, self._scope)
        return self._place

    def ready(self) -> None:
        """Makes the collection when it is missing."""
        with self._lock:
            if not self.exists():
                make(self._connection, self.place.scope, self.place.collection)
            self._there = True

    def exists(self) -> bool:
        """Whether there can be anything."""
        if not self._there:
            known = self._connection.scopes().get(self._scope, set())
            self._there = not self._connection.has_collections or OWN in known
        return self._there

    def entries(self, of: str) -> Entries:
        """One list, as it is now."""
        if not self.exists():
            return {}
        found = self._connection.many(self.place, "get", {of: b""}, of)
        entries: Entries = orjson.loads(found.done[of]) if of in found.done else {}
        return entries

    def change(self, of: str, edit: Callable[[Entries], bool]) -> None:
        """Edits a list in one step; `edit` may be called again on a newer one, and says whether to keep what it did."""
        what = f"list of {of}"
        waits = pauses(SWAPS, 1.0)
        while True:
            cas, entries = self._connection.patiently(partial(self._read, of), what)
            if not edit(entries):
                return
            data = orjson.dumps(entries)
            if self._connection.patiently(partial(self._swap, of, data, cas), what):
                return
            if not waits:
                message = f"{self._connection.where}: other writers keep changing the {what}"
                raise RetryableError("StoreThrottled", message)
            time.sleep(waits.pop(0))

    def _read(self, of: str) -> tuple[int, Entries]:
        collection = self._connection.collection(self.place)
        try:
            found = collection.get(f"{self.place.prefix}{of}", transcoder=JSON)
        except MISSING:
            return 0, {}
        return int(found.cas), orjson.loads(found.value)

    def _swap(self, of: str, data: bytes, cas: int) -> bool:
        """Whether it was still as it was read."""
        collection, name = self._connection.collection(self.place), f"{self.place.prefix}{of}"
        options = {"transcoder": JSON, **self._connection.durable()}
        try:
            if cas:
                collection.replace(name, data, cas=cas, **options)
            else:
                collection.insert(name, data, **options)
        except (CHANGED, EXISTS, MISSING):
            return False
        return True
