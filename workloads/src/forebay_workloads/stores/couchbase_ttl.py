"""Rows that Couchbase forgets by itself: each document gets an expiry when it is written. Used by `couchbase.py`."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from forebay_workloads.errors import ConfigError, RetryableError
from forebay_workloads.stores import checks
from forebay_workloads.stores.couchbase_catalog import ATTEMPTS, Catalog

MOST_SECONDS = 2**31 - 1


def expire_after(catalog: Catalog, table: str, column: str, seconds: int) -> None:
    """Rows that are written from now on go `seconds` after the time in `column`."""
    info = catalog.info(table)
    kind = checks.selected(table, info.schema, [column]).field(0).type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        message = f"table {table!r}: rows can go by a column of times; {column!r} is {kind}"
        raise ConfigError("SchemaMismatch", message)
    if not info.own or not 0 <= seconds <= MOST_SECONDS:
        message = (
            f"table {table!r}: rows of tables that Forebay made can go after 0 to {MOST_SECONDS} s"
        )
        raise ConfigError("FieldNotSupportedInMode", message)
    for _ in range(ATTEMPTS):
        if dict(info.expiry) == {column: seconds}:
            return
        info = catalog.change(info, replace(info, expiry={column: seconds}))
    raise RetryableError("StoreThrottled", f"table {table!r}: other writers keep changing it")
