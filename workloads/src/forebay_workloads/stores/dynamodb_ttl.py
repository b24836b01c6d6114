"""Rows that DynamoDB forgets by itself: an attribute of the adapter's own that says when, written with each row.

Used by its writes, scans and look-ups. The service removes items within some days of that time; until then they are
left out of what is read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from forebay_workloads.errors import ConfigError
from forebay_workloads.stores.dynamodb_catalog import Catalog, TableInfo
from forebay_workloads.stores.dynamodb_connection import Connection
from forebay_workloads.stores.dynamodb_names import EXPIRES
from forebay_workloads.stores.dynamodb_values import Item, Value


def ready(connection: Connection, catalog: Catalog, info: TableInfo) -> TableInfo:
    """Turns the service's TTL on, with the first row of a table that ends; the table's note says so then."""
    if not info.own:
        message = f"table {info.name!r}: rows end only in tables that Forebay made"
        raise ConfigError("FieldNotSupportedInMode", message)
    if info.expires:
        return info
    what = f"table {info.name!r}"
    found = connection.call("DescribeTimeToLive", {"TableName": info.target}, what)
    state = found["TimeToLiveDescription"]
    if state["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
        wished = {"AttributeName": EXPIRES, "Enabled": True}
        request = {"TableName": info.target, "TimeToLiveSpecification": wished}
        connection.call("UpdateTimeToLive", request, what)
    elif state.get("AttributeName") != EXPIRES:
        message = f"{what}: its rows go by the attribute {state.get('AttributeName')!r} already"
        raise ConfigError("FieldNotSupportedInMode", message)
    return catalog.change(info, lambda one: one if one.expires else replace(one, expires=True))


def end_of(ttl: float | None) -> Value | None:
    """The second after 1970 in which a row that is written now ends."""
    return None if ttl is None else {"N": str(math.ceil(time.time() + ttl))}


def ended(item: Item) -> bool:
    """Whether an item is past its end."""
    return EXPIRES in item and int(item[EXPIRES]["N"]) <= time.time()


def without_ended(request: Mapping[str, Any]) -> dict[str, Any]:
    """The scan without items that are past their end."""
    return {
        **request,
        "FilterExpression": "attribute_not_exists(#ends) OR #ends > :now",
        "ExpressionAttributeNames": {
            **request.get("ExpressionAttributeNames", {}),
            "#ends": EXPIRES,
        },
        "ExpressionAttributeValues": {":now": {"N": str(int(time.time()))}},
    }
