"""The keys of a table that the adapter made: pages of them, each one document. Used by its writes and scans.

A server tells which documents there are by its query service only, which not every one has. So a key is in a page
before its document is written: a scan that reads all pages misses no row, whoever is killed when. A page belongs to one
writer, is numbered by a counter and compared and set. A key may be in two pages (of writers at the same time, of one
that was killed and came back), or have no document: scans take each once, and leave the others out.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any

import orjson
from couchbase.options import DeltaValue, SignedInt64

from forebay_workloads.errors import RetryableError
from forebay_workloads.stores.couchbase_connection import JSON, Connection, names_only
from forebay_workloads.stores.couchbase_errors import CHANGED, EXISTS, MISSING
from forebay_workloads.stores.couchbase_names import Place

PAGE_KEYS = 500
PAGES_AT_ONCE = 50
PART_KEYS = 500_000  # that a scan holds in memory at once, to take each key once
ATTEMPTS = 5  # at a page, each a new one


class Page:
    """The one that this process fills."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.drop()

    def drop(self) -> None:
        """Begins a new one with the next key: what is in the old one stays."""
        self.turn()
        self.keys: list[str] = []

    def turn(self) -> None:
        """Begins a new one with the same keys: somebody changed the old one, or took it away."""
        self.number, self.cas = 0, 0


class Index:
    """The keys of all tables."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pages: dict[str, Page] = {}
        self._lock = threading.Lock()

    def add(self, home: Place, table: str, keys: Sequence[str]) -> None:
        """Returns when all of them are in a page. `home`: where the adapter's own documents of that table lie."""
        with self._lock:
            page = self._pages.setdefault(table, Page())
        with page.lock:
            rest = list(keys)
            while rest:
                room = PAGE_KEYS - len(page.keys)
                self._extend(home, table, page, rest[:room])
                rest = rest[room:]
                if len(page.keys) >= PAGE_KEYS:
                    page.drop()

    def _extend(self, home: Place, table: str, page: Page, keys: Sequence[str]) -> None:
        """A write whose outcome is unknown may come late: it cannot undo another, as each page is compared and set."""
        for _ in range(ATTEMPTS):
            if not page.number:
                page.number = self._next(home, table)
            data = orjson.dumps([*page.keys, *keys])
            try:
                cas = self._connection.patiently(
                    partial(self._put, home, table, page, data), "its keys"
                )
            except BaseException:
                page.drop()
                raise
            if cas:
                page.cas = cas
                page.keys += keys
                return
            page.turn()
        message = f"{self._connection.where}: the page of a table's keys keeps being changed"
        raise RetryableError("StoreThrottled", message)

    def _put(self, home: Place, table: str, page: Page, data: bytes) -> int:
        """The page's new mark; 0 when it is not as we left it."""
        collection = self._connection.collection(home)
        name = f"{home.prefix}{_page(table, page.number)}"
        options: dict[str, Any] = {"transcoder": JSON, **self._connection.durable()}
        try:
            if page.cas:
                return int(collection.replace(name, data, cas=page.cas, **options).cas)
            return int(collection.insert(name, data, **options).cas)
        except (CHANGED, EXISTS, MISSING):
            return 0

    def _next(self, home: Place, table: str) -> int:
        def count() -> int:
            binary = self._connection.collection(home).binary()
            options = {"initial": SignedInt64(1), "delta": DeltaValue(1)}
            found = binary.increment(
                f"{home.prefix}{_count(table)}", **options, **self._connection.durable()
            )
            return int(found.content)

        return self._connection.patiently(count, "its pages of keys")

    def pages(self, home: Place, table: str) -> int:
        """How many pages were begun."""
        name = _count(table)
        found = self._connection.many(home, "get", {name: b""}, "its pages of keys")
        return int(found.done.get(name, b"0"))

    def keys(self, home: Place, table: str, pages: int, part: int, of: int) -> Iterator[str]:
        """Each key of one of so many parts, once, in the order of the pages; at most PART_KEYS in memory."""
        rounds = max(1, -(-pages * PAGE_KEYS // (of * PART_KEYS)))
        for turn in range(rounds):
            seen: set[str] = set()
            for key in self._all(home, table, pages):
                if number(key) % (of * rounds) == part + of * turn and key not in seen:
                    seen.add(key)
                    yield key

    def _all(self, home: Place, table: str, pages: int) -> Iterator[str]:
        for first in range(1, pages + 1, PAGES_AT_ONCE):
            some = range(first, min(first + PAGES_AT_ONCE, pages + 1))
            names = [_page(table, number) for number in some]
            found = self._connection.many(home, "get", names_only(names), "its keys")
            for name in names:  # one that its writer never wrote has no rows
                yield from orjson.loads(found.done.get(name, b"[]"))


def number(key: str) -> int:
    """The same for a key in every process."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")


def _count(table: str) -> str:
    return f"keys/{table}"


def _page(table: str, page: int) -> str:
    return f"keys/{table}/{page:09}"
