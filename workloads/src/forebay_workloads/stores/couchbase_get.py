"""Online reads: the documents of some keys, within a deadline. Used by `couchbase.py`.

The first call of a client connects, which cannot be told how much time is left: so calls run beside the caller, who
waits no longer than asked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from typing import Any, TypeVar

from forebay_workloads.errors import ConfigError, RetryableError
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import Row
from forebay_workloads.stores.couchbase_catalog import Catalog, TableInfo
from forebay_workloads.stores.couchbase_connection import Connection, names_only
from forebay_workloads.stores.couchbase_names import names_of
from forebay_workloads.stores.couchbase_values import batch_of, parsed

T = TypeVar("T")


class Gets:
    """Reads rows by key."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog

    def get(
        self, table: str, keys: Sequence[Row], columns: Sequence[str] | None, timeout: float
    ) -> list[dict[str, Any] | None]:
        """One answer per key, None where there is no document; RetryableError DeadlineExceeded past the time."""
        end = time.monotonic() + timeout
        what = f"{self._connection.where}: table {table!r}: {len(keys)} keys within {timeout:g} s"
        if timeout <= 0:
            raise RetryableError("DeadlineExceeded", what)
        info = _in_time(self._connection.pool.submit(self._catalog.remembered, table), end, what)
        schema = checks.selected(table, info.schema, columns)
        wanted = checks.key_columns(table, info.schema, info.key, keys)
        if any(column.null_count for column in wanted):
            raise ConfigError("SchemaMismatch", f"table {table!r}: a key that is null is sought")
        if not keys:
            return []
        names, bad = names_of(info.place, wanted, own=info.own)
        sought = {name for row, name in enumerate(names) if row not in bad}
        asked = self._connection.pool.submit(self._ask, info, sorted(sought), end)
        try:
            documents = _in_time(asked, end, what)
        except ConfigError:
            self._catalog.forget(table)
            raise
        found = [(name, parsed(name, data, table)) for name, data in documents.items()]
        rows = batch_of(found, schema, table, own=info.own).to_pylist()
        by_name = dict(zip((name for name, _ in found), rows, strict=True))
        return [by_name.get(name) for name in names]

    def _ask(self, info: TableInfo, names: Sequence[str], end: float) -> dict[str, bytes]:
        what = f"table {info.name!r}"
        return self._connection.many(info.place, "get", names_only(names), what, end).done


def _in_time(asked: Future[T], end: float, what: str) -> T:
    """What it answers; RetryableError DeadlineExceeded past the end."""
    try:
        return asked.result(max(0.0, end - time.monotonic()))
    except Late as error:
        raise RetryableError("DeadlineExceeded", what) from error
