"""Online reads: the documents of some keys in one round trip, within a deadline.

Used by `mongodb.py`. What is known of a table is kept for some seconds, as a look-up must not ask for it each time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pymongo
from pymongo.errors import PyMongoError

from forebay_workloads.errors import RetryableError
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import Row
from forebay_workloads.stores.known import Known
from forebay_workloads.stores.mongodb_catalog import Catalog, TableInfo
from forebay_workloads.stores.mongodb_connection import Connection, Document
from forebay_workloads.stores.mongodb_errors import late
from forebay_workloads.stores.mongodb_rows import key_values, query_of_all
from forebay_workloads.stores.mongodb_scan import projection
from forebay_workloads.stores.mongodb_split import filter_of
from forebay_workloads.stores.mongodb_types import batch_of


class Gets:
    """Reads rows by key."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog
        self._known: Known[TableInfo] = Known()

    def forget(self, table: str) -> None:
        """The table's columns may have changed."""
        self._known.forget(table)

    def get(
        self, table: str, keys: Sequence[Row], columns: Sequence[str] | None, timeout: float
    ) -> list[dict[str, Any] | None]:
        """One answer per key, in order; RetryableError DeadlineExceeded past `timeout` seconds."""
        what = f"table {table!r}: {len(keys)} keys within {timeout:g} s"
        if timeout <= 0:
            raise RetryableError("DeadlineExceeded", f"{self._connection.where}: {what}")
        try:
            with self._connection.speak(what), pymongo.timeout(timeout):
                return self._get(self._info(table, keys), keys, columns)
        except RetryableError as error:
            if isinstance(error.__cause__, PyMongoError) and late(error.__cause__):
                message = f"{self._connection.where}: {what}"
                raise RetryableError("DeadlineExceeded", message) from error
            raise

    def _info(self, table: str, keys: Sequence[Row]) -> TableInfo:
        info = self._known.find(table) or self._known.keep(table, self._catalog.info(table))
        return info if info.own or not keys else info.keyed(list(keys[0]))

    def _get(
        self, info: TableInfo, keys: Sequence[Row], columns: Sequence[str] | None
    ) -> list[dict[str, Any] | None]:
        asked = checks.selected(info.name, info.schema, columns)
        wanted = checks.key_columns(info.name, info.schema, info.key, keys)
        if not keys:
            return []
        schema = pa.schema(
            [*(info.schema.field(name) for name in info.key if name not in asked.names), *asked]
        )
        values, bad = key_values(info, wanted)
        sought = [one for index, one in enumerate(values) if index not in bad and None not in one]
        documents = self._documents(info, sought, schema)
        found = _by_key(batch_of(documents, schema, info.name, own=info.own), info.key)
        whole = zip(*(column.to_pylist() for column in wanted), strict=True)
        rows = [found.get(tuple(map(_same, key))) for key in whole]
        return [row if row is None else {name: row[name] for name in asked.names} for row in rows]

    def _documents(
        self, info: TableInfo, sought: Sequence[Sequence[Any]], schema: pa.Schema
    ) -> list[Document]:
        if not sought:
            return []
        collection = self._catalog.collection(info.name)
        query = query_of_all(info, sought)
        if info.expires:
            query |= filter_of({"now": int(time.time() * 1000)})
        return list(collection.find(query, projection(info, schema)))


def _by_key(batch: pa.RecordBatch, key: Sequence[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(_same(row[name]) for name in key): row for row in batch.to_pylist()}


def _same(value: Any) -> Any:
    """NaN as a text: as a key it is equal to itself."""
    return "NaN" if isinstance(value, float) and value != value else value  # noqa: PLR0124 - NaN
