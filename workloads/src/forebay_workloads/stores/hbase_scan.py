"""Reads a table in ranges of its regions: one page is decoded while the next one is on its way.

Used by `hbase.py`. Memory holds two pages of about PAGE_BYTES: how many rows that is follows from those already seen. A
scanner that its gateway lost is opened again behind the last row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from forebay_workloads.errors import DataError
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import Snapshot, Split
from forebay_workloads.stores.hbase_catalog import Catalog, TableInfo
from forebay_workloads.stores.hbase_cells import Cell, batch_of
from forebay_workloads.stores.hbase_connection import Connection
from forebay_workloads.stores.hbase_errors import idl
from forebay_workloads.stores.hbase_own import some

PAGE_BYTES = 4 << 20
FIRST_ROWS = 200  # of the first page, when nothing is known of the rows' size
PAGE_ROWS = 10_000

Rows = list[tuple[bytes, list[Cell]]]


@dataclass(frozen=True)
class Page:
    """Some rows, not yet decoded."""

    rows: Rows
    size: int  # bytes of their cells
    whole: bool  # as many as were asked for: there may be more


class Scans:
    """Snapshots, splits and scans."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog

    def snapshot(self, table: str) -> Snapshot:
        """Names the table by its number. HBase has no pin: a scan sees what is there when it comes by."""
        info = self._catalog.info(table)
        first = self._connection.use(
            lambda ask: some(ask, info.target, idl.TScan(caching=1), 1), f"table {table!r}"
        )
        return Snapshot(table, "None", rows=None if first else 0, at={"table": info.id})

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Neighbouring regions together, so that there are at most so many parts."""
        info = self._catalog.info(snapshot.table)
        regions = self._connection.call("getTableRegions", info.target)
        starts = [one.startKey or b"" for one in regions]
        parts = ranges(starts, 1 if snapshot.rows == 0 else count)
        return [
            Split(snapshot, index, len(parts), {"from": start.hex(), "to": stop.hex()})
            for index, (start, stop) in enumerate(parts)
        ]

    def scan(
        self, split: Split, columns: Sequence[str] | None, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """The range's rows in the order of their names, a batch for each page."""
        info = self._catalog.info(split.snapshot.table)
        if info.id != split.snapshot.at["table"]:
            raise checks.expired(f"table {info.name!r}", "it was dropped and made again")
        schema = checks.selected(info.name, info.schema, columns)
        for page in self._pages(info, schema, split, batch_rows):
            if page.rows:
                yield batch_of(page.rows, schema, info.name, own=info.own)

    def _pages(self, info: TableInfo, schema: pa.Schema, split: Split, most: int) -> Iterator[Page]:
        start, stop = bytes.fromhex(split.at["from"]), bytes.fromhex(split.at["to"])
        rows = min(FIRST_ROWS, most)
        with ThreadPoolExecutor(1, "hbase-scan") as ahead:
            pending = ahead.submit(self._page, info, schema, start, stop, rows)
            while True:
                page = pending.result()
                if page.whole:
                    rows = wished(page, most)
                    start = page.rows[-1][0] + b"\0"
                    pending = ahead.submit(self._page, info, schema, start, stop, rows)
                yield page
                if not page.whole:
                    return

    def _page(
        self, info: TableInfo, schema: pa.Schema, start: bytes, stop: bytes, rows: int
    ) -> Page:
        """By a scanner of its own, so no state is lost with a gateway."""
        scan = idl.TScan(startRow=start, stopRow=stop, columns=fetched(info, schema), caching=rows)
        found = self._connection.use(
            lambda ask: some(ask, info.target, scan, rows), f"table {info.name!r}"
        )
        cells = [info.cell(name) for name in schema.names]
        taken = [(row.row, taken_of(info, schema, row, cells)) for row in found]
        size = sum(len(cell) for _, row in taken for cell in row if cell)
        return Page(taken, size, whole=len(found) == rows)


def ranges(starts: Sequence[bytes], count: int) -> list[tuple[bytes, bytes]]:
    """At most `count` ranges that cover all rows: neighbouring regions, equally many. Empty: no end. Pure."""
    edges = sorted({b"", *starts})
    number = max(1, min(count, len(edges)))
    firsts = [edges[len(edges) * index // number] for index in range(number)]
    return list(zip(firsts, [*firsts[1:], b""], strict=True))


def wished(page: Page, most: int) -> int:
    """How many rows make a page of PAGE_BYTES, by one that was seen."""
    return max(1, min(PAGE_ROWS, most, PAGE_BYTES * len(page.rows) // max(1, page.size)))


def fetched(info: TableInfo, schema: pa.Schema) -> list[bytes] | None:
    """The cells to send. A row that has none of them would not come: so of ours also one that each row has.

    Of somebody else's table all of them.
    """
    if not info.own or len(schema) == len(info.schema):
        return None
    return [info.cell(name) for name in dict.fromkeys([info.key[0], *schema.names])]


def taken_of(info: TableInfo, schema: pa.Schema, row: Any, cells: Sequence[bytes]) -> list[Cell]:
    """The cells of a row in the order of the columns; None where there is none."""
    there = row.columns
    found: list[Cell] = [there[cell].value if cell in there else None for cell in cells]
    if not info.own and info.key[0] in schema.names:
        found[schema.names.index(info.key[0])] = row.row
    if info.own and not there:
        raise DataError("SchemaMismatch", f"table {info.name!r}: a row without cells")
    return found
