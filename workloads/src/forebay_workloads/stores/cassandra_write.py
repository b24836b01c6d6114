"""Upserts: rows of one node share unlogged batches within the server's limits.

Used by `cassandra.py`. Rows that cannot be written are named, all others are; a batch of which the server
refused something is sent again row by row to find the guilty ones.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from cassandra.query import BatchStatement, BatchType, PreparedStatement

from forebay_workloads.errors import ConfigError, StageError, cut
from forebay_workloads.stores import cassandra_statements as cql
from forebay_workloads.stores import cassandra_types as types
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import WriteReport
from forebay_workloads.stores.cassandra_batches import (
    Owners,
    batches,
    lengths,
    partitions,
    sizes_of,
)
from forebay_workloads.stores.cassandra_catalog import Catalog, TableInfo, writable
from forebay_workloads.stores.cassandra_codecs import Encoded, Refused
from forebay_workloads.stores.cassandra_connection import Connection
from forebay_workloads.stores.cassandra_window import Request, Window
from forebay_workloads.stores.known import holding
from forebay_workloads.stores.rows import upserted

KEY_BYTES = 65_535  # of one column of a key

Values = Sequence[bytes | None]


class Writes:
    """Writes into a keyspace's tables."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog

    def write(
        self,
        table: str,
        batch: pa.RecordBatch,
        key: list[str],
        *,
        merge: bool,
        ttl: float | None = None,
    ) -> WriteReport:
        """Upserts; the last of several rows with one key is kept."""
        info = holding(self._catalog, table, batch.schema)
        writable(info)
        checks.same_key(table, key, info.key)
        if merge:
            info = self._catalog.widen(info, batch.schema)
        checks.known_columns(table, batch.schema, info.schema)
        put = partial(self._put, info, ttl=ttl)
        try:
            return upserted(batch, info.schema, info.key, put, merge=merge, held=types.held)
        except StageError as error:
            self._catalog.forget(table)
            self._explain(info, batch, error)
            raise

    def _explain(self, info: TableInfo, batch: pa.RecordBatch, error: StageError) -> None:
        """Where the table has lost a column since it was looked at, that is what to say."""
        if isinstance(error, ConfigError) or error.reason != "SchemaMismatch":
            return
        now = self._catalog.info(info.name)
        checks.known_columns(info.name, batch.schema, now.schema)

    def _put(self, info: TableInfo, rows: pa.RecordBatch, *, ttl: float | None) -> dict[int, str]:
        """Row → why it is not in, for each that is not."""
        fields = list(rows.schema)
        with self._connection.speak(f"table {info.name!r}"):
            text = cql.insert(info.target, rows.schema.names, ends=ttl is not None)
            statement = self._connection.prepare(text)
        columns = [
            info.codec(field.name).encode(rows.column(index), statement.column_metadata[index].type)
            for index, field in enumerate(fields)
        ]
        place = {field.name: index for index, field in enumerate(fields)}
        bad = unfit(
            columns, fields, [place[name] for name in info.key], [place[n] for n in info.partition]
        )
        last = newest(columns, [place[name] for name in info.key], bad)
        if ttl is not None:
            columns.append([struct.pack(">i", math.ceil(ttl))] * rows.num_rows)
        requests = self._requests(statement, columns, last, [place[n] for n in info.partition])
        return bad | self._send(info, statement, columns, requests)

    def _requests(
        self,
        statement: PreparedStatement,
        columns: Sequence[Encoded],
        rows: Sequence[int],
        partition: Sequence[int],
    ) -> Iterator[Request]:
        found = partitions(columns, rows, partition)
        values = list(zip(*columns, strict=True))
        for group, owner in batches(found, sizes_of(columns), Owners(self._connection).of):
            request = self._statement(statement, [values[row] for row in group])
            request.replicas = [] if owner is None else [owner]
            yield Request(request, group)

    def _statement(self, statement: PreparedStatement, values: Sequence[Values]) -> Any:
        if len(values) == 1:
            return self._connection.bound(statement, values[0])
        batch = BatchStatement(BatchType.UNLOGGED)
        for one in values:  # the values are bound already: the driver would do it again
            batch._add_statement_and_params(True, statement.query_id, one)  # noqa: SLF001
        batch.is_idempotent = True
        return batch

    def _send(
        self,
        info: TableInfo,
        statement: PreparedStatement,
        columns: Sequence[Encoded],
        requests: Iterator[Request],
    ) -> dict[int, str]:
        """Row → why the server refused it. A refusal that is the table's and not a row's is raised."""
        what = f"table {info.name!r}"
        failed = Window(self._connection, what).run(requests)
        if not failed:
            return {}
        rows = [row for request, _ in failed for row in request.of]
        alone = (
            Request(self._statement(statement, [[column[row] for column in columns]]), [row])
            for row in rows
        )
        bad = Window(self._connection, what).run(alone)
        if self._catalog.info(info.name).cql != info.cql and bad:
            raise self._connection.translated(bad[0][1], what) from bad[0][1]
        return {request.of[0]: f"refused by the server: {cut(error)}" for request, error in bad}


def unfit(
    columns: Sequence[Encoded],
    fields: Sequence[pa.Field],
    key: Sequence[int],
    partition: Sequence[int],
) -> dict[int, str]:
    """Row → why it cannot be written: a value that was refused, a key too long, a partition without a name. Pure."""
    bad: dict[int, str] = {}
    for field, column in zip(fields, columns, strict=True):
        if Refused not in set(map(type, column)):
            continue
        for row, value in enumerate(column):
            if isinstance(value, Refused):
                bad.setdefault(row, f"column {field.name!r}: {value.message}")
    for index in key:
        name = fields[index].name
        if max(lengths(columns[index]), default=0) <= KEY_BYTES:
            continue
        for row, value in enumerate(columns[index]):
            if isinstance(value, bytes) and len(value) > KEY_BYTES:
                bad.setdefault(
                    row, f"key column {name!r} has {len(value)} bytes, Cassandra takes {KEY_BYTES}"
                )
    if len(partition) == 1 and b"" in columns[partition[0]]:
        name = fields[partition[0]].name
        for row, value in enumerate(columns[partition[0]]):
            if value == b"":
                bad.setdefault(
                    row,
                    f"key column {name!r} is empty, which Cassandra refuses in a partition's key",
                )
    return bad


def newest(columns: Sequence[Encoded], key: Sequence[int], bad: Mapping[int, str]) -> list[int]:
    """The rows to send: the last one of each key. Within a batch Cassandra would keep the greater value. Pure."""
    keys = zip(*(columns[index] for index in key), strict=True)
    last = {one: row for row, one in enumerate(keys) if row not in bad}
    return sorted(last.values())
