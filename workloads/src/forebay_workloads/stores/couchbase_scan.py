"""Reads a table in parts: names of documents, from its keys or the query service, then the documents by name.

Used by `couchbase.py`. One page is decoded while the next one is on its way; a page holds about PAGE_BYTES: how many
documents that is follows from those already seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pyarrow as pa

from forebay_workloads.errors import ConfigError
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import Snapshot, Split
from forebay_workloads.stores.couchbase_catalog import Catalog, TableInfo
from forebay_workloads.stores.couchbase_connection import Connection, names_only
from forebay_workloads.stores.couchbase_index import Index
from forebay_workloads.stores.couchbase_query import Names
from forebay_workloads.stores.couchbase_values import Named, batch_of, parsed

PAGE_BYTES = 4 << 20
FIRST_ROWS = 100  # of the first page, when nothing is known of the documents' size
PAGE_ROWS = 10_000

Raw = list[tuple[str, bytes]]


class Scans:
    """Snapshots, splits and scans."""

    def __init__(
        self, connection: Connection, catalog: Catalog, index: Index, names: Names
    ) -> None:
        self._connection = connection
        self._catalog = catalog
        self._index = index
        self._names = names

    def snapshot(self, table: str) -> Snapshot:
        """Names the table by its number. Couchbase has no pin: a scan sees what is there when it comes by."""
        info = self._catalog.info(table)
        if info.own:
            pages = self._index.pages(info.home, info.id)
            at = {"table": info.id, "pages": pages}
            return Snapshot(table, "None", rows=None if pages else 0, at=at)
        if info.unlisted:
            message = (
                f"table {table!r} cannot be scanned, as nobody names its documents: {info.unlisted}"
            )
            raise ConfigError("FieldNotSupportedInMode", message)
        return Snapshot(table, "None", rows=0 if info.empty else None, at={"table": ""})

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Keys by chance, or ranges of names where somebody else wrote the documents."""
        number = 1 if snapshot.rows == 0 else max(1, count)
        if snapshot.at["table"]:
            return [Split(snapshot, part, number, {"part": part}) for part in range(number)]
        info = self._catalog.remembered(snapshot.table)
        borders = self._names.borders(info.place, number) if number > 1 else []
        starts: list[str | None] = [None, *borders]
        stops: list[str | None] = [*borders, None]
        return [
            Split(snapshot, index, len(starts), {"from": start, "to": stop})
            for index, (start, stop) in enumerate(zip(starts, stops, strict=True))
        ]

    def scan(
        self, split: Split, columns: Sequence[str] | None, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """The part's rows, a batch for each page."""
        info = self._catalog.info(split.snapshot.table)
        if info.id != split.snapshot.at["table"]:
            raise checks.expired(f"table {info.name!r}", "it was dropped and made again")
        schema = checks.selected(info.name, info.schema, columns)
        for raw in self._pages(info, self._keys(info, split), batch_rows):
            found: list[Named] = [(name, parsed(name, data, info.name)) for name, data in raw]
            if found:
                yield batch_of(found, schema, info.name, own=info.own)

    def _keys(self, info: TableInfo, split: Split) -> Iterator[str]:
        if info.own:
            pages = int(split.snapshot.at["pages"])
            part = int(split.at["part"])
            return self._index.keys(info.home, info.id, pages, part, split.count)
        return self._names.between(info.place, split.at["from"], split.at["to"])

    def _pages(self, info: TableInfo, keys: Iterator[str], most: int) -> Iterator[Raw]:
        rows = min(FIRST_ROWS, most)
        with ThreadPoolExecutor(1, "couchbase-scan") as ahead:
            pending = ahead.submit(self._page, info, keys, rows)
            while True:
                names, found = pending.result()
                if not names:
                    return
                rows = wished(found, rows, most)
                pending = ahead.submit(self._page, info, keys, rows)
                yield found

    def _page(self, info: TableInfo, keys: Iterator[str], rows: int) -> tuple[list[str], Raw]:
        """Some names, and the documents that are there."""
        names = list(islice(keys, rows))
        if not names:
            return [], []
        what = f"table {info.name!r}"
        found = self._connection.many(info.place, "get", names_only(names), what).done
        return names, [(name, found[name]) for name in names if name in found]


def wished(found: Raw, rows: int, most: int) -> int:
    """How many documents make a page of PAGE_BYTES, by one that was seen; as many as before, where none was. Pure."""
    size = sum(len(data) for _, data in found)
    if not size:
        return rows
    return max(1, min(PAGE_ROWS, most, PAGE_BYTES * len(found) // size))
