"""What the adapter knows of a table: columns, key, and whether its rows are the adapter's own.

Used by the HBase adapter's tables. HBase knows no types: those of a table that `ensure` made stand in the adapter's own
table; any other one shows the names of its rows as the column `row`, and `family:qualifier` as texts or bytes, as the
first rows have them.
"""

from __future__ import annotations

import json
import threading
import uuid
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
from pyarrow import ipc

from forebay_workloads.codecs.cells import plain_schema
from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores import checks
from forebay_workloads.stores.hbase_connection import Connection
from forebay_workloads.stores.hbase_errors import idl
from forebay_workloads.stores.hbase_names import FAMILY, ROW, checked_columns, checked_table
from forebay_workloads.stores.hbase_own import NAME, Own, create, exists, some
from forebay_workloads.stores.known import Known

SAMPLE = 500  # rows of a table of somebody else
SHOWN = 20  # names in a message
ATTEMPTS = 20  # of a change that others make at the same time


@dataclass(frozen=True)
class TableInfo:
    """A table of HBase as a table of ours."""

    name: str
    target: bytes  # with the DataStore's prefix
    schema: pa.Schema
    key: list[str]
    own: bool  # made by `ensure`: its types stand in a note
    id: str = ""  # a new one each time that `ensure` makes the table
    families: frozenset[bytes] = frozenset()
    cells: Mapping[str, bytes] = field(default_factory=dict)  # of somebody else's columns
    note: bytes = b""  # as it stood there

    def cell(self, column: str) -> bytes:
        """The family and qualifier of a column."""
        return FAMILY + column.encode() if self.own else self.cells.get(column, column.encode())

    def checked_key(self, key: Sequence[str]) -> None:
        """DataError SchemaMismatch unless it is the table's."""
        checks.same_key(self.name, key, self.key)


