"""What the adapter knows of a table: columns, key, and whether its items are the adapter's own.

Used by the DynamoDB adapter's tables. The columns of a table that `ensure` made, or found empty, stand in the adapter's
own table; those of any other one are inferred from some of its items. Nothing is created but by `ensure`.
"""

from __future__ import annotations

import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pyarrow import ipc

from forebay_workloads.codecs.cells import plain_schema
from forebay_workloads.errors import ConfigError, DataError, RetryableError, StageError
from forebay_workloads.stores import checks
from forebay_workloads.stores.dynamodb_connection import Connection
from forebay_workloads.stores.dynamodb_infer import inferred
from forebay_workloads.stores.dynamodb_names import checked_columns, checked_table
from forebay_workloads.stores.dynamodb_own import NAME, Own, create, describe
from forebay_workloads.stores.dynamodb_rows import key_types
from forebay_workloads.stores.dynamodb_values import Item
from forebay_workloads.stores.known import Known

NOTE = "table"
SAMPLE = 1_000  # items of a table of somebody else
SHOWN = 20  # names in a message
ATTEMPTS = 20  # of a change that others make at the same time


@dataclass(frozen=True)
class TableInfo:
    """A table of DynamoDB as a table of ours."""

    name: str
    target: str  # with the DataStore's prefix
    schema: pa.Schema
    key: list[str]
    types: Mapping[str, str]  # the attributes of the key as the service knows them: S, N or B
    own: bool  # made by `ensure`: its types stand in a note
    id: str = ""
    sets: frozenset[str] = frozenset()  # columns of somebody else's table that are sets
    version: int = 0  # of the columns of our own
    expires: bool = False  # some of its rows end

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

    def info(self, table: str, *, quick: bool = False) -> TableInfo:
        """The table as it is now; ConfigError ReferenceMissing when there is none of that name."""
        found = self._find(table, quick=quick)
        if found is None:
            known = ", ".join(self._names(quick=quick)) or "none"
            message = (
                f"{self._connection.where}: no table {self._target(table)!r} (tables: {known})"
            )
            raise ConfigError("ReferenceMissing", message)
        return self._known.keep(table, found)

    def remembered(self, table: str, *, quick: bool = False) -> TableInfo:
        """The table as it was some seconds ago: descriptions are not to be asked for with each row."""
        return self._known.find(table) or self.info(table, quick=quick)

    def forget(self, table: str) -> None:
        """The table may have changed."""
        self._known.forget(table)

    def _target(self, table: str) -> str:
        return checked_table(self._connection.prefix, table)

    def _names(self, *, quick: bool) -> list[str]:
        """Some of the tables; none where the credentials may not list them."""
        prefix = self._connection.prefix
        start = {"ExclusiveStartTableName": prefix} if len(prefix) > 2 else {}  # noqa: PLR2004 - a name's least
        try:
            found = self._connection.call("ListTables", start, quick=quick)["TableNames"]
        except StageError:
            return []
        names = [name[len(prefix) :] for name in found if name.startswith(prefix)]
        return [name for name in names if name != NAME][:SHOWN]

    def _find(self, table: str, *, quick: bool = False) -> TableInfo | None:
        target = self._target(table)
        found = describe(self._connection, target, quick=quick)
        if found is None:
            return None
        types = _types(found)
        note = self._own.get(NOTE, table, quick=quick)
        number = str(found.get("TableId") or found.get("CreationDateTime", ""))
        if note is not None:
            told = _noted(note, table, target, number, types)
            if list(key_types(told.schema, told.key).items()) == list(types.items()):
                return told  # else it was dropped and made by somebody else
        items = self._sample(target, quick=quick)
        seen = inferred(items, types)
        return TableInfo(
            table, target, seen.schema, list(types), types, own=False, id=number, sets=seen.sets
        )

    def _sample(self, target: str, *, quick: bool) -> list[Item]:
        request = {"TableName": target, "Limit": SAMPLE}
        found = self._connection.call("Scan", request, f"table {target!r}", quick=quick)
        items: list[Item] = found["Items"]
        return items

    def ensure(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Makes the table, or checks that it has these columns and this key; one that is empty is taken over."""
        schema = plain_schema(schema)
        checks.key_in_schema(table, schema, key)
        checked_columns(table, schema, key)
        target, types = self._target(table), key_types(schema, key)
        with self._lock:
            found = self._find(table)
            if found is None:
                self._create(table, target, schema, key)
                found = self.info(table)  # another process may have been first, with other columns
            elif (
                not found.own
                and list(found.types.items()) == list(types.items())
                and is_empty(self._connection, target)
            ):
                self._note(table, schema, key)
                found = self.info(table)
        wished = schema if found.own else checks.fitting(schema, found.schema)
        checks.same_table(table, wished, key, found.schema, found.key)
        self._known.keep(table, found)

    def _create(self, table: str, target: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """The note first: items without one would be taken for somebody else's."""
        if self._own.table == target:
            raise ConfigError("SchemaMismatch", f"table {table!r}: that name is the store's own")
        self._note(table, schema, key)
        create(self._connection, target, key_types(schema, key))

    def _note(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        self._own.ready()
        self._own.put(NOTE, table, _note_of(schema, key, 1, expires=False))

    def widen(self, info: TableInfo, schema: pa.Schema) -> TableInfo:
        """Adds the columns that a merge brings and the table lacks; items of others need no word of it."""

        def wider(one: TableInfo) -> TableInfo:
            added = [field for field in plain_schema(schema) if field.name not in one.schema.names]
            checked_columns(one.name, pa.schema(added), one.key)
            return replace(one, schema=pa.schema([*one.schema, *added])) if added else one

        return self.change(info, wider) if info.own else wider(info)

    def change(self, info: TableInfo, edit: Callable[[TableInfo], TableInfo]) -> TableInfo:
        """Notes the edited table, and edits it anew where another was first; the table as it is then."""
        for _ in range(ATTEMPTS):
            wished = edit(info)
            if wished is info:
                return info
            note = _note_of(wished.schema, wished.key, info.version + 1, expires=wished.expires)
            self._own.put_if(NOTE, info.name, note, "version")
            info = self.info(info.name)
        message = f"table {info.name!r}: other writers keep changing it"
        raise RetryableError("StoreThrottled", message)


def is_empty(connection: Connection, target: str) -> bool:
    """Whether there is no item at all."""
    request: dict[str, Any] = {"TableName": target, "Limit": 1, "ConsistentRead": True}
    while True:
        page = connection.call("Scan", request, f"table {target!r}")
        if page["Items"] or "LastEvaluatedKey" not in page:
            return not page["Items"]
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _types(found: Mapping[str, Any]) -> dict[str, str]:
    """The attributes of the key, the partition's first."""
    of = {one["AttributeName"]: one["AttributeType"] for one in found["AttributeDefinitions"]}
    parts = sorted(found["KeySchema"], key=lambda one: str(one["KeyType"]))  # HASH, RANGE
    return {one["AttributeName"]: of[one["AttributeName"]] for one in parts}


def _note_of(schema: pa.Schema, key: Sequence[str], version: int, *, expires: bool) -> Item:
    text = ", ".join(f"{one.name} {one.type}" for one in schema)  # for people who look into it
    return {
        "schema": {"B": b64encode(schema.serialize().to_pybytes()).decode()},
        "columns": {"S": text},
        "key": {"L": [{"S": name} for name in key]},
        "version": {"N": str(version)},
        "expires": {"BOOL": expires},
    }


def _noted(note: Item, table: str, target: str, number: str, types: Mapping[str, str]) -> TableInfo:
    try:
        return TableInfo(
            table,
            target,
            ipc.read_schema(pa.py_buffer(b64decode(note["schema"]["B"]))),
            [one["S"] for one in note["key"]["L"]],
            types,
            own=True,
            id=number,
            version=int(note["version"]["N"]),
            expires=note["expires"]["BOOL"],
        )
    except (KeyError, ValueError, pa.ArrowException) as error:
        message = f"table {table!r}: the note of its columns in {NAME!r} cannot be read"
        raise DataError("SchemaMismatch", message) from error
