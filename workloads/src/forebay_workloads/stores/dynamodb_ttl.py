"""Rows that DynamoDB forgets by itself: an attribute of the adapter's own that says when, made with each row.

Used by `dynamodb.py`. The service removes them within some days of that time; until then they are read.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from forebay_workloads.errors import ConfigError, RetryableError
from forebay_workloads.stores import checks
from forebay_workloads.stores.dynamodb_catalog import ATTEMPTS, Catalog
from forebay_workloads.stores.dynamodb_connection import Connection
from forebay_workloads.stores.dynamodb_names import EXPIRES

MOST_SECONDS = 2**31 - 1


def expire_after(
    connection: Connection, catalog: Catalog, table: str, column: str, seconds: int
) -> None:
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
            break
        info = catalog.change(info, replace(info, expiry={column: seconds}))
    else:
        raise RetryableError("StoreThrottled", f"table {table!r}: other writers keep changing it")
    what = f"table {table!r}"
    found = connection.call("DescribeTimeToLive", {"TableName": info.target}, what)
    state = found["TimeToLiveDescription"]
    if state["TimeToLiveStatus"] in ("ENABLED", "ENABLING"):
        if state.get("AttributeName") == EXPIRES:
            return
        message = f"{what}: its rows go by the attribute {state.get('AttributeName')!r} already"
        raise ConfigError("FieldNotSupportedInMode", message)
    wished = {"AttributeName": EXPIRES, "Enabled": True}
    request = {"TableName": info.target, "TimeToLiveSpecification": wished}
    connection.call("UpdateTimeToLive", request, what)
