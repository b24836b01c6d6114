"""Online reads by key, each within the caller's deadline.

Used by `cassandra.py`. Every key is one request to a replica of it, all of them at once within the window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pyarrow as pa

from forebay_workloads.errors import RetryableError
from forebay_workloads.stores import cassandra_statements as cql
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import Row
from forebay_workloads.stores.cassandra_catalog import Catalog, TableInfo
from forebay_workloads.stores.cassandra_connection import Connection
from forebay_workloads.stores.cassandra_errors import DRIVER_ERRORS, late, refused, roots
from forebay_workloads.stores.cassandra_page import Page
from forebay_workloads.stores.cassandra_scan import decoded
from forebay_workloads.stores.cassandra_write import KEY_BYTES
from forebay_workloads.stores.deadline import within

T = TypeVar("T")


class Gets:
    """Reads of single rows."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog

    def get(
        self, table: str, keys: Sequence[Row], columns: Sequence[str] | None, timeout: float
    ) -> list[dict[str, Any] | None]:
        """One answer per key, None where there is no row."""
        end = time.monotonic() + timeout
        info = self._info(table, end, timeout)
        schema = checks.selected(table, info.schema, columns)
        arrays = checks.key_columns(table, info.schema, info.key, keys)
        if not keys:
            return []
        prepared = self._prepared(info, schema, end, timeout)
        place = {meta.name: meta.type for meta in prepared.column_metadata}
        encoded = [
            info.codec(name).encode(array, place.get(name))
            for name, array in zip(info.key, arrays, strict=True)
        ]
        wanted = list(zip(*encoded, strict=True))
        found: dict[tuple[Any, ...], dict[str, Any] | None] = dict.fromkeys(wanted)
        askable = [one for one in found if possible(one, len(info.partition))]
        for start in range(0, len(askable), self._connection.concurrency):
            some = askable[start : start + self._connection.concurrency]
            found.update(self._ask(info, schema, prepared, some, end, timeout))
        return [found[one] for one in wanted]

    def _info(self, table: str, end: float, timeout: float) -> TableInfo:
        return self._catalog.known(table) or self._ready(
            end, timeout, lambda: self._catalog.remembered(table)
        )

    def _ready(self, end: float, timeout: float, work: Callable[[], T]) -> T:
        """What the connection may have to be opened for, which has a patience of its own."""
        try:
            return within(self._left(end, timeout), work)
        except TimeoutError as error:
            raise self._late(timeout) from error

    def _prepared(self, info: TableInfo, schema: pa.Schema, end: float, timeout: float) -> Any:
        text = cql.select_key(info.target, schema.names, info.key)

        def prepare() -> Any:
            with self._connection.speak(f"table {info.name!r}"):
                return self._connection.prepare(text)

        return self._connection.prepared(text) or self._ready(end, timeout, prepare)

    def _ask(
        self,
        info: TableInfo,
        schema: pa.Schema,
        prepared: Any,
        keys: Sequence[tuple[Any, ...]],
        end: float,
        timeout: float,
    ) -> dict[tuple[Any, ...], dict[str, Any] | None]:
        pending = []
        found: dict[tuple[Any, ...], dict[str, Any] | None] = {}
        try:
            for key in keys:
                bound = self._connection.bound(prepared, key)
                pending.append(self._connection.send(bound, timeout=self._left(end, timeout)))
            for key, future in zip(keys, pending, strict=True):
                pages: list[Page] = future.result().current_rows
                rows = decoded(info, schema, pages[0]).to_pylist() if pages else []
                found[key] = rows[0] if rows else None
        except DRIVER_ERRORS as error:
            if any(late(cause) for cause in roots(error)):
                raise self._late(timeout) from error
            if refused(error):
                self._catalog.forget(info.name)
            raise self._connection.translated(error, f"table {info.name!r}") from error
        self._left(end, timeout)
        return found

    def _left(self, end: float, timeout: float) -> float:
        left = end - time.monotonic()
        if left <= 0:
            raise self._late(timeout)
        return left

    def _late(self, timeout: float) -> RetryableError:
        message = f"{self._connection.where}: no answer within {timeout:g} s"
        return RetryableError("DeadlineExceeded", message)


def possible(key: Sequence[Any], partition: int) -> bool:
    """Whether there can be a row of that key: the server refuses to look for others. Pure."""
    whole = all(isinstance(part, bytes) and len(part) <= KEY_BYTES for part in key)
    return whole and not (partition == 1 and key[0] == b"")
