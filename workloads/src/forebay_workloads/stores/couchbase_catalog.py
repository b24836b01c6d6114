"""What the adapter knows of a table: columns, key, where its documents lie, and whether they are the adapter's own.

Used by the Couchbase adapter's tables. Columns of a table that `ensure` made stand in the adapter's own documents;
those of any other collection are inferred from some of its documents, which the query service names. Where it names
none, documents are still merged by their names. Nothing is created but by `ensure`.
"""

from __future__ import annotations

import threading
import uuid
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pyarrow import ipc

from forebay_workloads.codecs.cells import plain_schema
from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores import checks
from forebay_workloads.stores.couchbase_connection import Connection, names_only
from forebay_workloads.stores.couchbase_names import (
    DEFAULT,
    ID,
    OWN,
    Place,
    checked_columns,
    split,
    without_collections,
)
from forebay_workloads.stores.couchbase_own import Entries, Own, make
from forebay_workloads.stores.couchbase_query import Names
from forebay_workloads.stores.couchbase_values import inferred, parsed
from forebay_workloads.stores.known import Known

TABLES = "tables"
SAMPLE = 1_000  # documents of somebody else
SHOWN = 20  # names in a message
ATTEMPTS = 20  # of a change that others make at the same time


@dataclass(frozen=True)
class TableInfo:
    """A collection as a table of ours."""

    name: str
    place: Place
    schema: pa.Schema
    key: list[str]
    home: Place  # of the adapter's own documents of its scope
    own: bool  # made by `ensure`: its types stand in a note
    id: str = ""  # a new one each time that `ensure` makes the table
    empty: bool = False  # of somebody else's: the query service says so
    unlisted: str = ""  # why nobody can tell which documents there are

    def checked_key(self, key: Sequence[str]) -> None:
        """DataError SchemaMismatch unless it is the table's."""
        checks.same_key(self.name, key, self.key)


class Catalog:
    """Looks up, makes and widens tables."""

    def __init__(self, connection: Connection, names: Names) -> None:
        self._connection = connection
        self._owns: dict[str, Own] = {}
        self._names = names
        self._known: Known[TableInfo] = Known()
        self._lock = threading.Lock()

    def info(self, table: str) -> TableInfo:
        """The table as it is now; ConfigError ReferenceMissing when there is none of that name."""
        found = self._find(table)
        if found is None:
            known = ", ".join(self._tables()) or "none"
            message = f"{self._connection.where}: no table {table!r} (tables: {known})"
            raise ConfigError("ReferenceMissing", message)
        return self._known.keep(table, found)

    def remembered(self, table: str) -> TableInfo:
        """The table as it was some seconds ago."""
        return self._known.find(table) or self.info(table)

    def forget(self, table: str) -> None:
        """The table may have changed."""
        self._known.forget(table)

    def _own(self, scope: str) -> Own:
        """The adapter's own documents of a scope."""
        return self._owns.setdefault(scope, Own(self._connection, scope))

    def _tables(self) -> list[str]:
        scope = self._connection.scope
        there = self._connection.scopes().get(scope, set())
        made = self._own(scope).entries(TABLES)
        names = {*there, *made} - {OWN, DEFAULT}
        return sorted(names)[:SHOWN]

    def _find(self, table: str) -> TableInfo | None:
        scope, collection = split(table, self._connection.scope)
        there = self._connection.scopes()
        if self._connection.has_collections:
            if collection not in there.get(scope, ()):
                return None
            place = Place(scope, collection)
        else:
            place = without_collections(scope, collection)
        own = self._own(scope)
        note = own.entries(TABLES).get(collection)
        if note is not None:
            return _noted(note, table, place, own.place)
        return None if place.prefix else self._foreign(table, place, own.place)

    def _foreign(self, table: str, place: Place, home: Place) -> TableInfo:
        """Of somebody else's documents."""
        try:
            names = self._names.some(place, SAMPLE)
        except (ConfigError, DataError) as error:
            bare = pa.schema([(ID, pa.string())])
            return TableInfo(table, place, bare, [ID], home, own=False, unlisted=error.message)
        found = self._connection.many(place, "get", names_only(names), f"table {table!r}").done
        schema = inferred(parsed(name, data, table) for name, data in found.items())
        return TableInfo(table, place, schema, [ID], home, own=False, empty=not found)

    def ensure(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Makes the table, or checks that it has these columns and this key; an empty collection is taken over."""
        schema = plain_schema(schema)
        checks.key_in_schema(table, schema, key)
        checked_columns(table, schema, key)
        scope, collection = split(table, self._connection.scope)
        if collection == OWN:
            raise ConfigError("SchemaMismatch", f"table {table!r}: that name is the store's own")
        with self._lock:
            found = self._find(table)
            if found is None or (not found.own and found.empty and list(key) != [ID]):
                self._note(scope, collection, schema, key)
                if found is None and self._connection.has_collections:
                    make(self._connection, scope, collection)
                found = self.info(table)  # another process may have been first, with other columns
        wished = schema if found.own else checks.fitting(schema, found.schema)
        checks.same_table(table, wished, key, found.schema, found.key)
        self._known.keep(table, found)

    def _note(self, scope: str, collection: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Before the collection: documents without a note would be taken for somebody else's."""
        self._own(scope).ready()
        note = _note_of(schema, key, uuid.uuid4().hex)
        gone = self._connection.has_collections and collection not in self._connection.scopes().get(
            scope, ()
        )

        def edit(entries: Entries) -> bool:
            if collection in entries and not gone:
                return False
            entries[collection] = note
            return True

        self._own(scope).change(TABLES, edit)

    def widen(self, info: TableInfo, schema: pa.Schema) -> TableInfo:
        """Adds the columns that a merge brings and the table lacks; documents of others need no word of it."""
        for _ in range(ATTEMPTS):
            added = [one for one in plain_schema(schema) if one.name not in info.schema.names]
            if not added:
                return info
            checked_columns(info.name, pa.schema(added), info.key)
            wider = pa.schema([*info.schema, *added])
            if not info.own:
                return replace(info, schema=wider)
            info = self._change(info, replace(info, schema=wider))
        message = f"table {info.name!r}: other writers keep changing its columns"
        raise RetryableError("StoreThrottled", message)

    def _change(self, info: TableInfo, wished: TableInfo) -> TableInfo:
        """Notes it unless another was first; the table as it is then."""
        before, after = (_note_of(one.schema, one.key, one.id) for one in (info, wished))
        scope, name = split(info.name, self._connection.scope)

        def edit(entries: Entries) -> bool:
            if entries.get(name) != before:
                return False
            entries[name] = after
            return True

        self._own(scope).change(TABLES, edit)
        return self.info(info.name)


def _note_of(schema: pa.Schema, key: Sequence[str], number: str) -> dict[str, Any]:
    return {
        "columns": [f"{one.name} {one.type}" for one in schema],  # for people who look into it
        "id": number,
        "key": list(key),
        "schema": b64encode(schema.serialize().to_pybytes()).decode(),
    }


def _noted(note: Mapping[str, Any], table: str, place: Place, home: Place) -> TableInfo:
    try:
        schema = ipc.read_schema(pa.py_buffer(b64decode(note["schema"])))
        key, number = list(note["key"]), str(note["id"])
        return TableInfo(table, place, schema, key, home, own=True, id=number)
    except (KeyError, TypeError, ValueError, pa.ArrowException) as error:
        message = f"table {table!r}: the note of its columns in {OWN!r} cannot be read"
        raise DataError("SchemaMismatch", message) from error
