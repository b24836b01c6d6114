"""Tables of the embedded store: Arrow columns in SQLite columns, upsert by key, scans by row number.

Used by `embedded.py` only. Rows are numbered in the order of their first write and removed only when they are
past their ttl, so a range of numbers is a part of the table that stays the same; `changed` counts what happens
to rows that are there already, and a scan of an older count refuses.
"""

from __future__ import annotations

import base64
import itertools
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
from pyarrow import ipc

from forebay_workloads.codecs import cells
from forebay_workloads.codecs.fit import columns_text
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores import checks, embedded_ends
from forebay_workloads.stores.base import Row, Snapshot, Split, WriteReport
from forebay_workloads.stores.embedded_ends import ENDS
from forebay_workloads.stores.rows import upserted
from forebay_workloads.stores.sqlite import Database, quote

ROW = "_forebay_row"  # the column that numbers the rows: 1, 2, 3 …
COLUMN_LIMIT = 1_900  # SQLite's own limit is 2,000

SETUP = (
    """CREATE TABLE IF NOT EXISTS _forebay_tables (
        name TEXT PRIMARY KEY, id TEXT NOT NULL, schema TEXT NOT NULL, key TEXT NOT NULL,
        rows INTEGER NOT NULL DEFAULT 0, changed INTEGER NOT NULL DEFAULT 0)""",
)


@dataclass(frozen=True)
class TableInfo:
    """What the store knows of a table without reading it."""

    name: str
    id: str
    schema: pa.Schema
    key: list[str]
    rows: int  # the number of the last one
    changed: int
    ends: bool  # whether it has rows that end, or had


