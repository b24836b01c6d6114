"""What the adapter knows of a collection: columns, key, and whether its documents are the adapter's own.

Used by the MongoDB adapter's tables. The columns of a table that `ensure` made stand in `_forebay_tables`; those
of any other collection are inferred from its first and last documents, and its keys are `_id` and its unique
indexes. Nothing is created but by `ensure` and `widen`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
from bson.binary import Binary
from pyarrow import ipc
from pymongo.collection import Collection
from pymongo.errors import CollectionInvalid, DuplicateKeyError, OperationFailure

from forebay_workloads.codecs.cells import plain_schema
from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores import checks
from forebay_workloads.stores.mongodb_connection import Connection, Document
from forebay_workloads.stores.mongodb_infer import inferred
from forebay_workloads.stores.mongodb_names import ID, OWN, checked_columns, checked_table, stored
from forebay_workloads.stores.mongodb_types import check_types

TABLES = f"{OWN}_tables"
SAMPLE = 1_000  # documents from each end of a collection
EXISTS = 48  # the server's code for a collection that is there already
SHOWN = 20  # names in a message
ATTEMPTS = 20  # of a change that others make at the same time


@dataclass(frozen=True)
class TableInfo:
    """A collection as a table."""

    name: str
    schema: pa.Schema
    key: list[str]
    own: bool  # made by `ensure`: `_id` is made of the key, fields have encoded names
    keys: Sequence[Sequence[str]] = ()  # others that would do: of a collection that is not ours
    ids: Mapping[str, str] = field(default_factory=dict)  # text columns that are ids in documents
    version: int = 0  # of the columns of our own
    expires: bool = False  # some of its rows end

    def stored(self, column: str) -> str:
        """The field that holds a column."""
        return stored(column) if self.own else column

    def keyed(self, key: Sequence[str]) -> TableInfo:
        """The same with the key that a caller uses; DataError SchemaMismatch when it has no such one."""
        if not self.own and list(key) in [list(one) for one in self.keys]:
            return replace(self, key=list(key))
        if not self.own and list(key) != self.key:
            message = (
                f"table {self.name!r}: expected key {list(key)}, actual key {self.key}; of a collection that "
                f"Forebay did not make, a key is _id or the fields of a unique index: make one over {list(key)}"
            )
            raise DataError("SchemaMismatch", message)
        checks.same_key(self.name, key, self.key)
        return self


class Catalog:
    """Looks up, makes and widens tables."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._database = connection.database

    def collection(self, table: str) -> Collection[Document]:
        """The driver's handle."""
        return self._database[checked_table(table)]

    def info(self, table: str) -> TableInfo:
        """ConfigError ReferenceMissing when there is no such collection."""
        with self._connection.speak(f"table {table!r}"):
            found = self._find(table)
            if found is not None:
                return found
            names = sorted(n for n in self._names() if not n.startswith(("system.", OWN)))
        known = ", ".join(names[:SHOWN]) or "none"
        message = f"{self._connection.where}: no table {table!r} (tables: {known})"
        raise ConfigError("ReferenceMissing", message)

    def _names(self, **only: Any) -> list[str]:
        return self._database.list_collection_names(filter=only or None)

    def _find(self, table: str) -> TableInfo | None:
        if not self._names(name=checked_table(table)):
            return None
        note = self._database[TABLES].find_one({ID: table})
        return self._foreign(table) if note is None else _noted(note)

    def _foreign(self, table: str) -> TableInfo:
        collection = self._database[table]
        first = list(collection.find().sort(ID, 1).limit(SAMPLE))
        last = list(collection.find().sort(ID, -1).limit(SAMPLE)) if len(first) == SAMPLE else []
        found = inferred([*first, *reversed(last)])
        keys = [
            [name for name, _ in index["key"].items()]
            for index in collection.list_indexes()
            if index.get("unique") and "partialFilterExpression" not in index
        ]
        return TableInfo(table, found.schema, [ID], own=False, keys=[[ID], *keys], ids=found.ids)

    def ensure(self, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Makes the collection, or checks that it has these columns and this key."""
        schema = plain_schema(schema)
        checks.key_in_schema(table, schema, key)
        checked_columns(table, schema, key)
        check_types(table, schema, key)
        with self._connection.speak(f"table {table!r}"):
            found = self._find(table)
            if found is None or not (found.own or found.schema):
                found = self._create(table, schema, list(key), anew=found is None)
        found = found.keyed(key)
        checks.same_table(table, schema, key, found.schema, found.key)

    def _create(self, table: str, schema: pa.Schema, key: list[str], *, anew: bool) -> TableInfo:
        """The note first: documents without one would be taken for somebody else's."""
        note = {ID: table, "key": key, "version": 1, **_columns(schema)}
        notes = self._database[TABLES]
        try:
            if anew:  # in place of the note of a collection that was dropped
                notes.replace_one({ID: table}, note, upsert=True)
            else:
                notes.insert_one(note)
        except DuplicateKeyError:  # another writer was first
            note = notes.find_one({ID: table}) or note
        try:
            self._database.create_collection(table)
        except CollectionInvalid:
            pass
        except OperationFailure as error:
            if error.code != EXISTS:
                raise
        return _noted(note)

    def widen(self, info: TableInfo, schema: pa.Schema) -> TableInfo:
        """Adds the columns that a merge brings and a table of ours lacks."""
        for _ in range(ATTEMPTS):
            known = set(info.schema.names)
            added = [one for one in plain_schema(schema) if one.name not in known]
            if not added:
                return info
            checked_columns(info.name, pa.schema(added), info.key)
            check_types(info.name, pa.schema(added), info.key)
            wider = pa.schema([*info.schema, *added])
            if not info.own:
                return replace(info, schema=wider)
            with self._connection.speak(f"table {info.name!r}"):
                self._database[TABLES].update_one(
                    {ID: info.name, "version": info.version},
                    {"$set": {**_columns(wider), "version": info.version + 1}},
                )
            info = self.info(info.name)
        message = f"table {info.name!r}: other writers keep changing its columns"
        raise RetryableError("StoreThrottled", message)

    def note_expires(self, info: TableInfo) -> None:
        """Readers leave out rows of the table that are past their end from now on."""
        self._database[TABLES].update_one({ID: info.name}, {"$set": {"expires": True}})


def _columns(schema: pa.Schema) -> Document:
    text = [f"{one.name}: {one.type}" for one in schema]  # for people who look into the collection
    return {"schema": Binary(schema.serialize().to_pybytes()), "columns": text}


def _noted(note: Mapping[str, Any]) -> TableInfo:
    schema = ipc.read_schema(pa.py_buffer(note["schema"]))
    return TableInfo(
        note[ID],
        schema,
        list(note["key"]),
        own=True,
        version=note["version"],
        expires=note.get("expires", False),
    )
