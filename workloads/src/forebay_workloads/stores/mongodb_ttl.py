"""Rows that MongoDB forgets by itself: a field of the adapter's own that says when, and a TTL index over it.

Used by `mongodb_write.py`. The server removes documents about once a minute; until then those that are past their end
are left out of what is read.
"""

from __future__ import annotations

import time
from dataclasses import replace

import pyarrow as pa

from forebay_workloads.errors import ConfigError
from forebay_workloads.stores.mongodb_catalog import Catalog, TableInfo
from forebay_workloads.stores.mongodb_connection import Connection
from forebay_workloads.stores.mongodb_names import EXPIRES


def ready(connection: Connection, catalog: Catalog, info: TableInfo) -> TableInfo:
    """Makes the index with the first row of a table that ends, then notes that it is there."""
    if not info.own:
        message = f"table {info.name!r}: rows end only in tables that Forebay made"
        raise ConfigError("FieldNotSupportedInMode", message)
    if info.expires:
        return info
    with connection.speak(f"table {info.name!r}"):
        collection = catalog.collection(info.name)
        collection.create_index([(EXPIRES, 1)], expireAfterSeconds=0, sparse=True)
        catalog.note_expires(info)
    return replace(info, expires=True)


def ending(rows: pa.RecordBatch, ttl: float) -> pa.RecordBatch:
    """The rows with their end as one column more."""
    end = pa.scalar(int((time.time() + ttl) * 1000), pa.timestamp("ms", "UTC"))
    return rows.append_column(EXPIRES, pa.repeat(end, rows.num_rows))
