"""Names of tables, columns and documents as Couchbase can hold them. Pure, no I/O.

Used by the Couchbase adapter's other modules. A table is a collection. Where the server has none, its documents lie in
the bucket's only one, and their names begin with the table's.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from forebay_workloads.codecs.nested import holds, inner_fields, is_bytes, is_text, raw_type
from forebay_workloads.errors import ConfigError

DEFAULT = "_default"  # the scope and the collection that are always there
ID = "_id"  # the column that shows the names of somebody else's documents
OWN = "forebay_store"  # the collection of the adapter's own documents
BEGIN = "forebay:"  # of names in a bucket without collections
NAME_BYTES = 246  # of a document, where its collection is known by up to four bytes
_COLLECTION = re.compile(r"_default|[A-Za-z0-9-][A-Za-z0-9_%-]{0,250}")
_ENCODED = re.compile("\0|%00|%25")
_LEVELS = 30  # objects and lists inside each other: a path of the server has 32 parts

Bad = dict[int, str]  # row → why it cannot be kept


@dataclass(frozen=True)
class Place:
    """Where a table's documents lie."""

    scope: str = DEFAULT
    collection: str = DEFAULT
    prefix: str = ""  # of their names


def split(table: str, scope: str) -> tuple[str, str]:
    """Scope and collection that a table's name means; ConfigError SchemaMismatch when it cannot be one."""
    named, dot, collection = table.rpartition(".")
    names = (named if dot else scope, collection)
    if not all(map(_COLLECTION.fullmatch, names)):
        message = (
            f"{table[:80]!r} is no name for a collection: up to 251 of the letters a to z and A to Z, digits, "
            "_, - and %, not beginning with _ or %; a scope and a dot may stand before it"
        )
        raise ConfigError("SchemaMismatch", message)
    return names


def without_collections(scope: str, collection: str) -> Place:
    """The place of a table in a bucket that has no collections."""
    if (scope, collection) == (DEFAULT, DEFAULT):
        return Place()
    return Place(prefix=f"{BEGIN}{scope}.{collection}:")


def checked_columns(table: str, schema: pa.Schema, key: Sequence[str]) -> None:
    """ConfigError SchemaMismatch for a column that a document cannot have, or a key that cannot be a name."""
    for field in schema:
        _check_name(table, field, 0)
        kind = field.type
        if not holds(kind):
            message = f"table {table!r}, column {field.name!r}: Couchbase cannot hold {kind}; cast it first"
            raise ConfigError("SchemaMismatch", message)
        if field.name in key and (pa.types.is_nested(kind) or pa.types.is_null(kind)):
            message = f"table {table!r}: {field.name!r} is {kind}, which cannot be a key"
            raise ConfigError("SchemaMismatch", message)


def _check_name(table: str, field: Any, level: int) -> None:
    if not field.name or level > _LEVELS:
        message = f"table {table!r}: a field without a name, or more than {_LEVELS} levels deep"
        raise ConfigError("SchemaMismatch", message)
    for inner in inner_fields(field.type):
        _check_name(table, inner, level + 1)


def path(column: str) -> str:
    """A column as the server's sub-document path: never read as more than one field."""
    return "`" + column.replace("`", "``") + "`"


def names_of(
    place: Place, columns: Sequence[pa.Array], *, own: bool = True
) -> tuple[list[str], Bad]:
    """The name of each row's document; a row whose key cannot be one is bad.

    `own`: tables that the adapter made. In others the key is the name.
    """
    parts = [_texts(column) for column in columns]
    if len(parts) == 1:
        names = [_stored(name) for name in parts[0]] if own else parts[0]
    else:  # so that no two keys have one name
        names = ["::".join(map(_part, row)) for row in zip(*parts, strict=True)]
    bad: Bad = {}
    for index, name in enumerate(names):
        size = len(f"{place.prefix}{name}".encode())
        if not name or "\0" in name:
            bad[index] = "its key is empty, or has a zero character, which no name can have"
        elif size > NAME_BYTES:
            bad[index] = f"its key makes a name of {size:,} bytes, Couchbase takes {NAME_BYTES}"
    return names, bad


def _stored(name: str) -> str:
    """A key as a name, which the driver ends at a zero character. Two keys never share one."""
    if not _ENCODED.search(name):
        return name
    return name.replace("%", "%25").replace("\0", "%00")


def _part(name: str) -> str:
    return name.replace("%", "%25").replace("\0", "%00").replace(":", "%3A")


def _texts(column: pa.Array) -> list[str]:
    convert = _TEXTS.get(_kind(column.type), str)
    return [convert(value) for value in column.cast(raw_type(column.type)).to_pylist()]


def _kind(kind: pa.DataType) -> str:
    if is_bytes(kind):
        return "bytes"
    if is_text(kind):
        return "text"
    if pa.types.is_floating(kind):
        return "float"
    return "flag" if pa.types.is_boolean(kind) else ""


_TEXTS: Mapping[str, Callable[[Any], str]] = {
    "bytes": lambda value: urlsafe_b64encode(value).decode(),
    "flag": lambda value: "true" if value else "false",
    "float": lambda value: repr(value + 0.0),  # 0.0 and -0.0 are one key
}
