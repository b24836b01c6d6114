"""Names of tables and attributes as DynamoDB can hold them. Pure, no I/O.

Used by the DynamoDB adapter's other modules. In expressions every name stands behind a placeholder, so no name is read
as a path or a word of the language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from forebay_workloads.codecs.nested import holds, inner_fields
from forebay_workloads.errors import ConfigError

OWN = "_forebay"  # begins the names of attributes of the adapter's own
RANGE = f"{OWN}_range"  # what sorts items of a key of three columns or more
EXPIRES = f"{OWN}_expires"
KEY_NAME_BYTES = 255
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")


def checked_table(prefix: str, table: str) -> str:
    """The name of the table with its prefix; ConfigError SchemaMismatch when it cannot be one."""
    target = f"{prefix}{table}"
    if not table or not _TABLE.fullmatch(target):
        message = (
            f"{target[:80]!r} is no name for a table: 3 to 255 of the letters a to z and A to Z, digits, _, - "
            "and dots, with the DataStore's tablePrefix"
        )
        raise ConfigError("SchemaMismatch", message)
    return target


def checked_columns(table: str, schema: pa.Schema, key: Sequence[str]) -> None:
    """ConfigError SchemaMismatch for a column that an item cannot have, or a key that cannot be compared."""
    for field in schema:
        _check_name(table, field)
        if field.name.startswith(OWN):
            message = f"table {table!r}: names that begin with {OWN!r} are the store's own"
            raise ConfigError("SchemaMismatch", message)
        if not holds(field.type):
            message = (
                f"table {table!r}, column {field.name!r}: DynamoDB cannot hold {field.type}; "
                "cast it first"
            )
            raise ConfigError("SchemaMismatch", message)
        if field.name not in key:
            continue
        if pa.types.is_nested(field.type) or pa.types.is_null(field.type):
            message = f"table {table!r}: {field.name!r} is {field.type}, which cannot be a key"
            raise ConfigError("SchemaMismatch", message)
        if len(field.name.encode()) > KEY_NAME_BYTES:
            message = (
                f"table {table!r}: the name of a key column has at most {KEY_NAME_BYTES} bytes"
            )
            raise ConfigError("SchemaMismatch", message)


def _check_name(table: str, field: Any) -> None:
    if not field.name:
        raise ConfigError("SchemaMismatch", f"table {table!r}: a field without a name")
    for inner in inner_fields(field.type):
        _check_name(table, inner)