class Catalog:
    """Looks up, makes and widens tables."""

    def __init__(self, connection: Connection, own: Own) -> None:
        self._connection = connection
        self._own = own
        self._known: Known[TableInfo] = Known()
        self._lock = threading.Lock()

    def info(self, table: str, end: float | None = None) -> TableInfo:
        """The table as it is now; ConfigError ReferenceMissing when there is none of that name."""
        target = checked_table(self._connection.prefix, table)
        found = self._find(table, target, end)
        if found is None:
            known = ", ".join(self._names(end)) or "none"
            message = f"{self._connection.where}: no table {target.decode()!r} (tables: {known})"
            raise ConfigError("ReferenceMissing", message)
        return self._known.keep(table, found)

    def remembered(self, table: str, end: float | None = None) -> TableInfo:
        """The table as it was some seconds ago."""
        return self._known.find(table) or self.info(table, end)

    def forget(self, table: str) -> None:
        """The table may have changed."""
        self._known.forget(table)

    def _names(self, end: float | None) -> list[str]:
        prefix = self._connection.prefix
        found = sorted(name.decode() for name in self._connection.call("getTableNames", end=end))
        names = [name[len(prefix) :] for name in found if name.startswith(prefix)]
        return [name for name in names if name != NAME][:SHOWN]

    def _find(self, table: str, target: bytes, end: float | None = None) -> TableInfo | None:
        if not exists(self._connection, target, end):
            return None
        note = self._own.get(_row(table), end)
        return self._foreign(table, target, end) if note is None else _noted(table, target, note)

    def _foreign(self, table: str, target: bytes, end: float | None) -> TableInfo:
        what = f"table {table!r}"
        families = self._connection.call("getColumnDescriptors", target, what=what, end=end)
        scan = idl.TScan(caching=SAMPLE)
        rows = self._connection.use(lambda ask: some(ask, target, scan, SAMPLE), what, end)
        cells: dict[bytes, list[bytes]] = {}
        for row in rows:
            for name, cell in row.columns.items():
                cells.setdefault(name, []).append(cell.value)
        names = {name.decode(errors="backslashreplace"): name for name in sorted(cells)}
        kinds = {ROW: kind_of(row.row for row in rows)}
        kinds |= {name: kind_of(cells[cell]) for name, cell in names.items()}
        return TableInfo(
            table,
            target,
            pa.schema(list(kinds.items())),
            [ROW],
            own=False,
            families=frozenset(families),
            cells=names,
        )

    def ensure(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Makes the table, or checks that it has these columns and this key."""
        schema = plain_schema(schema)
        checks.key_in_schema(table, schema, key)
        checked_columns(table, schema, key)
        target = checked_table(self._connection.prefix, table)
        with self._lock:
            found = self._find(table, target)
            if found is None:
                self._create(table, target, schema, key)
                found = self.info(table)  # another process may have been first, with other columns
        wished = schema if found.own else checks.fitting(schema, found.schema)
        checks.same_table(table, wished, key, found.schema, found.key)
        self._known.keep(table, found)

    def _create(self, table: str, target: bytes, schema: pa.Schema, key: Sequence[str]) -> None:
        """The note first: rows without one would be taken for somebody else's."""
        if self._own.table == target:
            raise ConfigError("SchemaMismatch", f"table {table!r}: that name is the store's own")
        self._own.ready()
        old = self._own.get(_row(table))
        self._own.swap(_row(table), old, _note_of(schema, key, uuid.uuid4().hex))
        create(self._connection, target)

    def widen(self, info: TableInfo, schema: pa.Schema) -> TableInfo:
        """Adds the columns that a merge brings and the table lacks; of others, within their families."""
        for _ in range(ATTEMPTS):
            added = [one for one in plain_schema(schema) if one.name not in info.schema.names]
            if not added:
                return info
            checked_columns(info.name, pa.schema(added), info.key)
            if not info.own:
                texts = [pa.field(one.name, self._of_others(info, one)) for one in added]
                return replace(info, schema=pa.schema([*info.schema, *texts]))
            wider = pa.schema([*info.schema, *added])
            self._own.swap(_row(info.name), info.note, _note_of(wider, info.key, info.id))
            info = self.info(info.name)
        message = f"table {info.name!r}: other writers keep changing its columns"
        raise RetryableError("StoreThrottled", message)

    def _of_others(self, info: TableInfo, column: Any) -> pa.DataType:
        family = column.name.partition(":")[0].encode() + b":"
        if family not in info.families:
            known = ", ".join(sorted(one.decode() for one in info.families))
            message = (
                f"table {info.name!r}: a new column is called FAMILY:NAME, {column.name!r} is not; "
                f"its families are {known}"
            )
            raise DataError("SchemaMismatch", message)
        return pa.binary() if pa.types.is_binary(column.type) else pa.string()


def kind_of(values: Iterable[bytes]) -> pa.DataType:
    """Text where all of them are."""
    try:
        for value in values:
            value.decode()
    except UnicodeDecodeError:
        return pa.binary()
    return pa.string()


def _row(table: str) -> bytes:
    return f"table/{table}".encode()


def _note_of(schema: pa.Schema, key: Sequence[str], number: str) -> bytes:
    note = {
        "columns": [f"{one.name} {one.type}" for one in schema],  # for people who look into it
        "id": number,
        "key": list(key),
        "schema": b64encode(schema.serialize().to_pybytes()).decode(),
    }
    return json.dumps(note, ensure_ascii=False).encode()


def _noted(table: str, target: bytes, note: bytes) -> TableInfo:
    try:
        told = json.loads(note)
        schema = ipc.read_schema(pa.py_buffer(b64decode(told["schema"])))
        return TableInfo(
            table, target, schema, list(told["key"]), own=True, id=told["id"], note=note
        )
    except (KeyError, ValueError, pa.ArrowException) as error:
        message = f"table {table!r}: the note of its columns in {NAME!r} cannot be read"
        raise DataError("SchemaMismatch", message) from error
