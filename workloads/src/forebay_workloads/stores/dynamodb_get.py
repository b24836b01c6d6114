"""Online reads: the items of some keys, a hundred in a request, within a deadline.

Used by `dynamodb.py`. The client cannot be told how much time is left, so its calls run beside the caller, who waits no
longer than asked; a call that was left behind ends by its own time-out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from typing import Any, TypeVar

import pyarrow as pa

from forebay_workloads.errors import ConfigError, RetryableError
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import Row
from forebay_workloads.stores.dynamodb_catalog import Catalog, TableInfo
from forebay_workloads.stores.dynamodb_connection import Connection
from forebay_workloads.stores.dynamodb_names import EXPIRES
from forebay_workloads.stores.dynamodb_rows import keys_of, name_of
from forebay_workloads.stores.dynamodb_scan import projection
from forebay_workloads.stores.dynamodb_ttl import ended
from forebay_workloads.stores.dynamodb_values import Item, batch_of
from forebay_workloads.stores.pauses import pauses

KEYS = 100  # of one request
PATIENCE = 8  # attempts at what the service left over

T = TypeVar("T")


class Gets:
    """Reads rows by key."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog

    def get(
        self, table: str, keys: Sequence[Row], columns: Sequence[str] | None, timeout: float
    ) -> list[dict[str, Any] | None]:
        """One answer per key, None where there is no item."""
        end = time.monotonic() + timeout
        what = f"{self._connection.where}: table {table!r}: {len(keys)} keys within {timeout:g} s"
        if timeout <= 0:
            raise RetryableError("DeadlineExceeded", what)
        look = self._connection.pool.submit(self._catalog.remembered, table, quick=True)
        (info,) = _in_time([look], end, what)
        schema = checks.selected(table, info.schema, columns)
        wanted = checks.key_columns(table, info.schema, info.key, keys)
        if not keys:
            return []
        found, bad = keys_of(info, wanted)
        names = [name_of(key) for key in found]
        sought = {names[row]: key for row, key in enumerate(found) if row not in bad}
        rows = self._ask(info, schema, list(sought.values()), end, what)
        return [None if row in bad else rows.get(name) for row, name in enumerate(names)]

    def _ask(
        self, info: TableInfo, schema: pa.Schema, keys: Sequence[Item], end: float, what: str
    ) -> dict[bytes, dict[str, Any]]:
        fields = projection([*info.types, *schema.names, *([EXPIRES] if info.expires else [])])
        asked = [
            self._connection.pool.submit(self._some, info, fields, keys[first : first + KEYS], end)
            for first in range(0, len(keys), KEYS)
        ]
        try:
            items = [
                item for some in _in_time(asked, end, what) for item in some if not ended(item)
            ]
        except ConfigError:
            self._catalog.forget(info.name)
            raise
        batch = batch_of(items, schema, info.name, own=info.own)
        names = (name_of({name: item[name] for name in info.types}) for item in items)
        return dict(zip(names, batch.to_pylist(), strict=True))

    def _some(
        self, info: TableInfo, fields: dict[str, Any], keys: Sequence[Item], end: float
    ) -> list[Item]:
        todo: dict[str, Any] = {**fields, "Keys": list(keys), "ConsistentRead": True}
        what = f"table {info.name!r}"
        items: list[Item] = []
        for pause in [*pauses(PATIENCE), None]:
            found = self._connection.call(
                "BatchGetItem", {"RequestItems": {info.target: todo}}, what, quick=True
            )
            items += found["Responses"].get(info.target, [])
            todo = found.get("UnprocessedKeys", {}).get(info.target, {})
            if not todo:
                return items
            if pause is None or time.monotonic() + pause > end:
                break
            time.sleep(pause)
        message = f"{self._connection.where}: {what}: {len(todo['Keys'])} keys are not answered"
        raise RetryableError("StoreThrottled", message)


def _in_time(asked: Iterable[Future[T]], end: float, what: str) -> list[T]:
    """What they answer; RetryableError DeadlineExceeded past the end."""
    try:
        return [one.result(max(0.0, end - time.monotonic())) for one in asked]
    except Late as error:
        raise RetryableError("DeadlineExceeded", what) from error
