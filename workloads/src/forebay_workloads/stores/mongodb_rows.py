"""Rows as MongoDB takes them: the query that finds a row by its key, and its document. Pure, no I/O.

Used by `mongodb_write.py` and `mongodb_get.py`. Values stand in queries as values of their column's type, never as
text or as somebody's document, so none can be an operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from bson.raw_bson import RawBSONDocument

from forebay_workloads.errors import ConfigError, cut
from forebay_workloads.stores import mongodb_bson as to_bson
from forebay_workloads.stores.mongodb_catalog import TableInfo
from forebay_workloads.stores.mongodb_connection import Document
from forebay_workloads.stores.mongodb_infer import from_text
from forebay_workloads.stores.mongodb_names import ID
from forebay_workloads.stores.mongodb_types import encoded, fields

Bad = dict[int, str]  # row → why it cannot be kept


def key_values(info: TableInfo, columns: Sequence[pa.Array]) -> tuple[list[tuple[Any, ...]], Bad]:
    """The values of the key, a tuple for each row; a row that names no id is bad."""
    bad: Bad = {}
    values = [
        _as_ids(encoded(column), info.ids.get(name), bad)
        for name, column in zip(info.key, columns, strict=True)
    ]
    return [tuple(map(_positive, row)) for row in zip(*values, strict=True)], bad


def _positive(value: Any) -> Any:
    """MongoDB takes -0.0 and 0.0 for one key; so must whoever compares them here."""
    return value + 0.0 if isinstance(value, float) else value


def _as_ids(values: list[Any], kind: str | None, bad: Bad) -> list[Any]:
    """Texts of ids as the ids that the documents have."""
    if kind is None:
        return values
    found = []
    for index, value in enumerate(values):
        try:
            found.append(value if value is None else from_text(value, kind))
        except (ValueError, TypeError) as error:
            bad.setdefault(index, cut(error))
            found.append(None)
    return found


def query_of(info: TableInfo, values: Sequence[Any]) -> Document:
    """What finds the document of a key."""
    if info.own:
        return {ID: id_of(info, values)}
    return {name: {"$eq": value} for name, value in zip(info.key, values, strict=True)}


def query_of_all(info: TableInfo, keys: Sequence[Sequence[Any]]) -> Document:
    """What finds the documents of many keys."""
    if info.own:
        return {ID: {"$in": [id_of(info, values) for values in keys]}}
    if len(info.key) == 1:
        return {info.key[0]: {"$in": [value for (value,) in keys]}}
    return {"$or": [query_of(info, values) for values in keys]}


def id_of(info: TableInfo, values: Sequence[Any]) -> Any:
    """The `_id` of a document of ours: the key's value, or a document of them where it has several columns."""
    if len(info.key) == 1:
        return values[0]
    return {info.stored(name): value for name, value in zip(info.key, values, strict=True)}


def documents_of(info: TableInfo, rows: pa.RecordBatch) -> tuple[list[RawBSONDocument], Bad]:
    """One whole document per row, without nulls."""
    bad: Bad = {}
    found = []
    if info.own or info.key == [ID]:
        found.append(_ids(info, [rows.column(name) for name in info.key]))
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        if name == ID:
            continue
        path = checked_path(info, name)
        kind = info.ids.get(name)
        if kind is None:
            found += to_bson.fields(path, column)
        else:
            found.append(to_bson.of_values(path, _as_ids(encoded(column), kind, bad)))
    return [RawBSONDocument(one) for one in to_bson.document(found).to_pylist()], bad


def _ids(info: TableInfo, key: Sequence[pa.Array]) -> pa.Array:
    """What `id_of` says, of all rows."""
    plain = [pc.add(one, 0.0) if pa.types.is_floating(one.type) else one for one in key]
    if ID in info.ids:
        return to_bson.of_values(ID, _as_ids(encoded(key[0]), info.ids[ID], {}))
    if len(key) == 1:
        return to_bson.field(ID, plain[0])
    pairs = zip(info.key, plain, strict=True)
    return to_bson.inner(
        ID, to_bson.document([to_bson.field(info.stored(name), one) for name, one in pairs])
    )


def changes_of(info: TableInfo, rows: pa.RecordBatch) -> tuple[list[Document], Bad]:
    """The fields that a merge sets in each row's document, nulls too."""
    bad: Bad = {}
    names: list[str] = []
    values: list[list[Any]] = []
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        if name == ID:
            continue
        for stored, cells in fields(column, checked_path(info, name)):
            names.append(stored)
            values.append(_as_ids(cells, info.ids.get(name), bad))
    cells_of_rows = zip(*values, strict=True) if values else [()] * rows.num_rows
    return [dict(zip(names, cells, strict=True)) for cells in cells_of_rows], bad


def checked_path(info: TableInfo, name: str) -> str:
    """The field of a column; ConfigError SchemaMismatch where an update would read its name as a path."""
    stored = info.stored(name)
    if "." in stored:
        message = f"table {info.name!r}: {name!r} has a dot, and in a document that Forebay did not make it is a path"
        raise ConfigError("SchemaMismatch", message)
    return stored
