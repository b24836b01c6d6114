"""Rows of the embedded store that end by themselves: a column of its own says when. Used by `embedded_table.py`.

A table gets the column, and an index over it, with its first row that ends; no other table pays for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import pyarrow as pa

from forebay_workloads.codecs import cells
from forebay_workloads.stores.sqlite import quote

ENDS = "_forebay_ends"  # seconds since 1970; null: never


def index_of(table: str) -> str:
    """The index by which rows that are due are found; where it is, the column is."""
    return f"{ENDS} {table}"


def prepare(connection: sqlite3.Connection, table: str) -> None:
    """Adds column and index."""
    connection.execute(f"ALTER TABLE {quote(table)} ADD COLUMN {ENDS} REAL")
    connection.execute(
        f"CREATE INDEX {quote(index_of(table))} ON {quote(table)} ({ENDS}) WHERE {ENDS} IS NOT NULL"
    )


def renew(
    connection: sqlite3.Connection,
    table: str,
    key: Sequence[str],
    rows: pa.RecordBatch,
    end: float | None,
) -> None:
    """These rows end then, or never."""
    where = " AND ".join(f"{quote(name)} = ?" for name in key)
    keys = (cells.to_cells(rows.column(name)) for name in key)
    connection.executemany(
        f"UPDATE {quote(table)} SET {ENDS} = ? WHERE {where}",  # noqa: S608 - quoted
        ((end, *one) for one in zip(*keys, strict=True)),
    )


def due(connection: sqlite3.Connection, table: str, now: float) -> bool:
    """Whether a row is past its end."""
    sql = f"SELECT EXISTS (SELECT 1 FROM {quote(table)} WHERE {ENDS} <= ?)"  # noqa: S608 - quoted
    return bool(connection.execute(sql, (now,)).fetchone()[0])


def sweep(connection: sqlite3.Connection, table: str, now: float) -> int:
    """Removes the rows that are past their end; how many they were."""
    sql = f"DELETE FROM {quote(table)} WHERE {ENDS} <= ?"  # noqa: S608 - quoted
    return connection.execute(sql, (now,)).rowcount
