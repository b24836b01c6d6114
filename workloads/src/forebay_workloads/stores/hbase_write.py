"""Upserts: Arrow rows → mutations of rows, some hundred in a request.

Used by `hbase.py`. The same batch twice leaves the same rows, so a request whose outcome is unknown may be sent again.
A null is an empty cell, never a delete: that would take what is written in the same millisecond. When a request is
refused its rows go one by one, and those refused are named.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pyarrow as pa

from forebay_workloads.errors import DataError, RetryableError, StageError
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import WriteReport
from forebay_workloads.stores.hbase_catalog import Catalog, TableInfo
from forebay_workloads.stores.hbase_cells import NULL, Cell, encoded
from forebay_workloads.stores.hbase_connection import Connection
from forebay_workloads.stores.hbase_errors import idl, said
from forebay_workloads.stores.hbase_keys import Bad, names_of
from forebay_workloads.stores.hbase_names import ROW
from forebay_workloads.stores.known import holding
from forebay_workloads.stores.rows import upserted

REQUEST_ROWS, REQUEST_BYTES = 500, 1 << 20
AT_ONCE = 4  # requests in flight

Attributes = Mapping[bytes, bytes]  # of a mutation


class Writes:
    """Writes batches into tables."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog

    def write(
        self,
        table: str,
        batch: pa.RecordBatch,
        key: Sequence[str],
        *,
        merge: bool,
        ttl: float | None = None,
    ) -> WriteReport:
        """Upserts by key; rows without a whole key, or that do not fit, are named."""
        info = holding(self._catalog, table, batch.schema)
        info.checked_key(key)
        if merge:
            info = self._catalog.widen(info, batch.schema)
        checks.known_columns(table, batch.schema, info.schema)
        put = partial(self._put, info, told=attributes(ttl))
        try:
            return upserted(batch, info.schema, info.key, put, merge=merge)
        except StageError:
            self._catalog.forget(table)
            raise

    def _put(self, info: TableInfo, rows: pa.RecordBatch, told: Attributes) -> Bad:
        """Row → why it is not in, for each that is not."""
        names, bad = names_of([rows.column(name) for name in info.key])
        last = {name: row for row, name in enumerate(names) if row not in bad}
        cells = cells_of(info, rows)
        failed: Bad = {}
        most = min(AT_ONCE, self._connection.concurrency)
        with ThreadPoolExecutor(most, "hbase-write") as pool:
            requests = list(parted(names, cells, sorted(last.values())))
            for one in pool.map(lambda some: self._send(info, names, cells, some, told), requests):
                failed |= one
        for row, name in enumerate(names):
            if row not in bad and last[name] in failed:
                bad[row] = failed[last[name]]
        return bad

    def _send(
        self,
        info: TableInfo,
        names: Sequence[bytes],
        cells: Mapping[bytes, Sequence[Cell]],
        rows: Sequence[int],
        told: Attributes,
    ) -> Bad:
        what = f"table {info.name!r}"
        changes = [
            idl.BatchMutation(row=names[row], mutations=mutations(cells, row)) for row in rows
        ]

        def mutate(ask: Any) -> None:
            ask.mutateRows(info.target, changes, told)

        try:
            try:
                self._connection.use(mutate, what, patience=2)
            except RetryableError:
                self._catalog.info(
                    info.name
                )  # of a table that is gone the gateway says only that it failed
                self._connection.use(mutate, what)
        except DataError as error:
            if len(rows) == 1:
                return {rows[0]: f"refused by the server: {said(error.__cause__ or error)}"}
        else:
            return {}
        bad: Bad = {}
        for row in rows:
            bad |= self._send(info, names, cells, [row], told)
        return bad


def attributes(ttl: float | None) -> Attributes:
    """What tells the server when the cells of a mutation end, in milliseconds from its write. Pure."""
    return {} if ttl is None else {b"_ttl": struct.pack(">q", math.ceil(ttl * 1000))}


def cells_of(info: TableInfo, rows: pa.RecordBatch) -> dict[bytes, Sequence[Cell]]:
    """The cells of each column; None where a cell of somebody else's goes. Pure."""
    found: dict[bytes, Sequence[Cell]] = {}
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        if info.own:
            found[info.cell(name)] = encoded(column)
        elif name != ROW:
            found[info.cell(name)] = column.cast(pa.binary()).to_pylist()
    return found


def mutations(cells: Mapping[bytes, Sequence[Cell]], row: int) -> list[Any]:
    """What changes in a row. Pure."""
    return [
        idl.Mutation(column=cell, isDelete=True)
        if values[row] is None
        else idl.Mutation(column=cell, value=values[row])
        for cell, values in cells.items()
    ]


def parted(
    names: Sequence[bytes], cells: Mapping[bytes, Sequence[Cell]], rows: Sequence[int]
) -> Iterator[list[int]]:
    """Rows of one request: at most REQUEST_ROWS and about REQUEST_BYTES. Pure."""
    some: list[int] = []
    size = 0
    for row in rows:
        more = len(names[row]) + sum(len(values[row] or NULL) for values in cells.values())
        if some and (len(some) == REQUEST_ROWS or size + more > REQUEST_BYTES):
            yield some
            some, size = [], 0
        some.append(row)
        size += more
    if some:
        yield some
