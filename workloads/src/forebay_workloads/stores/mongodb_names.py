"""Names of collections and fields as MongoDB can hold them; what it would take for an operator is refused.

Used by the MongoDB adapter's other modules. Pure, no I/O. A dot in a field's name would be read as a path, so
the documents of our own tables hold such a name percent-encoded; names that start with `$` are refused at any
depth, so no row and no query can bring an operator (`$where`, `$ne` …).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa

from forebay_workloads.codecs.nested import inner_fields
from forebay_workloads.errors import ConfigError

REST = (
    "%ns"  # `<field>%ns`: the nanoseconds of a time below its millisecond, as a BSON date has none
)
ID = "_id"
OWN = "_forebay"  # begins the names of the adapter's own collections
EXPIRES = f"{OWN}_expires"  # the field that says when a row ends
NAME_BYTES = 200  # of a collection; the server allows 255 with the database's name

_ENCODED = re.compile(r"\.|%2E|%25|%ns")


def stored(name: str) -> str:
    """The field that holds a column of ours. Two columns never share one."""
    if not _ENCODED.search(name):
        return name
    return name.replace("%", "%25").replace(".", "%2E")


def checked_table(table: str) -> str:
    """The collection's name; ConfigError SchemaMismatch when the server or the adapter uses it otherwise."""
    bad = (
        not table
        or "$" in table
        or "\0" in table
        or ".." in table
        or table.startswith((".", "system.", OWN))
        or table.endswith(".")
        or len(table.encode()) > NAME_BYTES
    )
    if bad:
        message = (
            f"{table[:80]!r} is no name for a collection: up to {NAME_BYTES} bytes, no $, "
            f"no dot at its ends, not starting with system. or {OWN}"
        )
        raise ConfigError("SchemaMismatch", message)
    return table


def checked_columns(table: str, schema: pa.Schema, key: Sequence[str]) -> None:
    """ConfigError SchemaMismatch for a column, or a field inside one, that a document cannot have."""
    for field in schema:
        _check_field(table, field.name, field.type)
        if field.name == EXPIRES:
            raise ConfigError("SchemaMismatch", f"table {table!r}: {EXPIRES!r} is the store's own")
        if field.name == ID and list(key) != [ID]:
            message = (
                f"table {table!r}: a column {ID!r} has to be the whole key, which is {list(key)}"
            )
            raise ConfigError("SchemaMismatch", message)


def _check_field(table: str, name: str, kind: pa.DataType) -> None:
    if not name or name.startswith("$") or "\0" in name:
        message = (
            f"table {table!r}: {name[:80]!r} is no name for a field: names are not empty "
            "and do not start with $"
        )
        raise ConfigError("SchemaMismatch", message)
    for inner in inner_fields(kind):
        _check_field(table, inner.name, inner.type)
