"""Tables as Cassandra's own catalogue describes them; made, checked and widened here and nowhere else.

Used by the Cassandra adapter's reads and writes. What the catalogue says is remembered for online reads and
writes only, and forgotten when the server refuses a statement.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from forebay_workloads.codecs.cells import plain_schema
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores import cassandra_statements as cql
from forebay_workloads.stores import cassandra_types as types
from forebay_workloads.stores import checks
from forebay_workloads.stores.cassandra_codecs import Codec
from forebay_workloads.stores.cassandra_connection import Connection

_WHERE = "WHERE keyspace_name = ? AND table_name = ?"
COLUMNS = f"SELECT column_name, kind, position, type FROM system_schema.columns {_WHERE}"  # noqa: S608
TABLE = f"SELECT id, comment FROM system_schema.tables {_WHERE}"  # noqa: S608 - constants
TABLES = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?"
KEYSPACE = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?"
COPIES = 3  # of each row in a keyspace that we make, where the data centre has so many nodes


@dataclass(frozen=True)
class TableInfo:
    """What the catalogue says of a table."""

    name: str
    target: str  # as CQL text
    id: str
    schema: pa.Schema
    key: list[str]
    partition: list[str]  # the first columns of the key
    cql: Mapping[str, str]
    ours: bool

    def codec(self, name: str) -> Codec:
        """How that column is read and written."""
        return types.codec(self.cql[name], self.schema.field(name).type)


class Catalog:
    """The tables of one keyspace."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, TableInfo] = {}
        self._lock = threading.Lock()

    def info(self, table: str) -> TableInfo:
        """The table as it is now; ConfigError ReferenceMissing when there is none of that name."""
        found = self._find(table)
        if found is None:
            names = [name for (name,) in self._connection.rows(TABLES, [self._connection.keyspace])]
            known = ", ".join(sorted(set(names) - set(cql.OWN))[:20]) or "none"
            message = f"{self._connection.where}: no table {table!r} (tables: {known})"
            raise ConfigError("ReferenceMissing", message)
        self._known[table] = found
        return found

    def remembered(self, table: str) -> TableInfo:
        """The table as it was when it was looked at last."""
        return self._known.get(table) or self.info(table)

    def known(self, table: str) -> TableInfo | None:
        """The same, where nobody has to be asked."""
        return self._known.get(table)

    def forget(self, table: str) -> None:
        """The server refused a statement: the table may have changed."""
        self._known.pop(table, None)
        self._connection.forget()

    def _find(self, table: str) -> TableInfo | None:
        where = [self._connection.keyspace, table]
        rows = self._connection.rows(TABLE, where)
        if not rows or table in cql.OWN:
            return None
        (number, comment) = rows[0]
        described = self._connection.rows(COLUMNS, where)
        return described_table(
            self._connection.keyspace, table, str(number), comment or "", described
        )

    def ensure(self, table: str, schema: pa.Schema, key: list[str]) -> None:
        """Creates the table, and the keyspace for it, or checks that it has these columns and this key."""
        schema = plain_schema(schema)
        checks.key_in_schema(table, schema, key)
        found = self._find(table)
        if found is None:
            self.ensure_keyspace()
            self._create(table, schema, key)
            found = self.info(table)  # another process may have been first, with other columns
        if found.ours:
            checks.same_table(table, schema, key, found.schema, found.key)
        else:
            wished = checks.fitting(schema, found.schema)
            checks.same_table(table, wished, key, found.schema, found.key)
        self._known[table] = found

    def ensure_keyspace(self) -> None:
        """Creates the keyspace when it is missing."""
        keyspace, place = self._connection.keyspace, self._connection.datacenter
        if self._connection.rows(KEYSPACE, [keyspace]):
            return
        hosts = self._connection.cluster.metadata.all_hosts()
        nodes = sum(host.datacenter == place for host in hosts)
        self._connection.change(cql.create_keyspace(keyspace, place, max(1, min(COPIES, nodes))))

    def _create(self, table: str, schema: pa.Schema, key: list[str]) -> None:
        if table in cql.OWN:
            raise ConfigError("SchemaMismatch", f"table {table!r}: that name is the store's own")
        target = cql.full(self._connection.keyspace, table)
        for name in key:
            if pa.types.is_nested(schema.field(name).type):
                message = (
                    f"table {table!r}: {name!r} is {schema.field(name).type}, which cannot be a key"
                )
                raise ConfigError("SchemaMismatch", message)
        made = column_types(table, schema)
        self._connection.change(cql.create_table(target, made, key, types.comment(schema)))

    def widen(self, info: TableInfo, schema: pa.Schema) -> TableInfo:
        """Adds the columns that a merge brings and a table of ours lacks."""
        added = [one for one in plain_schema(schema) if one.name not in info.schema.names]
        if not added or not info.ours:
            return info
        with self._lock:
            info = self.info(info.name)
            added = [one for one in added if one.name not in info.schema.names]
            if added:
                wider = pa.schema([*info.schema, *added])
                # The comment first: a column that it names and the table lacks does no harm.
                self._connection.change(cql.set_comment(info.target, types.comment(wider)))
                made = column_types(info.name, pa.schema(added))
                self._connection.change(cql.add_columns(info.target, made))
                self._connection.forget()
            return self.info(info.name)


def column_types(table: str, schema: pa.Schema) -> dict[str, str]:
    """The CQL type of each column; ConfigError SchemaMismatch for one that cannot be."""
    try:
        return {field.name: types.cql_type(field.type) for field in schema}
    except TypeError as error:
        raise ConfigError("SchemaMismatch", f"table {table!r}: {error}; cast it first") from error


def described_table(
    keyspace: str, table: str, number: str, comment: str, rows: Sequence[tuple[Any, ...]]
) -> TableInfo:
    """A table from its rows in the catalogue: the order of columns is ours where the comment tells it. Pure."""
    order = {"partition_key": 0, "clustering": 1}
    rows = sorted(rows, key=lambda row: (order.get(row[1], 2), row[2], row[0]))
    actual = {name: kind for name, _, _, kind in rows}
    told = types.commented(comment)
    kinds = {name: types.natural(kind) for name, kind in actual.items()}
    names = list(actual)
    if told is not None:
        kept = [one for one in told if actual.get(one.name) == types.cql_type(one.type)]
        kinds |= {one.name: one.type for one in kept}
        names = list(dict.fromkeys([*(one.name for one in kept), *actual]))
    return TableInfo(
        name=table,
        target=cql.full(keyspace, table),
        id=number,
        schema=pa.schema([(name, kinds[name]) for name in names]),
        key=[name for name, kind, _, _ in rows if kind in order],
        partition=[name for name, kind, _, _ in rows if kind == "partition_key"],
        cql=actual,
        ours=told is not None,
    )


def writable(info: TableInfo) -> None:
    """Refuses tables whose writes are no upserts: a repeated write of a counter counts twice."""
    counters = sorted(name for name, kind in info.cql.items() if kind == "counter")
    if counters:
        message = f"table {info.name!r}: {counters[0]!r} is a counter, which cannot be written twice alike"
        raise DataError("SchemaMismatch", message)
