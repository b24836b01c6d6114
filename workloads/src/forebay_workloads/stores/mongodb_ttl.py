"""Rows that MongoDB forgets by itself: a TTL index over a column of times.

Used by `mongodb.py`. The server removes them about once a minute, so a row may stay a little longer.
"""

from __future__ import annotations

import pyarrow as pa

from forebay_workloads.errors import ConfigError
from forebay_workloads.stores import checks
from forebay_workloads.stores.mongodb_catalog import Catalog
from forebay_workloads.stores.mongodb_connection import Connection
from forebay_workloads.stores.mongodb_rows import checked_path

MOST_SECONDS = 2**31 - 1  # what the server takes


def expire_after(
    connection: Connection, catalog: Catalog, table: str, column: str, seconds: int
) -> None:
    """Rows go `seconds` after the time in `column`; another number for the same column replaces the old one."""
    info = catalog.info(table)
    kind = checks.selected(table, info.schema, [column]).field(0).type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        message = f"table {table!r}: rows can go by a column of times; {column!r} is {kind}"
        raise ConfigError("SchemaMismatch", message)
    if not 0 <= seconds <= MOST_SECONDS:
        message = f"table {table!r}: rows can go after 0 to {MOST_SECONDS} s, not {seconds}"
        raise ConfigError("FieldNotSupportedInMode", message)
    field = checked_path(info, column)
    with connection.speak(f"table {table!r}"):
        collection = catalog.collection(table)
        for index in collection.list_indexes():
            if list(index["key"]) != [field] or "expireAfterSeconds" not in index:
                continue
            if index["expireAfterSeconds"] != seconds:
                collection.drop_index(index["name"])
        collection.create_index([(field, 1)], expireAfterSeconds=seconds)
