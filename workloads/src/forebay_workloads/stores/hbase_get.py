"""Online reads: the rows of some keys in one call, within a deadline. Used by `hbase.py`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from forebay_workloads.errors import ConfigError, RetryableError
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import Row
from forebay_workloads.stores.hbase_catalog import Catalog
from forebay_workloads.stores.hbase_cells import batch_of
from forebay_workloads.stores.hbase_connection import Connection
from forebay_workloads.stores.hbase_keys import names_of
from forebay_workloads.stores.hbase_scan import fetched, taken_of


class Gets:
    """Reads rows by key."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog

    def get(
        self, table: str, keys: Sequence[Row], columns: Sequence[str] | None, timeout: float
    ) -> list[dict[str, Any] | None]:
        """One answer per key, None where there is no row; RetryableError DeadlineExceeded past `timeout` seconds."""
        end = time.monotonic() + timeout
        what = f"table {table!r}: {len(keys)} keys within {timeout:g} s"
        if timeout <= 0:
            raise RetryableError("DeadlineExceeded", f"{self._connection.where}: {what}")
        info = self._catalog.remembered(table, end)
        schema = checks.selected(table, info.schema, columns)
        wanted = checks.key_columns(table, info.schema, info.key, keys)
        if any(column.null_count for column in wanted):
            raise ConfigError("SchemaMismatch", f"table {table!r}: a key that is null is sought")
        if not keys:
            return []
        names, bad = names_of(wanted)
        sought = sorted({name for row, name in enumerate(names) if row not in bad})
        try:
            rows = self._connection.call(
                "getRowsWithColumns",
                info.target, sought, fetched(info, schema), {}, what=what, end=end,
            )  # fmt: skip
        except ConfigError:
            self._catalog.forget(table)
            raise
        cells = [info.cell(name) for name in schema.names]
        taken = [(row.row, taken_of(info, schema, row, cells)) for row in rows]
        batch = batch_of(taken, schema, info.name, own=info.own)
        found = dict(zip((name for name, _ in taken), batch.to_pylist(), strict=True))
        return [found.get(name) for name in names]
