"""The adapter's own table: notes of the tables that it made, blobs and their chunks, each one cell of a row.

Used by `hbase_catalog.py` and `hbase_blob.py`. One cell, because a gateway can compare and set one only. It is made for
the first table or blob; while it is not there nothing is noted.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from forebay_workloads.errors import ConfigError, RetryableError
from forebay_workloads.stores.hbase_connection import Connection
from forebay_workloads.stores.hbase_errors import idl

NAME = "forebay_store"  # behind the DataStore's prefix
FAMILY = b"f"
CELL = b"f:v"
PAGE = 100
GONE = b"-"  # of a row that was taken away: a delete would take what is written in the same millisecond


def create(connection: Connection, target: bytes) -> None:
    """Makes a table with our family; no error when another was first."""
    family = idl.ColumnDescriptor(name=FAMILY + b":", maxVersions=1)
    try:
        connection.call("createTable", target, [family], what=f"table {target.decode()!r}")
    except RetryableError as error:
        if not isinstance(error.__cause__, idl.AlreadyExists):
            raise


def exists(connection: Connection, target: bytes, end: float | None = None) -> bool:
    """Whether there is a table of that name."""
    names: Sequence[bytes] = connection.call("getTableNames", end=end)
    return target in names


class Own:
    """Bytes by name."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.table = f"{connection.prefix}{NAME}".encode()
        self._there = False
        self._lock = threading.Lock()

    def ready(self) -> None:
        """Makes the table when it is missing."""
        with self._lock:
            if not self._there and not exists(self._connection, self.table):
                create(self._connection, self.table)
            self._there = True

    def get(self, name: bytes, end: float | None = None) -> bytes | None:
        """What stands there."""
        try:
            found = self._connection.call(
                "getRowsWithColumns", self.table, [name], [CELL], {}, what=_shown(name), end=end
            )
        except ConfigError as error:
            if error.reason != "ReferenceMissing":
                raise
            return None
        value: bytes | None = found[0].columns[CELL].value if found else None
        return None if value == GONE else value

    def put(self, name: bytes, value: bytes) -> None:
        """Keeps it."""
        change = idl.Mutation(column=CELL, value=value)
        self._connection.call("mutateRow", self.table, name, [change], {}, what=_shown(name))

    def swap(self, name: bytes, old: bytes | None, new: bytes | None) -> bool:
        """Puts `new` there if `old` is there still, in one step; whether it was so. None: nothing."""
        change = idl.Mutation(column=CELL, value=GONE if new is None else new)
        for before in (None, GONE) if old is None else (old,):
            done: bool = self._connection.call(
                "checkAndPut", self.table, name, CELL, before, change, {}, what=_shown(name)
            )
            if done or self.get(name) == new:  # its answer may have been lost
                return True
        return False

    def delete(self, name: bytes) -> None:
        """Removes the row: only of names that are never used again."""
        self._connection.call("deleteAllRow", self.table, name, {}, what=_shown(name))

    def list(self, prefix: bytes, *, values: bool = True) -> Iterator[tuple[bytes, bytes]]:
        """Names and what stands there, sorted; without `values`, names only."""
        start = prefix
        only = None if values else b"KeyOnlyFilter()"
        while True:
            scan = idl.TScan(
                startRow=start, stopRow=after(prefix), columns=[CELL], filterString=only
            )
            page = self._page(scan)
            for row in page:
                cell = row.columns[CELL].value
                if cell != GONE:
                    yield row.row, cell
            if len(page) < PAGE:
                return
            start = page[-1].row + b"\0"

    def _page(self, scan: Any) -> Sequence[Any]:
        try:
            return self._connection.use(lambda ask: some(ask, self.table, scan, PAGE))
        except ConfigError as error:
            if error.reason != "ReferenceMissing":
                raise
            return []


def some(ask: Any, target: bytes, scan: Any, rows: int) -> Sequence[Any]:
    """The first rows of a scan, by one gateway: it alone knows the scanner."""
    number = ask.scannerOpenWithScan(target, scan, {})
    try:
        found: Sequence[Any] = ask.scannerGetList(number, rows)
    finally:
        ask.scannerClose(number)
    return found


def after(prefix: bytes) -> bytes:
    """The first name behind all that begin with the prefix; empty, where there is none."""
    bare = prefix.rstrip(b"\xff")
    return bare[:-1] + bytes([bare[-1] + 1]) if bare else b""


def _shown(name: bytes) -> str:
    return name.decode(errors="replace")[:200]
