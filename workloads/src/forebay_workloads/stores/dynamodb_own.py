"""The adapter's own table: notes of the tables that it made, blobs and their chunks, one item each.

Used by `dynamodb_catalog.py` and `dynamodb_blob.py`. It is made, on demand, for the first table or blob; while it is
not there nothing is noted. Items are found by `of` (what they are) and `name`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores.dynamodb_connection import Connection, wait_until
from forebay_workloads.stores.dynamodb_errors import CHANGED, NOT_FOUND, TAKEN, code_of
from forebay_workloads.stores.dynamodb_values import Item, Value

NAME = "forebay_store"  # behind the DataStore's prefix
OF, KEY = "of", "name"
READY_SECONDS = 180.0  # until a new table can be used


def create(connection: Connection, target: str, types: Mapping[str, str]) -> None:
    """Makes a table on demand and waits until it is there; no error when another was first."""
    roles = ("HASH", "RANGE")
    request = {
        "TableName": target,
        "KeySchema": [
            {"AttributeName": name, "KeyType": role}
            for name, role in zip(types, roles, strict=False)
        ],
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": of} for name, of in types.items()
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    try:
        connection.call("CreateTable", request, f"table {target!r} cannot be made")
    except RetryableError as error:
        if code_of(error.__cause__) != TAKEN:
            raise
    if not wait_until(lambda: _is_active(connection, target), READY_SECONDS):
        message = f"{connection.where}: table {target!r} was made and is not ready yet"
        raise RetryableError("StoreThrottled", message)


def _is_active(connection: Connection, target: str) -> bool:
    found = describe(connection, target)
    return found is not None and found["TableStatus"] in ("ACTIVE", "UPDATING")


def describe(connection: Connection, target: str, *, quick: bool = False) -> dict[str, Any] | None:
    """What the service says of a table; None when there is none."""
    try:
        found = connection.call(
            "DescribeTable", {"TableName": target}, f"table {target!r}", quick=quick
        )
    except ConfigError as error:
        if code_of(error.__cause__) != NOT_FOUND:
            raise
        return None
    table: dict[str, Any] = found["Table"]
    return None if table["TableStatus"] == "DELETING" else table


class Own:
    """Items of the adapter's own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.table = f"{connection.prefix}{NAME}"
        self._there = False
        self._lock = threading.Lock()

    def ready(self) -> None:
        """Makes the table when it is missing."""
        with self._lock:
            if self._there:
                return
            if describe(self._connection, self.table) is None:
                create(self._connection, self.table, {OF: "S", KEY: "S"})
            self._there = True

    def get(self, of: str, name: str, *, quick: bool = False) -> Item | None:
        """One item."""
        request = {"TableName": self.table, "Key": _key(of, name), "ConsistentRead": True}
        try:
            found = self._connection.call("GetItem", request, f"{of} {name}", quick=quick)
        except ConfigError as error:
            if code_of(error.__cause__) != NOT_FOUND:
                raise
            return None
        item: Item | None = found.get("Item")
        return item

    def put(self, of: str, name: str, item: Mapping[str, Value]) -> Item | None:
        """Keeps it; the item that it replaced."""
        request = {
            "TableName": self.table,
            "Item": {**item, **_key(of, name)},
            "ReturnValues": "ALL_OLD",
        }
        found = self._connection.call("PutItem", request, f"{of} {name}")
        return found.get("Attributes") or None

    def put_if(self, of: str, name: str, item: Mapping[str, Value], where: str) -> bool:
        """Keeps it if the item that is there has the same attribute `where` less one; whether it was so."""
        before = {"N": str(int(item[where]["N"]) - 1)}
        request = {
            "TableName": self.table,
            "Item": {**item, **_key(of, name)},
            "ConditionExpression": "#where = :before",
            "ExpressionAttributeNames": {"#where": where},
            "ExpressionAttributeValues": {":before": before},
        }
        return self._unless_changed("PutItem", request, f"{of} {name}")

    def delete_if(self, of: str, name: str, where: str, value: Value) -> bool:
        """Removes it if that attribute has that value; whether it was so."""
        request = {
            "TableName": self.table,
            "Key": _key(of, name),
            "ConditionExpression": "#where = :value",
            "ExpressionAttributeNames": {"#where": where},
            "ExpressionAttributeValues": {":value": value},
        }
        return self._unless_changed("DeleteItem", request, f"{of} {name}")

    def _unless_changed(self, operation: str, request: Mapping[str, Any], what: str) -> bool:
        try:
            self._connection.call(operation, request, what)
        except DataError as error:
            if code_of(error.__cause__) != CHANGED:
                raise
            return False
        return True

    def delete(self, of: str, name: str) -> None:
        """Removes it; no error when there is none."""
        request = {"TableName": self.table, "Key": _key(of, name)}
        self._connection.call("DeleteItem", request, f"{of} {name}")

    def list(self, of: str, prefix: str = "", names: Sequence[str] = ()) -> Iterator[Item]:
        """Items by name, in the order of its bytes; `names` are the attributes wanted, all when empty."""
        values: dict[str, Value] = {":of": {"S": of}}
        condition = "#of = :of"
        aliases = {"#of": OF}
        if prefix:
            values[":prefix"] = {"S": prefix}
            aliases["#name"] = KEY
            condition += " AND begins_with(#name, :prefix)"
        request: dict[str, Any] = {
            "TableName": self.table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ExpressionAttributeNames": aliases,
            "ConsistentRead": True,
        }
        if names:
            shown = {f"#n{index}": name for index, name in enumerate(names)}
            aliases |= shown
            request["ProjectionExpression"] = ", ".join(shown)
        try:
            while True:
                page = self._connection.call("Query", request, of)
                yield from page["Items"]
                if "LastEvaluatedKey" not in page:
                    return
                request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        except ConfigError as error:
            if code_of(error.__cause__) != NOT_FOUND:
                raise


def _key(of: str, name: str) -> Item:
    return {OF: {"S": of}, KEY: {"S": name}}
