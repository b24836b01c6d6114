"""Names of tables and columns as HBase can hold them. Pure, no I/O. Used by the HBase adapter's other modules."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa

from forebay_workloads.codecs.nested import holds
from forebay_workloads.errors import ConfigError

FAMILY = b"f:"  # of all columns of a table that we make
ROW = "row"  # the column that shows the names of rows of somebody else
_TABLE = re.compile(r"(\w[\w.-]*:)?\w[\w.-]*", re.ASCII)


def checked_table(prefix: str, table: str) -> bytes:
    """The name of the table with its prefix; ConfigError SchemaMismatch when it cannot be one."""
    target = f"{prefix}{table}"
    if not table or not _TABLE.fullmatch(target):
        message = (
            f"{target[:80]!r} is no name for a table: letters a to z and A to Z, digits, _, - and dots, maybe "
            "a namespace and a colon before it (with the DataStore's tablePrefix)"
        )
        raise ConfigError("SchemaMismatch", message)
    return target.encode()


def checked_columns(table: str, schema: pa.Schema, key: Sequence[str]) -> None:
    """ConfigError SchemaMismatch for a column that a row cannot have, or a key that cannot be compared."""
    for field in schema:
        if not field.name:
            raise ConfigError("SchemaMismatch", f"table {table!r}: a column without a name")
        if not holds(field.type):
            message = (
                f"table {table!r}, column {field.name!r}: HBase cannot hold {field.type}; "
                "cast it first"
            )
            raise ConfigError("SchemaMismatch", message)
        if field.name in key and (pa.types.is_nested(field.type) or pa.types.is_null(field.type)):
            message = f"table {table!r}: {field.name!r} is {field.type}, which cannot be a key"
            raise ConfigError("SchemaMismatch", message)