class Tables:
    """Typed tables in a Database."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    def info(self, table: str) -> TableInfo:
        """The table's description; ConfigError ReferenceMissing when there is none of that name."""
        with self._database.read() as connection:
            return self._info(connection, table)

    def _info(self, connection: sqlite3.Connection, table: str) -> TableInfo:
        found = _find(connection, table)
        if found is None:
            names = connection.execute("SELECT name FROM _forebay_tables ORDER BY name LIMIT 20")
            known = ", ".join(name for (name,) in names) or "none"
            path = self._database.path
            raise ConfigError("ReferenceMissing", f"{path}: no table {table!r} (tables: {known})")
        return found

    def ensure(self, table: str, schema: pa.Schema, key: list[str]) -> None:
        """Creates the table, or checks that it has these columns and this key."""
        schema = cells.plain_schema(schema)
        checks.key_in_schema(table, schema, key)
        with self._database.write() as connection:
            found = _find(connection, table)
            if found is None:
                self._create(connection, table, schema, key)
            else:
                checks.same_table(table, schema, key, found.schema, found.key)

    def _create(
        self, connection: sqlite3.Connection, table: str, schema: pa.Schema, key: list[str]
    ) -> None:
        _check_names(table, schema)
        taken = connection.execute(
            "SELECT name FROM _forebay_tables WHERE lower(name) = lower(?)", (table,)
        )
        if (other := taken.fetchone()) is not None:
            message = f"table {table!r} and {other[0]!r} differ by case only; the embedded store needs more"
            raise ConfigError("SchemaMismatch", message)
        columns = [f"{ROW} INTEGER PRIMARY KEY", *(_column(table, field) for field in schema)]
        unique = f"UNIQUE ({', '.join(map(quote, key))})"
        connection.execute(f"CREATE TABLE {quote(table)} ({', '.join([*columns, unique])})")
        connection.execute(
            "INSERT INTO _forebay_tables (name, id, schema, key) VALUES (?, ?, ?, ?)",
            (table, uuid.uuid4().hex, _pack(schema), json.dumps(key)),
        )

    def snapshot(self, table: str) -> Snapshot:
        """Pins the rows that are there now; those that are past their end go before."""
        with self._database.read() as connection:
            info = self._info(connection, table)
            due = info.ends and embedded_ends.due(connection, table, self._now())
        if due:
            with self._database.write() as connection:
                self._swept(connection, self._info(connection, table))
        with self._database.read() as connection:
            info = self._info(connection, table)
            rows, first = _extent(connection, table) if info.ends else (info.rows, 1)
        at = {"table": info.id, "after": first - 1, "rows": info.rows, "changed": info.changed}
        return Snapshot(table, "Pinned", rows=rows, at=at)

    def _swept(self, connection: sqlite3.Connection, info: TableInfo) -> TableInfo:
        """The table without the rows that are past their end."""
        if not info.ends or not embedded_ends.sweep(connection, info.name, self._now()):
            return info
        connection.execute(
            "UPDATE _forebay_tables SET rows = ?, changed = changed + 1 WHERE name = ?",
            (_last(connection, info.name), info.name),
        )
        return self._info(connection, info.name)

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Ranges of equally many rows."""
        first, rows = int(snapshot.at["after"]), int(snapshot.at["rows"])
        parts = max(1, min(count, rows - first))
        ends = [first + (rows - first) * index // parts for index in range(parts + 1)]
        ranges = itertools.pairwise(ends)
        return [Split(snapshot, i, parts, {"after": a, "to": b}) for i, (a, b) in enumerate(ranges)]

    def scan(
        self, split: Split, columns: Sequence[str] | None, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """One page of rows per batch; each page is checked against the snapshot in its own transaction."""
        schema = checks.selected(
            split.snapshot.table, self.info(split.snapshot.table).schema, columns
        )
        after, end = int(split.at["after"]), int(split.at["to"])
        while after < end:
            to = min(end, after + batch_rows)
            yield _batch(self._page(split.snapshot, schema, after, to), schema)
            after = to

    def _page(
        self, snapshot: Snapshot, schema: pa.Schema, after: int, to: int
    ) -> list[tuple[Any, ...]]:
        names = ", ".join(map(quote, schema.names))
        with self._database.read() as connection:
            info = self._info(connection, snapshot.table)
            if (info.id, info.changed) != (snapshot.at["table"], snapshot.at["changed"]):
                raise checks.expired(f"table {snapshot.table!r}", "rows of it were changed")
            return connection.execute(
                f"SELECT {names} FROM {quote(snapshot.table)}"  # noqa: S608 - quoted identifiers
                f" WHERE {ROW} > ? AND {ROW} <= ? ORDER BY {ROW}",
                (after, to),
            ).fetchall()

    def write(
        self, table: str, batch: pa.RecordBatch, key: list[str], *, merge: bool, ttl: float | None
    ) -> WriteReport:
        """Upserts in one transaction; rows that cannot be kept are named, the others are."""
        with self._database.write() as connection:
            info = self._swept(connection, self._info(connection, table))
            checks.same_key(table, key, info.key)
            if merge:
                info = self._widen(connection, info, batch.schema)
            checks.known_columns(table, batch.schema, info.schema)
            put = partial(self._put, connection, info, merge=merge, ttl=ttl)
            return upserted(batch, info.schema, info.key, put, merge=merge, held=_held)

    def _put(
        self,
        connection: sqlite3.Connection,
        info: TableInfo,
        rows: pa.RecordBatch,
        *,
        merge: bool,
        ttl: float | None,
    ) -> dict[int, str]:
        """Those that could not be kept are left out already."""
        self._upsert(connection, info, rows)
        self._end(connection, info, rows, merge=merge, ttl=ttl)
        return {}

    def _upsert(
        self, connection: sqlite3.Connection, info: TableInfo, rows: pa.RecordBatch
    ) -> None:
        before = connection.total_changes
        values = zip(*(cells.to_cells(column) for column in rows.columns), strict=True)
        connection.executemany(_upsert_sql(info, rows.schema.names), values)
        touched = connection.total_changes - before
        total = _last(connection, info.name)
        # Rows that stay as they are do not count: writing the same batch twice leaves snapshots valid.
        changed = info.changed + (1 if touched > total - info.rows else 0)
        connection.execute(
            "UPDATE _forebay_tables SET rows = ?, changed = ? WHERE name = ?",
            (total, changed, info.name),
        )

    def _end(
        self,
        connection: sqlite3.Connection,
        info: TableInfo,
        rows: pa.RecordBatch,
        *,
        merge: bool,
        ttl: float | None,
    ) -> None:
        """A write says when its rows end; a merge without a ttl leaves that as it is. No change of content."""
        if ttl is not None and not info.ends:
            embedded_ends.prepare(connection, info.name)
        if ttl is not None or (info.ends and not merge):
            end = None if ttl is None else self._now() + ttl
            embedded_ends.renew(connection, info.name, info.key, rows, end)

    def _widen(
        self, connection: sqlite3.Connection, info: TableInfo, schema: pa.Schema
    ) -> TableInfo:
        """Adds the columns that documents bring and the table lacks."""
        known = set(info.schema.names)
        added = [field for field in cells.plain_schema(schema) if field.name not in known]
        if not added:
            return info
        wider = pa.schema([*info.schema, *added])
        _check_names(info.name, wider)
        for field in added:
            column = _column(info.name, field)
            connection.execute(f"ALTER TABLE {quote(info.name)} ADD COLUMN {column}")
        connection.execute(
            "UPDATE _forebay_tables SET schema = ?, changed = changed + 1 WHERE name = ?",
            (_pack(wider), info.name),
        )
        return self._info(connection, info.name)

    def get(
        self, table: str, keys: Sequence[Row], columns: Sequence[str] | None, timeout: float
    ) -> list[dict[str, Any] | None]:
        """One look-up per key in one transaction."""
        with self._database.deadline(timeout) as check, self._database.read() as connection:
            check()
            info = self._info(connection, table)
            schema = checks.selected(table, info.schema, columns)
            wanted = [
                cells.to_cells(c) for c in checks.key_columns(table, info.schema, info.key, keys)
            ]
            where = " AND ".join(f"{quote(name)} = ?" for name in info.key)
            if info.ends:
                where += f" AND ({ENDS} IS NULL OR {ENDS} > {self._now()!r})"
            names = ", ".join(map(quote, schema.names))
            sql = f"SELECT {names} FROM {quote(table)} WHERE {where}"  # noqa: S608 - quoted
            found: list[tuple[Any, ...] | None] = []
            for one in zip(*wanted, strict=True):
                check()
                found.append(connection.execute(sql, one).fetchone())
        rows = iter(_batch([row for row in found if row is not None], schema).to_pylist())
        return [None if row is None else next(rows) for row in found]


def _find(connection: sqlite3.Connection, table: str) -> TableInfo | None:
    row = connection.execute(
        "SELECT id, schema, key, rows, changed,"
        " EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?)"
        " FROM _forebay_tables WHERE name = ?",
        (embedded_ends.index_of(table), table),
    ).fetchone()
    if row is None:
        return None
    number, schema, key, rows, changed, ends = row
    return TableInfo(table, number, _unpack(schema), json.loads(key), rows, changed, bool(ends))


def _last(connection: sqlite3.Connection, table: str) -> int:
    """The number of the last row; 0 where there is none."""
    sql = f"SELECT coalesce(max({ROW}), 0) FROM {quote(table)}"  # noqa: S608 - quoted
    return int(connection.execute(sql).fetchone()[0])


def _extent(connection: sqlite3.Connection, table: str) -> tuple[int, int]:
    """How many rows there are and the number of the first: of a table that lost some they are to be counted."""
    sql = f"SELECT count(*), coalesce(min({ROW}), 1) FROM {quote(table)}"  # noqa: S608 - quoted
    rows, first = connection.execute(sql).fetchone()
    return int(rows), int(first)


def _pack(schema: pa.Schema) -> str:
    return base64.b64encode(schema.serialize().to_pybytes()).decode()


def _unpack(text: str) -> pa.Schema:
    return ipc.read_schema(pa.py_buffer(base64.b64decode(text)))


def _check_names(table: str, schema: pa.Schema) -> None:
    """Refuses what SQLite cannot tell apart."""
    lower = [name.lower() for name in schema.names]
    twice = sorted({name for name in schema.names if lower.count(name.lower()) > 1})
    if twice:
        message = (
            f"table {table!r}: columns {twice} differ by case only; the embedded store needs more"
        )
        raise ConfigError("SchemaMismatch", message)
    if len(lower) > COLUMN_LIMIT:
        message = f"table {table!r}: {len(lower)} columns, the embedded store holds {COLUMN_LIMIT}"
        raise ConfigError("SchemaMismatch", message)
    if {ROW, ENDS} & set(lower) or table.lower().startswith(("_forebay", "sqlite_")):
        message = f"table {table!r}: names that start with _forebay or sqlite_ are the store's own"
        raise ConfigError("SchemaMismatch", message)


def _column(table: str, field: pa.Field) -> str:
    try:
        return f"{quote(field.name)} {cells.affinity(field.type)}"
    except TypeError as error:
        message = f"table {table!r}, column {field.name!r}: {error}; cast it first"
        raise ConfigError("SchemaMismatch", message) from error


def _upsert_sql(info: TableInfo, names: list[str]) -> str:
    table = quote(info.name)
    rest = [quote(name) for name in names if name not in info.key]
    clash = f"ON CONFLICT ({', '.join(map(quote, info.key))}) DO "
    if rest:
        clash += "UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in rest)
        clash += " WHERE " + " OR ".join(f"{table}.{name} IS NOT excluded.{name}" for name in rest)
    else:
        clash += "NOTHING"
    columns = ", ".join(map(quote, names))
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks}) {clash}"  # noqa: S608 - quoted


def _held(kind: pa.DataType) -> pa.DataType:
    """SQLite's numbers have 63 bits and a sign; larger unsigned ones are refused row by row."""
    return pa.int64() if pa.types.is_uint64(kind) else kind


def _batch(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    try:
        arrays = [cells.from_cells(c, f.type) for c, f in zip(columns, schema, strict=True)]
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        message = f"a stored value is not of its column's type ({columns_text(schema)}): {error}"
        raise DataError("SchemaMismatch", message) from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
